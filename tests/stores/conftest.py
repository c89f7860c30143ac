"""A store behind TLS, a client of its owner, the storage classes of an LMS on it, and the bucket step of the role."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import django.conf
import pytest
from block_structure.plugin_utils import role_variables
from botocore.config import Config

from ..unit import modules
from .front import Front
from .stores import BOTO3, WANTED, Store

SEEN = Path(__file__).resolve().parents[2] / ".cache/stores"
BUCKET = "example-block-structures"
FEATURES = ("bucket", "second run", "canary", "checksums", "listing", "generation", "move", "prune", "outage")


@pytest.fixture(scope="module", params=WANTED, ids=lambda store: store.name)
def store(request: pytest.FixtureRequest) -> Store:
    """One store after the other."""
    chosen: Store = request.param
    return chosen


@pytest.fixture(scope="module")
def front(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The running store behind TLS."""
    with store.running(tmp_path_factory.mktemp(store.name)) as port:
        made = Front(tmp_path_factory.mktemp("front"), port)
        yield made
        made.close()


@pytest.fixture(scope="module")
def client(front: Front, store: Store) -> Any:
    """The owner's client, and the bucket."""
    made = boto3.client(
        "s3",
        endpoint_url=front.endpoint,
        verify=str(front.certificate),
        region_name="us-east-1",
        aws_access_key_id=store.keys[0],
        aws_secret_access_key=store.keys[1],
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )
    made.create_bucket(Bucket=BUCKET)
    return made


@pytest.fixture(scope="module")
def seen(store: Store) -> Iterator[dict[str, str]]:
    """What each feature showed, for the page; kept when all of them were tried."""
    found: dict[str, str] = {}
    yield found
    if set(FEATURES) <= set(found):
        SEEN.mkdir(parents=True, exist_ok=True)
        head = {"store": store.title, "version": store.version(), "from": store.source, "boto3": BOTO3}
        (SEEN / f"{store.name}.json").write_text(
            json.dumps({**head, "off": store.off, "seen": {name: found[name] for name in FEATURES}}, indent=1) + "\n"
        )


@pytest.fixture
def storage(front: Front, store: Store, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a storage class of the newest release on the store. given: other kwargs. variables: of the environment."""
    del client  # which made the bucket
    if not django.conf.settings.configured:
        django.conf.settings.configure(SECRET_KEY="a secret of this site alone")
    from block_structure_storage.storage import ResilientS3Storage  # noqa: PLC0415 - needs the settings
    from storages.backends.s3 import S3Storage  # noqa: PLC0415

    kwargs = {
        "bucket_name": BUCKET,
        "endpoint_url": front.endpoint,
        "access_key": store.keys[0],
        "secret_key": store.keys[1],
        "region_name": "us-east-1",
        "addressing_style": "path",
        "verify": str(front.certificate),
        "default_acl": None,
        "location": "",
    }
    resilient = {"read_timeout_seconds": 20, "budget_seconds": 30, "connect_timeout_seconds": 5, "breaker_seconds": 0.5}

    def made(kind: str, given: dict[str, Any] | None = None, **variables: str) -> Any:
        own = {**kwargs, **(given or {})}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        if kind == "plain":
            return S3Storage(**own)
        return ResilientS3Storage(**own, **resilient, local_directory=str(tmp_path / "local"))

    return made


@pytest.fixture(scope="module")
def step(front: Front, store: Store) -> Callable[..., dict[str, Any]]:
    """Run the bucket step as Ansible runs it, with further variables."""

    def run(*options: str, **variables: Any) -> dict[str, Any]:
        chosen = {
            **role_variables.defaults(),
            "block_structure_storage_bucket": BUCKET,
            "block_structure_bucket_endpoint_url": front.endpoint,
            "block_structure_bucket_ca_bundle": str(front.certificate),
            "block_structure_bucket_access_key": store.keys[0],
            "block_structure_bucket_secret_key": store.keys[1],
            **variables,
        }
        return modules.run("bucket", {}, "-e", json.dumps(chosen), *options)

    return run
