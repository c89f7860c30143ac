"""What docs/before.md says of requests to S3, counted at a client of django-storages."""

from __future__ import annotations

import json
import os
import subprocess
import sys

# A process of its own: Django's settings are of one process.
PROGRAM = """
import json
import boto3
import django
from django.conf import settings
from moto import mock_aws

settings.configure(USE_TZ=True)
django.setup()
from django.core.files.base import ContentFile
from storages.backends.s3boto3 import S3Boto3Storage

counted = {}

def count(step, act):
    seen.clear()
    act()
    counted[step] = sorted(seen)

def read(name):
    try:
        with storage.open(name) as stream:
            stream.read()
    except FileNotFoundError:
        pass

with mock_aws():
    boto3.client("s3", "us-east-1").create_bucket(Bucket="example")
    storage = S3Boto3Storage(bucket_name="example", location="block_structures/", default_acl=None, region_name="us-east-1")
    seen = []
    client = storage.connection.meta.client
    client.meta.events.register("before-send.s3", lambda request, **more: seen.append(request.method))
    count("write", lambda: storage.save("course/1", ContentFile(b"x" * 400000)))
    count("read", lambda: read("course/1"))
    count("missing", lambda: read("course/2"))
    count("list", lambda: storage.listdir("course"))
    count("remove", lambda: storage.delete("course/1"))
print(json.dumps(counted))
"""


def test_requests_to_s3_are_as_documented():
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **keys}, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "write": ["PUT"],
        "read": ["GET", "HEAD", "HEAD"],
        "missing": ["HEAD"],
        "list": ["GET"],
        "remove": ["DELETE"],
    }
