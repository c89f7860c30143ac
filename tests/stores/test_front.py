"""A TLS front that refuses bodies in aws-chunked encoding: what boto3 1.36 and later send it, and what helps.

It stands before the sandbox's S3 API, which takes them: so it is the front alone that makes the difference.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import django.conf
import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import candidate, storage_settings
from block_structure.module_utils.probe.operations import candidate as probe_candidate
from sandbox_s3.differences import RefusesChunked
from sandbox_s3.server import Listener, application, seed

from .front import certificate

KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
BUCKET = "example-chunked-bodies"


@pytest.fixture(scope="module", params=[True, False], ids=["refusing", "taking"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Whether the front refuses them, and the kwargs of a storage behind it."""
    path, key = certificate(tmp_path_factory.mktemp("tls"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path, key)
    seed()
    gate = application()
    listener = Listener(RefusesChunked(gate) if request.param else gate, "127.0.0.1", 0, tls)
    listener.open()
    endpoint = f"https://127.0.0.1:{listener.port}"
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        verify=str(path),
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
    ).create_bucket(Bucket=BUCKET)
    yield (
        request.param,
        {
            "bucket_name": BUCKET,
            "endpoint_url": endpoint,
            "access_key": KEYS[0],
            "secret_key": KEYS[1],
            "region_name": "us-east-1",
            "addressing_style": "path",
            "verify": str(path),
            "default_acl": None,
            "location": "",
        },
    )
    listener.close()


def prove(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return what the canary of the candidate boot finds with django-storages and boto3 as they are installed."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(SECRET_KEY="a secret of this site alone")
    from storages.backends.s3 import S3Storage  # noqa: PLC0415 - needs the settings

    answer: dict[str, Any] = probe_candidate.prove(S3Storage(**kwargs), "courses/")
    return answer


def test_the_default_of_boto3_is_refused_with_the_variable_that_helps(store: tuple[bool, dict[str, Any]]) -> None:
    refusing, kwargs = store
    answer = prove(kwargs)
    if not refusing:
        assert not answer.get("problem"), answer
        return
    with pytest.raises(BlockStructureError) as caught:
        candidate.judge_canary(answer)
    assert caught.value.identifier == "storage-unusable"
    assert "the store does not take the checksums that boto3 1.36 and later send" in caught.value.cause
    assert caught.value.remedy == (
        "set block_structure_storage_checksums to when_required, or block_structure_storage_class to resilient."
    )


def test_with_the_variable_the_same_store_takes_objects(
    store: tuple[bool, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in storage_settings.environment({storage_settings.CHECKSUMS: "when_required"}).items():
        monkeypatch.setenv(name, value)
    answer = prove(store[1])
    assert not answer.get("problem"), answer
    candidate.judge_canary(answer)


def test_the_resilient_class_sends_none_to_a_store_that_is_not_aws(store: tuple[bool, dict[str, Any]], tmp_path: Path) -> None:
    if not django.conf.settings.configured:
        django.conf.settings.configure(SECRET_KEY="a secret of this site alone")
    from block_structure_storage.storage import ResilientS3Storage  # noqa: PLC0415 - needs the settings

    made = ResilientS3Storage(**store[1], local_directory=str(tmp_path), read_timeout_seconds=20, budget_seconds=30)
    answer = probe_candidate.prove(made.strict(), "courses/")
    assert not answer.get("problem"), answer
