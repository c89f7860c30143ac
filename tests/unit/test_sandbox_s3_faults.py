"""The faults of the sandbox's S3 API, as boto3 in an LMS sees them over HTTP."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from sandbox_s3.faults import PAGE
from sandbox_s3.loopback import Loopback

KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
READ_TIMEOUT_SECONDS = 0.5

Order = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Serve S3 and the endpoint for faults on free loopback ports; return both port numbers."""
    served = Loopback()
    yield served.api.port, served.control.port
    served.close()


@pytest.fixture(scope="module")
def client(ports: tuple[int, int]) -> BaseClient:
    """A client with short timeouts and no retries, and one object in S3."""
    made = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{ports[0]}",
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=READ_TIMEOUT_SECONDS),
    )
    made.create_bucket(Bucket="example-faults")
    made.put_object(Bucket="example-faults", Key="x", Body=b"tree")
    return made


@pytest.fixture
def order(ports: tuple[int, int]) -> Iterator[Order]:
    """Inject a fault (`order(kind="hang")`), end it (`order()`), or read the current one (`order(look=True)`)."""

    def send(inspect: bool = False, **fault: Any) -> dict[str, Any]:
        method = "GET" if inspect else "PUT" if fault else "DELETE"
        data = json.dumps(fault).encode() if fault else None
        request = urllib.request.Request(f"http://127.0.0.1:{ports[1]}/", data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    yield send
    send()


def read(client: BaseClient) -> bytes:
    content: bytes = client.get_object(Bucket="example-faults", Key="x")["Body"].read()
    return content


@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (403, "AccessDenied"), (403, "RequestTimeTooSkewed")]
)
def test_error_answer(client: BaseClient, order: Order, status: int, code: str) -> None:
    order(kind="answer", status=status, code=code)
    with pytest.raises(ClientError) as caught:
        read(client)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    with pytest.raises(ClientError):
        client.put_object(Bucket="example-faults", Key="y", Body=b"x" * 100_000)
    assert order(inspect=True)["met"] >= 2
    order()
    assert read(client) == b"tree"


def test_hanging_request_ends_with_the_fault(client: BaseClient, order: Order) -> None:
    order(kind="hang")
    with pytest.raises(ReadTimeoutError):
        read(client)
    order()
    assert read(client) == b"tree"


def test_delay(client: BaseClient, order: Order) -> None:
    order(kind="delay", seconds=0.2)
    start = time.monotonic()
    assert read(client) == b"tree"
    assert time.monotonic() - start >= 0.2


def test_ignored_request_succeeds_without_effect(client: BaseClient, order: Order) -> None:
    order(kind="ignore", methods=["PUT"])
    client.put_object(Bucket="example-faults", Key="x", Body=b"shrub")
    assert read(client) == b"tree"


def test_page_in_place_of_an_answer(client: BaseClient, order: Order) -> None:
    order(kind="page")
    assert read(client) == PAGE
    client.put_object(Bucket="example-faults", Key="x", Body=b"shrub")
    order()
    assert read(client) == b"tree"


def test_refusing_breaks_open_connections_and_keeps_objects(client: BaseClient, order: Order) -> None:
    assert read(client) == b"tree"
    order(kind="refuse")
    for _ in range(2):
        with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
            read(client)
    order()
    assert read(client) == b"tree"


def test_fault_for_some_requests_only(client: BaseClient, order: Order) -> None:
    order(kind="answer", methods=["PUT"], match="example-faults/y")
    assert read(client) == b"tree"
    client.put_object(Bucket="example-faults", Key="x", Body=b"tree")
    with pytest.raises(ClientError):
        client.put_object(Bucket="example-faults", Key="y", Body=b"x")
    state = order(inspect=True)
    assert (state["served"], state["met"]) == (3, 1)


@pytest.mark.parametrize("fault", [{"kind": "earthquake"}, {"kind": "answer", "status": 200}, {"what": 1}])
def test_unknown_fault_is_refused(client: BaseClient, order: Order, fault: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        order(**fault)
    assert caught.value.code == 400
    assert read(client) == b"tree"
