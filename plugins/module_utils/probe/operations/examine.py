"""What diagnose asks beyond the survey: what anonymous requests may do with stored objects, and what other processes run with.

Nothing is written anywhere: a missing object is asked for, some objects are asked for without credentials, files are looked
at, the workers are asked for their settings, and /proc for the age of the processes.
"""

from __future__ import absolute_import

import os
import stat
import time
import uuid

from ..engine import (
    edxapp,
    facts,
    fetching,
    objects,
    running,
)
from ..protocol import describe

# How many objects are asked for as a stranger; the newest of each course, evenly spread over the names.
STRANGERS_SAMPLE = 25
_SECONDS = 5


def missing_object(inspect):
    """Return how the store answers for an object that does not exist: {"code", "type", "message"}, code 404 when all is well.

    Without s3:ListBucket it says 403, which the platform does not take for "not found" (facts: block_structure/models.py).
    """
    if inspect.kind != "s3":
        return None
    try:
        name = fetching.key_of(inspect.backend, objects.prefix().lstrip("/") + "block-structure-missing-" + uuid.uuid4().hex)
        inspect.client.head_object(Bucket=inspect.bucket, Key=name)
    except Exception as error:
        return describe(error)
    return {"type": None, "code": "200", "message": "an object of a random name exists"}


def listing(inspect):
    """Return why the LMS's credentials cannot list its own bucket, None when they can."""
    if inspect.kind != "s3":
        return None
    try:
        inspect.client.list_objects_v2(Bucket=inspect.bucket, Prefix=objects.prefix().lstrip("/"), MaxKeys=1)
    except Exception as error:
        return describe(error)
    return None


def _stranger(inspect):
    """Return a client of the same store without credentials."""
    import boto3.session
    from botocore import UNSIGNED
    from botocore.config import Config

    meta = inspect.client.meta
    config = Config(
        signature_version=UNSIGNED,
        connect_timeout=_SECONDS,
        read_timeout=_SECONDS,
        s3=meta.config.s3,
        retries={"max_attempts": 0},
    )
    return boto3.session.Session().client(
        "s3",
        region_name=meta.region_name,
        endpoint_url=meta.endpoint_url,
        verify=getattr(inspect.backend, "verify", None),
        config=config,
    )


def anonymous(inspect, names):
    """Return what somebody without credentials may do: {"asked", "readable": [name], "may_list", "problem"}."""
    if inspect.kind != "s3":
        return None
    asked = names[:: max(1, -(-len(names) // STRANGERS_SAMPLE))]
    report = {"asked": len(asked), "readable": [], "may_list": False, "problem": None}
    try:
        client = _stranger(inspect)
        report["may_list"] = _allowed(client.list_objects_v2, Bucket=inspect.bucket, MaxKeys=1)
        report["readable"] = [
            name
            for name in asked
            if _allowed(client.head_object, Bucket=inspect.bucket, Key=fetching.key_of(inspect.backend, name))
        ]
    except Exception as error:
        report["problem"] = describe(error)
    return report


def _allowed(call, **arguments):
    """Return whether the store allowed it; raises what is no answer of the store."""
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError:
        return False
    return True


def files(inspect, names):
    """Return who may read and write the files of a storage in a directory; None for other storages."""
    if inspect.root is None:
        return None
    from django.conf import settings

    media = os.path.realpath(str(settings.MEDIA_ROOT))
    root = os.path.realpath(inspect.root)
    report = {"root": root, "media_url": str(settings.MEDIA_URL)}
    report["in_media"] = (root + os.sep).startswith(media + os.sep)
    paths = [(name, os.path.join(inspect.root, name.lstrip("/"))) for name in names]
    modes = [(name, os.lstat(path).st_mode) for name, path in paths if os.path.exists(path)]
    report["world_readable"] = [name for name, mode in modes if mode & stat.S_IROTH]
    report["world_writable"] = [name for name, mode in modes if mode & stat.S_IWOTH]
    return report


def run(operation, release):
    """Return missing_object, listing_problem, anonymous, files, own, workers and processes; each None where it does not apply.

    workers: seconds to wait for the answers of the Celery workers, 0 asks nobody.
    """
    start = time.time()
    edxapp.forget_request()
    inspect = fetching.Store()
    rows = edxapp.models().BlockStructureModel.objects.all().order_by("data_usage_key")
    names = [str(row.data.name) for row in rows if row.data.name]
    return {
        "missing_object": missing_object(inspect),
        "listing_problem": listing(inspect),
        "anonymous": anonymous(inspect, names),
        "files": files(inspect, names),
        "own": running.comparable(facts.settings_facts()),
        "workers": running.workers(operation.get("workers", 0)),
        "processes": running.processes(),
        "seconds": round(time.time() - start, 3),
    }
