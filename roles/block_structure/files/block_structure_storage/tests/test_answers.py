"""Answers that look like success and are none, and refusals that look like outages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import impostor
import pytest
from block_structure_storage import remote, storage
from botocore.exceptions import PaginationError

from .operations import DATA, NAME, counts, drained, read, write


@pytest.mark.parametrize("kind", impostor.KINDS)
@pytest.mark.parametrize("writer", ["plain", "resilient"])
def test_a_200_that_is_no_object_is_not_found_and_nothing_is_kept(
    s3: Any, make: Any, calm: Any, tmp_path: Path, kind: str, writer: str
) -> None:
    write(make(storage.ReleaseS3Storage) if writer == "plain" else calm())
    made = calm(local_directory=str(tmp_path / "host2"))
    s3.impostor.lie(kind, "GET")
    with pytest.raises(FileNotFoundError, match="cannot be read"):
        read(made)
    state = made.state()
    assert state["copies"]["files"] == 0
    assert not state["breaker"]["open"]
    s3.heal()
    assert read(made) == DATA


def test_a_put_that_a_page_answers_counts_as_not_written(s3: Any, calm: Any) -> None:
    made = calm()
    s3.impostor.lie("page")
    write(made)
    assert counts(made) == {"write_failed_garbled": 1, "spooled": 1}
    assert not made.state()["breaker"]["open"]
    s3.heal()
    assert drained(made) == {"uploaded": 1, "left": 0, "problem": None}
    assert s3.names() == [NAME]


def test_a_page_is_no_size_and_no_listing(s3: Any, calm: Any) -> None:
    made = calm()
    s3.impostor.lie("page")
    with pytest.raises(OSError, match="S3 does not say whether"):
        made.exists("a/1")
    with pytest.raises(OSError, match="S3 did not list a"):
        made.listdir("a")


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (DATA, True),
        (DATA[:-1], False),
        (DATA + b"x", False),
        (DATA[:100] + b"?" + DATA[101:], False),
        (b"", False),
        (impostor.PAGE, False),
        (remote.zlib.compress(bytes(3_000_000)), True),
    ],
)
def test_whole_structures_are_known_by_their_checksum(data: bytes, whole: bool) -> None:
    assert remote.is_whole(data) is whole


@pytest.mark.parametrize("status", [501, 505, 400, 405, 411])
def test_a_refusal_is_no_outage(s3: Any, calm: Any, status: int) -> None:
    made = calm()
    s3.fail("answer", status=status, code="NotImplemented")
    write(made)
    with pytest.raises(FileNotFoundError):
        read(made, "a/1")
    with pytest.raises(OSError, match="S3 did not list a"):
        made.listdir("a")
    assert {name for name in counts(made) if "_failed_" in name} == {
        f"{verb}_failed_rejected" for verb in ("write", "read", "list")
    }
    assert not made.state()["breaker"]["open"]


def test_pages_that_do_not_follow_each_other_are_a_refusal() -> None:
    assert remote.cause_of(PaginationError(message="the same next token was received twice")) == "rejected"


def test_listings_are_of_the_second_version(s3: Any, calm: Any) -> None:
    made = calm()
    for number in range(3):
        write(made, f"a/block-v1:x+{number}")
    expected = ([], [f"block-v1:x+{number}" for number in range(3)])
    s3.fail("answer", status=501, code="NotImplemented", methods=["GET"], match="marker")
    assert made.listdir("a") == made.strict().listdir("a") == expected
    s3.fail("answer", status=501, code="NotImplemented", methods=["GET"], match="list-type=2")
    with pytest.raises(OSError, match="S3 did not list a"):
        made.listdir("a")
    with pytest.raises(Exception, match="NotImplemented"):
        made.strict().listdir("a")
