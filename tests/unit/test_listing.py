"""The objects of a site are listed by S3's second version of the listing, by more than one page."""

from __future__ import annotations

import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from block_structure.module_utils.probe.engine import edxapp, objects
from sandbox_s3.loopback import Loopback
from werkzeug.wrappers import Response

BUCKET = "example-block-structures"
COURSES = 1003  # more than one page


class SecondVersionOnly:
    """A gate that refuses the first version of the listing, with which Ceph goes round in circles at a plus sign."""

    def __init__(self, behind: Any) -> None:
        self.behind, self.page, self.listings = behind, False, 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        lists = environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].strip("/") == BUCKET
        if lists and "list-type=2" not in environ["QUERY_STRING"]:
            return Response("<Error><Code>NotImplemented</Code></Error>", status=501)(environ, start_response)
        self.listings += lists
        if lists and self.page:
            return Response("<html/>", mimetype="application/xml")(environ, start_response)
        return self.behind(environ, start_response)


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[Any, SecondVersionOnly]]:
    served = Loopback()
    gate = SecondVersionOnly(served.faults.gate)
    served.faults.gate = gate  # type: ignore[assignment]
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    bucket = boto3.resource("s3", endpoint_url=served.endpoint, region_name="us-east-1", **keys).create_bucket(Bucket=BUCKET)
    names = [f"media/courses/block-v1:ExampleX+C{number}+2026+type@course+block@course/x" for number in range(COURSES)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: bucket.meta.client.put_object(Bucket=BUCKET, Key=name, Body=b"12345"), names))
    bucket.put_object(Key="media/courses/other/y", Body=b"")
    yield types.SimpleNamespace(bucket=bucket, location="media"), gate
    served.close()


@pytest.fixture
def listed(store: tuple[Any, SecondVersionOnly], monkeypatch: pytest.MonkeyPatch) -> SecondVersionOnly:
    monkeypatch.setattr(edxapp, "storage", lambda: store[0])
    monkeypatch.setattr(objects, "prefix", lambda: "courses/")
    return store[1]


def test_every_object_is_listed_over_several_pages(listed: SecondVersionOnly) -> None:
    before = listed.listings
    found = objects.listing(("block-v1:",))
    assert len(found.names) == COURSES
    assert listed.listings == before + 2
    name = "courses/block-v1:ExampleX+C1002+2026+type@course+block@course/x"
    assert name in found and found.size(name) == 5 and found.modified[name] > 0


def test_an_answer_that_is_no_listing_is_not_an_empty_one(listed: SecondVersionOnly, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prune would otherwise find nothing to do, and a survey would miss every object."""
    monkeypatch.setattr(listed, "page", True)
    with pytest.raises(OSError, match="the answer is no listing"):
        objects.listing(("block-v1:",))
