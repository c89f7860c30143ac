"""Runs on one version of django-storages: say where its S3 class sends an object, and how.

Standard input: {"class", "kwargs", "globals": Django settings}. Standard output: what was seen, as JSON. S3 is not asked: the
request is caught where it would leave the process.
"""

import contextlib
import json
import os
import sys
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.utils.module_loading import import_string

with contextlib.suppress(ImportError):  # the oldest has boto alone
    from botocore.awsrequest import AWSResponse

NAME = "block_structures/course/2026-11-27-120000-000000"
# They differ in each request, or with the body alone.
CHANGING = ("authorization", "amz-sdk-invocation-id", "x-amz-date", "user-agent", "x-amz-content-sha256", "content-md5")


class Nothing:
    """The body of an empty answer."""

    def stream(self, **_more):
        """Return its parts."""
        return iter(())


def of_boto3(storage):
    """Return what boto3 would send for one object, and by which means."""
    client = storage.connection.meta.client
    caught = []

    def catch(request, **_more):
        caught.append(request)
        return AWSResponse(request.url, 200, {"ETag": '"x"'}, Nothing())

    client.meta.events.register("before-send.s3", catch)
    storage.save(NAME, ContentFile(b"structure"))
    headers = {}
    for request in caught:
        for name, value in request.headers.items():
            text = value.decode() if isinstance(value, bytes) else str(value)
            headers[name.lower()] = text
    key = headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]
    session = client._endpoint.http_session
    return {
        "requests": [(request.method, urlsplit(request.url)._replace(query="").geturl()) for request in caught],
        "headers": {name: value for name, value in headers.items() if name not in CHANGING},
        "signed": headers.get("authorization", "").partition(" ")[0],
        "key": key,
        "token": headers.get("x-amz-security-token"),
        "region": client.meta.region_name,
        "verify": repr(session._verify),
        "proxies": session._proxy_config._proxies,
        "threads": getattr(getattr(storage, "transfer_config", None), "use_threads", None),
    }


def of_boto(storage):
    """Return how boto would connect, and what the class adds to each object."""
    connection = storage.connection
    names = ("headers", "encryption", "reduced_redundancy", "gzip", "default_acl", "location", "auto_create_bucket")
    return {
        "host": connection.host,
        "port": connection.port,
        "tls": connection.is_secure,
        "key": connection.aws_access_key_id,
        "calling_format": type(connection.calling_format).__name__,
        **{name: getattr(storage, name) for name in names},
    }


def main():
    """Answer one request."""
    request = json.load(sys.stdin)
    settings.configure(USE_TZ=True, SECRET_KEY="example", **request["globals"])
    storage = import_string(request["class"])(**request["kwargs"])
    # The resilient class's strict variant writes by the release's own code.
    storage = getattr(storage, "strict", lambda: storage)()
    seen = of_boto3(storage) if hasattr(storage.connection, "meta") else of_boto(storage)
    sys.stdout.write(json.dumps(seen, default=repr))
    sys.stdout.flush()
    os._exit(0)


main()
