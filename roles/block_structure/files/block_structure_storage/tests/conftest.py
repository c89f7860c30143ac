"""What the tests share: Django's settings, the sandbox's S3 API on loopback with its faults, and storages on it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import django.conf
import pytest
from block_structure_storage import storage
from botocore.config import Config
from sandbox_s3.faults import Fault

# What is shared with the stress program.
sys.path.insert(0, str(Path(__file__).resolve().parents[5] / "tests/storage"))
import impostor

django.conf.settings.configure(SECRET_KEY="a secret of this site alone")

KEYS = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

Make = Callable[..., Any]


class S3:
    """The S3 API with an active fault or none, and a way around the class under test."""

    bucket: str

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.served, self.impostor = impostor.serve()
        self.faults, self.endpoint = self.served.faults, self.served.endpoint
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEYS["access_key"],
            aws_secret_access_key=KEYS["secret_key"],
            config=Config(s3={"addressing_style": "path"}),
        )

    def begin(self) -> None:
        """Turn to an empty bucket: what a thread of an earlier test still uploads goes into the bucket of that test."""
        self.bucket = f"example-resilient-{next(self.numbers)}"
        self.client.create_bucket(Bucket=self.bucket)

    def fail(self, kind: str, **keys: Any) -> None:
        """Activate a fault."""
        self.faults.set(Fault(kind, **keys))

    def heal(self) -> None:
        """Take the fault away."""
        self.impostor.lie(None)
        self.faults.set(None)

    def names(self) -> list[str]:
        """Return the keys of all objects of the bucket."""
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    """One S3 API for all tests."""
    started = S3()
    yield started
    started.served.close()


@pytest.fixture
def s3(server: S3) -> Iterator[S3]:
    """The S3 API with an empty bucket and no fault."""
    server.begin()
    yield server
    server.heal()


@pytest.fixture
def make(s3: S3, tmp_path: Path) -> Iterator[Make]:
    """Make a storage as a new process would; two with other folders are two hosts."""

    def made(cls: type = storage.ResilientS3Storage, **settings: Any) -> Any:
        storage._SHARED.clear()
        given = {
            **KEYS,
            "bucket_name": s3.bucket,
            "endpoint_url": s3.endpoint,
            "region_name": "us-east-1",
            "addressing_style": "path",
            "default_acl": None,
            "location": "",
        }
        if cls is storage.ResilientS3Storage:
            # Short, so that a test of hanging does not hang; one attempt, so that no pause between two eats the budget.
            given.update(local_directory=str(tmp_path / "host1"), read_timeout_seconds=0.7, attempts=1, budget_seconds=5)
        return cls(**{**given, **settings})

    yield made
    storage._SHARED.clear()


@pytest.fixture
def healthy() -> Any:
    """What a machine under load needs to answer in time: used where a test is not about waiting."""
    return {"read_timeout_seconds": 20, "budget_seconds": 30, "connect_timeout_seconds": 20}


@pytest.fixture
def calm(make: Any, healthy: Any) -> Any:
    """Make storages that wait long: for tests that are not about waiting."""
    return lambda *args, **settings: make(*args, **{**healthy, **settings})
