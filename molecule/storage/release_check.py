"""Runs under the Python of one release's LMS: its Django, django-storages and boto3 with the resilient class, no platform.

Standard input: {"kwargs": STORAGE_KWARGS, "dead": an endpoint that refuses, "folder": directory for copies}. Standard output:
what was seen, as JSON. Needs DJANGO_SETTINGS_MODULE, because old versions of django-storages read settings at import.
"""

import json
import os
import sys
import uuid
from pathlib import Path

import boto3
import django
import storages
from block_structure_storage import remote, storage
from django.core.files.base import ContentFile

DATA = os.urandom(100000)


def made(request, folder, **changes):
    """Return a storage as a new process on a host would have it."""
    storage._SHARED.clear()
    path = request["folder"] + "/" + folder
    Path(path).mkdir(0o700, exist_ok=True)
    patient = {"budget_seconds": 60, "read_timeout_seconds": 60, "connect_timeout_seconds": 60}
    return storage.ResilientS3Storage(**dict(request["kwargs"], local_directory=path, **dict(patient, **changes)))


def main():
    request = json.load(sys.stdin)
    name = f"block_structures/release-check-{uuid.uuid4().hex}/2026-11-24-033000-123456"
    seen = {"django": django.get_version(), "django-storages": storages.__version__, "boto3": boto3.__version__}
    here, elsewhere = made(request, "here"), made(request, "elsewhere")
    seen["base"] = storage.ReleaseS3Storage.__module__ + "." + storage.ReleaseS3Storage.__name__
    seen["name_kept"] = here.save(name, ContentFile(DATA)) == name
    seen["read_on_another_host"] = elsewhere.open(name).read() == DATA
    plain = storage.ReleaseS3Storage(**request["kwargs"])
    seen["read_by_plain"] = plain.open(name).read() == DATA
    metadata = plain.bucket.Object(name).metadata
    seen["digest_kept"] = remote.DIGEST in metadata
    seen["listed"] = here.listdir(name.rsplit("/", 1)[0])[1] == [name.rsplit("/", 1)[1]]
    # An outage: another endpoint would be another place, so the client alone is turned away.
    away = made(request, "away")
    away.endpoint_url = request["dead"]
    away.save(name + "0", ContentFile(DATA))
    seen["spooled"] = away.state()["spool"]["waiting"] == 1 and away.open(name + "0").read() == DATA
    try:
        away.open(name + "1")
    except FileNotFoundError:
        seen["not_found"] = True
    back = made(request, "away")
    back._breaker.close()
    seen["drained"] = back.drain()["left"] == 0 and plain.open(name + "0").read() == DATA
    for one in (name, name + "0"):
        back.delete(one)
    seen["deleted"] = not back.exists(name)
    print(json.dumps(seen))


main()
