"""Checks of diagnose beyond the survey: anonymous access to stored objects, and the settings of other processes.

Nothing is written: it requests a missing object, requests some objects without credentials, reads file modes, asks the workers
for their settings, and reads the age of processes from /proc.
"""

from __future__ import absolute_import

import os
import stat
import time
import uuid

from ..engine import (
    ages,
    edxapp,
    facts,
    fetching,
    objects,
    running,
)
from ..protocol import describe

# Objects that are requested anonymously: the current one of each course, evenly spread over the names.
ANONYMOUS_SAMPLE = 25
_SECONDS = 5


def missing_object(inspect):
    """Return how the store answers for an object that does not exist: {"code", "type", "message"}; 404 is correct.

    Without s3:ListBucket it is 403, which the platform does not treat as "not found" (block_structure/models.py).
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
    """Return why the LMS's credentials cannot list the bucket, None when they can."""
    if inspect.kind != "s3":
        return None
    try:
        inspect.client.list_objects_v2(Bucket=inspect.bucket, Prefix=objects.prefix().lstrip("/"), MaxKeys=1)
    except Exception as error:
        return describe(error)
    return None


def _anonymous_client(inspect):
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
    """Return what is possible without credentials: {"asked", "readable": [name], "may_list", "problem"}."""
    if inspect.kind != "s3":
        return None
    asked = names[:: max(1, -(-len(names) // ANONYMOUS_SAMPLE))]
    report = {"asked": len(asked), "readable": [], "may_list": False, "problem": None}
    try:
        client = _anonymous_client(inspect)
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
    """Return whether the store allowed it; raises errors that are not an answer of the store."""
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

    workers: seconds to wait for answers of the Celery workers, 0 skips them.
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
        "processes": ages.processes(),
        "seconds": round(time.time() - start, 3),
    }
