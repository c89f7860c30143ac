"""The spool: what S3 does not take holds up nothing else, supersedes what is obsolete, and finds room."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
from block_structure_storage import copies, draining, folder

from .operations import DATA, NAME, counts, drained, file_of, read, write


def version(number: int, course: int = 1) -> str:
    """Return the name of a course's version, as the platform names it."""
    return f"block_structures/block-v1:example+C{course}+2026+type@course+block@course/2026-11-24-033000-{number:06}"


def denied(s3: Any, **keys: Any) -> None:
    s3.fail("answer", status=403, code="AccessDenied", **keys)


def test_an_object_refused_for_good_holds_up_no_other_and_is_named(
    s3: Any, calm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = calm()
    denied(s3)
    for number in range(4):
        write(made, f"a/{number}")
    denied(s3, match="/a/0")
    outcome = drained(made)
    assert (outcome["uploaded"], outcome["left"]) == (3, 1)
    assert outcome["problem"].startswith("a/0: ") and "AccessDenied" in outcome["problem"]
    assert s3.names() == ["a/1", "a/2", "a/3"]
    assert "S3 did not upload a/0: denied after" in caplog.text
    waiting = made.waiting()
    assert [entry["name"] for entry in waiting] == ["a/0"] and waiting[0]["problem"] == outcome["problem"]


def test_a_refused_object_is_left_for_a_while_and_tried_at_once_by_hand(s3: Any, calm: Any, monkeypatch: Any) -> None:
    made = calm()
    denied(s3)
    write(made)
    asked = s3.faults.met
    assert made.drain()["left"] == 1 and s3.faults.met == asked + 1
    assert "AccessDenied" in made.drain()["problem"] and s3.faults.met == asked + 1
    assert drained(made)["left"] == 1 and s3.faults.met == asked + 2
    monkeypatch.setattr(draining, "REFUSED_SECONDS", 0.0)
    made.drain(wait_seconds=1)
    s3.heal()
    assert made.drain() == {"uploaded": 1, "left": 0, "problem": None}


def test_a_file_that_cannot_be_read_holds_up_no_other_and_is_named(s3: Any, calm: Any, monkeypatch: Any) -> None:
    made = calm()
    denied(s3)
    for number in range(3):
        write(made, f"a/{number}")
    s3.heal()
    bad, whole = made._spool.file("a/0"), folder.Directory.read

    def read_or_fail(directory: Any, name: str) -> Any:
        if name == bad:
            raise OSError(5, "Input/output error")
        return whole(directory, name)

    monkeypatch.setattr(folder.Directory, "read", read_or_fail)
    outcome = drained(made)
    assert (outcome["uploaded"], outcome["left"]) == (2, 1)
    assert bad in outcome["problem"] and "Input/output error" in outcome["problem"]
    assert made.waiting() == [{**made.waiting()[0], "name": None, "problem": outcome["problem"]}]
    monkeypatch.undo()
    assert drained(made)["left"] == 0


def test_forty_publishes_of_a_course_during_an_outage_leave_the_newest_two(s3: Any, calm: Any) -> None:
    made = calm(spool_max_bytes=2 * len(DATA))
    denied(s3)
    write(made, version(1, course=2))
    for number in range(40):
        write(made, version(number))
    # The row may name the one before the newest, should the writer of the newest be killed before it has saved the row.
    assert [entry["name"] for entry in made.waiting()] == [version(1, course=2), version(38), version(39)]
    assert counts(made)["superseded"] == 38 and "spool_refused" not in counts(made)
    assert read(made, version(39)) == DATA
    s3.heal()
    drained(made)
    assert s3.names() == [version(38), version(39), version(1, course=2)]


def test_an_older_version_that_comes_late_supersedes_nothing(s3: Any, calm: Any) -> None:
    """Whichever of two writers saves its row last, its object is there."""
    made = calm()
    denied(s3)
    write(made, version(2))
    write(made, version(1))
    assert {entry["name"] for entry in made.waiting()} == {version(1), version(2)}


def test_room_for_the_spool_is_made_from_copies_and_given_back(s3: Any, calm: Any) -> None:
    size = len(DATA) + 500
    made = calm(local_max_bytes=5 * size, spool_max_bytes=2 * size)
    for number in range(4):
        write(made, f"a/{number}")
    denied(s3)
    for number in range(6):
        write(made, f"b/{number}")
    state = made.state()
    assert state["spool"]["waiting"] == 6 and "spool_refused" not in counts(made)
    assert state["spool"]["bytes"] > 2 * size
    assert state["spool"]["bytes"] + state["copies"]["bytes"] <= 7 * size
    write(made, "b/6")
    write(made, "b/7")
    assert counts(made)["spool_refused"] == 1
    s3.heal()
    assert drained(made)["left"] == 0
    for number in range(4):
        read(made, f"b/{number}")
    assert made.state()["copies"]["files"] == 4


def test_a_full_disk_takes_copies_before_it_refuses_the_spool(s3: Any, calm: Any, monkeypatch: Any) -> None:
    made = calm()
    for number in range(5):
        write(made, f"a/{number}")
    denied(s3)
    objects, real = Path(made.local_directory, "objects"), folder.Directory.write

    def write_or_fail(directory: Any, name: str, content: bytes, **keys: Any) -> None:
        if len([entry for entry in objects.iterdir() if entry.name[0] != "."]) > 3:
            raise OSError(28, "No space left on device")
        real(directory, name, content, **keys)

    monkeypatch.setattr(folder.Directory, "write", write_or_fail)
    write(made, "b/1")
    assert [entry["name"] for entry in made.waiting()] == ["b/1"]


def test_a_version_that_is_superseded_while_it_is_uploaded_takes_nothing_with_it(s3: Any, calm: Any, monkeypatch: Any) -> None:
    made = calm()
    denied(s3)
    write(made, version(1))
    real = made._remote.put

    def put(*arguments: Any) -> None:
        monkeypatch.undo()
        denied(s3)
        write(made, version(2))
        s3.heal()
        real(*arguments)

    monkeypatch.setattr(made._remote, "put", put)
    assert drained(made)["uploaded"] == 1
    assert [entry["name"] for entry in made.waiting()] == [version(2)]
    assert drained(made)["left"] == 0 and version(2) in s3.names()


def test_a_spool_of_the_previous_version_is_uploaded(calm: Any) -> None:
    """Its files are named by the digest of the whole key, and have no signature."""
    made = calm()
    packed = b'{"bytes": %d, "format": "block-structure-object-1", "name": "%s", "sha256": "%s"}\n' % (
        len(DATA),
        NAME.encode(),
        copies.envelope.digest(DATA).encode(),
    )
    with contextlib.suppress(FileNotFoundError):
        os.unlink(file_of(made._spool, NAME))
    Path(made.local_directory, "spool", copies.Drawer.file(made._spool, NAME)).write_bytes(packed + DATA)
    assert drained(made) == {"uploaded": 1, "left": 0, "problem": None}
    assert made.signature_of(NAME)["status"] == "valid"
