"""The class against a real S3 API that fails on demand: nothing is lost, nothing is raised, everything heals."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from block_structure_storage import draining, envelope, folder, remote, storage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from .operations import DATA, NAME, counts, drained, eventually, file_of, interval_ends, read, write

KEYS_OF_NOBODY = {"access_key": "AKIAXXXXXXXXXEXAMPLE"}

# The faults that any S3 can have for a while -> what the class calls their cause.
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "503": ({"kind": "answer", "status": 503, "code": "SlowDown"}, "server_error"),
    "500": ({"kind": "answer", "status": 500, "code": "InternalError"}, "server_error"),
    "403": ({"kind": "answer", "status": 403, "code": "AccessDenied"}, "denied"),
    "clock": ({"kind": "answer", "status": 403, "code": "RequestTimeTooSkewed"}, "clock"),
    "hanging": ({"kind": "hang"}, "timeout"),
    "slow": ({"kind": "delay", "seconds": 2}, "timeout"),
    "refused": ({"kind": "refuse"}, "unreachable"),
}
# Only these need a class that soon gives up; the others are answered whenever a loaded machine gets to it.
WAITING = ("hanging", "slow")
OUTAGES = ["503", "500", "hanging", "slow", "refused"]


def test_object_is_in_s3_with_its_digest_and_on_disk(s3: Any, calm: Any, tmp_path: Path) -> None:
    made = calm()
    assert write(made) == NAME
    head = s3.client.head_object(Bucket=s3.bucket, Key=NAME)
    assert head["Metadata"] == made.metadata_for(NAME, DATA)
    assert head["Metadata"][remote.DIGEST] == envelope.digest(DATA)
    assert read(made) == DATA
    assert made.exists(NAME)
    assert made.size(NAME) == len(DATA)
    directory, name = NAME.rsplit("/", 1)
    assert made.listdir(directory) == made.strict().listdir(directory) == ([], [name])
    assert made.listdir("") == made.strict().listdir("") == (["block_structures"], [])
    assert made.listdir("block_structures/none") == ([], [])
    assert counts(made) == {"written_s3": 1, "read_local": 1}
    assert stat.S_IMODE((tmp_path / "host1").stat().st_mode) == 0o700
    for path in (tmp_path / "host1").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_plain_and_resilient_share_names_and_objects(s3: Any, calm: Any, make: Any) -> None:
    plain, resilient = make(storage.ReleaseS3Storage), calm()
    write(plain, "by/plain")
    write(resilient, "by/resilient")
    assert read(resilient, "by/plain") == DATA
    assert read(plain, "by/resilient") == DATA
    assert counts(resilient)["read_s3_without_digest"] == 1
    assert s3.names() == ["by/plain", "by/resilient"]


def test_second_read_on_another_host_does_not_ask_s3(s3: Any, calm: Any, tmp_path: Path) -> None:
    write(calm())
    other = calm(local_directory=str(tmp_path / "host2"))
    assert read(other) == DATA
    s3.fail("refuse")
    assert read(other) == DATA
    assert counts(other) == {"read_s3": 1, "read_local": 1}


@pytest.mark.parametrize("fault", FAULTS)
def test_read_that_fails_is_not_found_and_tells_cause_and_cost(
    s3: Any, calm: Any, make: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    write(calm(local_directory=str(tmp_path / "elsewhere")))
    order, cause = FAULTS[fault]
    made = make() if fault in WAITING else calm()
    s3.fail(**order)
    with pytest.raises(FileNotFoundError) as caught, caplog.at_level(logging.WARNING):
        read(made)
    assert caught.value.errno is None  # EACCES and EPERM would go up to the learner
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert f"S3 did not read {NAME}: {cause} after " in told[0]
    assert "so the course is rebuilt" in told[0]
    assert counts(made) == {f"read_failed_{cause}": 1}
    assert made.state()["counters"]["last_failure"]["cause"] == cause
    s3.heal()
    # Another process, which has not met the outage, or the same one when the interval is over.
    made._breaker.close()
    assert read(calm()) == DATA


@pytest.mark.parametrize("fault", FAULTS)
def test_write_that_fails_is_spooled_readable_and_uploaded_later(s3: Any, make: Any, calm: Any, fault: str) -> None:
    made = make() if fault in WAITING else calm()
    s3.fail(**FAULTS[fault][0])
    assert write(made) == NAME
    assert read(made) == DATA
    assert made.exists(NAME)
    assert made.state()["spool"]["waiting"] == 1
    s3.heal()
    again = calm()
    again._breaker.close()
    assert drained(again) == {"uploaded": 1, "left": 0, "problem": None}
    assert s3.client.get_object(Bucket=s3.bucket, Key=NAME)["Body"].read() == DATA
    assert again.state()["spool"]["files"] == 0


@pytest.mark.parametrize("occasion", ["next write", "start of a process", "next read"])
def test_what_waits_is_uploaded_in_the_background(s3: Any, calm: Any, monkeypatch: pytest.MonkeyPatch, occasion: str) -> None:
    monkeypatch.setattr(draining, "AFTER_START_SECONDS", 0.1)
    made = calm(breaker_seconds=0.01)
    s3.fail("answer", status=503, code="SlowDown")
    write(made, "a/1")
    s3.heal()
    assert s3.names() == []
    interval_ends(made)
    if occasion == "next write":
        write(made, "a/2")
    elif occasion == "next read":
        read(made, "a/1")
        made._drainer.looked_at -= draining.INTERVAL_SECONDS
        read(made, "a/1")
    else:
        calm(breaker_seconds=0.01)
    assert eventually(lambda: "a/1" in s3.names() and made.state()["spool"]["waiting"] == 0)


def test_nobody_waits_for_the_upload_of_what_waits(s3: Any, calm: Any) -> None:
    """A learner's read and rebuild go on while the objects of an outage are uploaded, each of which takes its time."""
    made = calm(breaker_seconds=0.01)
    s3.fail("answer", status=503, code="SlowDown")
    for number in range(20):
        write(made, f"a/{number}")
    s3.fail("hang", methods=["PUT"], match="/a/")
    interval_ends(made)
    write(made, "b/1")
    made._drainer.looked_at -= draining.INTERVAL_SECONDS
    assert read(made, "a/1") == DATA
    write(made, "b/2")
    assert s3.names() == ["b/1", "b/2"]
    assert eventually(lambda: s3.faults.met > 0)  # the upload hangs, and has kept nobody
    assert made.state()["spool"]["waiting"] == 20


def test_a_system_without_threads_fails_nobody(s3: Any, calm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = calm(breaker_seconds=0.01)
    s3.fail("answer", status=503, code="SlowDown")
    write(made)
    s3.heal()
    interval_ends(made)

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    write(made, "a/2")
    made._drainer.looked_at -= draining.INTERVAL_SECONDS
    assert read(made) == DATA
    interval_ends(made)
    with pytest.raises(FileNotFoundError, match="can't start new thread"):
        read(made, "a/3")
    monkeypatch.undo()
    made._breaker.close()
    assert drained(made) == {"uploaded": 2, "left": 0, "problem": None}


def test_an_operation_never_takes_longer_than_its_budget(s3: Any, calm: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Also where each attempt would be given more time than that. The words say which bound ended it, on any machine."""
    made = calm(budget_seconds=0.5, breaker_seconds=0.01)
    made._remote.client()  # making it takes its time on a loaded machine
    s3.fail("hang")
    for operation in (
        lambda: read(made, "a/1"),
        lambda: made.size("a/1"),
        lambda: made.listdir("a"),
        lambda: write(made, "a/2"),
        lambda: made.delete("a/2"),
    ):
        interval_ends(made)
        with contextlib.suppress(OSError):
            operation()
    told = [record.getMessage() for record in caplog.records]
    assert [words.split("did not ")[1].split()[0] for words in told] == ["read", "look", "list", "write", "delete"]
    assert all("timeout after " in words and "no whole answer within 0.5 s" in words for words in told), told


def test_kwargs_bound_what_the_client_does(s3: Any, calm: Any) -> None:
    made = calm(attempts=3, connect_timeout_seconds=11, read_timeout_seconds=12, breaker_seconds=0.01)
    config = made._remote.client().meta.config
    assert (config.connect_timeout, config.read_timeout) == (11, 12)
    s3.fail("answer", status=503, code="SlowDown")
    with pytest.raises(FileNotFoundError):
        read(made)
    assert s3.faults.met == 3


@pytest.mark.parametrize("fault", OUTAGES)
def test_outage_costs_one_attempt_an_interval_for_all_processes(s3: Any, make: Any, calm: Any, fault: str) -> None:
    process = make if fault in WAITING else calm
    first, second = process(breaker_seconds=600), process(breaker_seconds=600)
    s3.fail(**FAULTS[fault][0])
    for made in (first, second, first, second):
        with pytest.raises(FileNotFoundError):
            read(made)
        write(made)
        made.delete("x/y")
        with pytest.raises(OSError, match="left alone"):
            made.listdir("x")
        made._copies.forget(NAME)
        made._spool.forget(NAME)
    counted = counts(first)
    assert {name: count for name, count in counted.items() if "_failed_" in name} == {f"read_failed_{FAULTS[fault][1]}": 1}
    assert s3.faults.met <= 1
    state = first.state()["breaker"]
    assert state["open"] and state["cause"] == FAULTS[fault][1]


def test_breaker_closes_with_the_first_answer(s3: Any, calm: Any) -> None:
    made = calm(breaker_seconds=0.01)
    write(made)
    made._copies.forget(NAME)
    s3.fail("refuse")
    with pytest.raises(FileNotFoundError):
        read(made)
    s3.heal()
    interval_ends(made)
    assert read(made) == DATA
    assert made.state()["breaker"] == {"open": False, "until": None, "cause": None, "since": None}


def test_missing_object_is_not_found_and_no_outage(calm: Any) -> None:
    made = calm()
    with pytest.raises(FileNotFoundError):
        read(made)
    assert not made.exists(NAME)
    with pytest.raises(FileNotFoundError):
        made.size(NAME)
    assert counts(made) == {"read_missing": 1}
    assert not made.state()["breaker"]["open"]


def test_what_s3_cannot_tell_is_not_called_absent(s3: Any, calm: Any) -> None:
    made = calm()
    s3.fail("answer", status=403, code="AccessDenied")
    with pytest.raises(OSError, match="S3 does not say whether it has"):
        made.exists(NAME)
    with pytest.raises(FileNotFoundError):
        made.size(NAME)
    write(made)
    assert made.exists(NAME)
    assert made.size(NAME) == len(DATA)


def test_missing_bucket_and_unknown_key_are_not_found(calm: Any) -> None:
    for settings, cause in (({"bucket_name": "example-none"}, "no_bucket"), (KEYS_OF_NOBODY, "credentials")):
        made = calm(**settings)
        made._copies.forget(NAME)
        with pytest.raises(FileNotFoundError):
            read(made)
        assert write(made) == NAME
        assert counts(made)[f"read_failed_{cause}"] == 1
        assert read(made) == DATA


def test_object_that_was_changed_in_the_bucket_is_not_found_loudly(
    s3: Any, calm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = calm()
    write(made)
    made._copies.forget(NAME)
    metadata = s3.client.head_object(Bucket=s3.bucket, Key=NAME)["Metadata"]
    s3.client.put_object(Bucket=s3.bucket, Key=NAME, Body=DATA[:-1] + b"?", Metadata=metadata)
    with pytest.raises(FileNotFoundError):
        read(made)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "damaged" in caplog.text
    assert not made.state()["breaker"]["open"]


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "of another object"])
def test_damaged_copy_is_removed_and_s3_is_asked(calm: Any, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    made = calm()
    write(made)
    path = file_of(made._copies, NAME)
    content = path.read_bytes()
    path.write_bytes(
        {
            "truncated": content[:-10],
            "changed": content[:-1] + b"?",
            "empty": b"",
            "of another object": envelope.pack("another", DATA, envelope.digest(DATA), None),
        }[damage]
    )
    assert read(made) == DATA
    assert "cannot be used" in caplog.text
    assert counts(made) == {"written_s3": 1, "local_damaged": 1, "read_s3": 1}
    assert path.read_bytes() == content


def test_least_recently_used_copies_go(calm: Any) -> None:
    made = calm(local_max_bytes=int(4.5 * (len(DATA) + 400)))
    for number in range(4):
        write(made, f"a/{number}")
        os.utime(file_of(made._copies, f"a/{number}"), (number + 1, number + 1))
    read(made, "a/0")
    write(made, "a/4")
    kept = [number for number in range(5) if file_of(made._copies, f"a/{number}").exists()]
    assert kept == [0, 2, 3, 4]
    assert made.state()["copies"]["bytes"] <= made.local_max_bytes


def test_object_over_the_bound_is_not_kept(calm: Any) -> None:
    made = calm(local_max_bytes=100)
    write(made)
    assert read(made) == DATA
    assert made.state()["copies"]["files"] == 0


def test_full_spool_refuses_loudly_and_raises_nothing(s3: Any, make: Any, caplog: pytest.LogCaptureFixture) -> None:
    made = make(spool_max_bytes=len(DATA) + 400, local_max_bytes=400)
    s3.fail("refuse")
    write(made, "a/1")
    write(made, "a/2")
    assert made.state()["spool"]["waiting"] == 1
    assert counts(made)["spool_refused"] == 1
    assert "a/2 is stored nowhere" in caplog.text
    assert read(made, "a/1") == DATA


def test_full_disk_costs_the_copy_and_nothing_else(
    s3: Any, calm: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is really full is met in the molecule scenario; here each place that writes is made to meet it."""
    made = calm()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.Directory, "write", full)
    write(made)
    assert s3.names() == [NAME]
    assert read(made) == DATA
    assert "No copy is kept" in caplog.text
    s3.fail("refuse")
    write(made, "a/2")
    with pytest.raises(FileNotFoundError):
        read(made, "a/2")
    assert made.state()["breaker"]["open"]


def test_folder_that_others_can_reach_is_not_used(s3: Any, calm: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "open"
    path.mkdir(mode=0o755)
    made = calm(local_directory=str(path))
    assert "can be reached by other users (mode 0755, wanted is 0700)" in caplog.text
    write(made)
    assert read(made) == DATA
    assert list(path.iterdir()) == []
    assert "0755" in made.state()["problem"]
    s3.fail("refuse")
    write(made, "a/2")
    with pytest.raises(FileNotFoundError):
        read(made, "a/2")


def test_folder_without_parent_is_reported(calm: Any, tmp_path: Path) -> None:
    made = calm(local_directory=str(tmp_path / "none" / "folder"))
    assert "No such file or directory" in made.state()["problem"]
    write(made)
    assert read(made) == DATA


def test_without_a_folder_everything_still_serves(s3: Any, calm: Any) -> None:
    made = calm(local_directory=None)
    write(made)
    assert read(made) == DATA
    s3.fail("answer", status=403, code="AccessDenied")
    write(made, "a/2")
    assert counts(made) == {"written_s3": 1, "read_s3": 1, "write_failed_denied": 1, "spool_refused": 1}


def test_deleted_object_is_gone_everywhere(s3: Any, calm: Any) -> None:
    made = calm()
    write(made)
    made.delete(NAME)
    assert s3.names() == []
    assert not made.exists(NAME)
    s3.fail("answer", status=403, code="AccessDenied")
    write(made)
    made.delete(NAME)
    assert made.state()["spool"]["waiting"] == 0
    with pytest.raises(FileNotFoundError):
        read(made)


def test_another_buckets_copies_are_not_served_and_its_spool_waits(s3: Any, calm: Any) -> None:
    made = calm()
    s3.fail("answer", status=403, code="AccessDenied")
    write(made)
    s3.heal()
    other = calm(bucket_name="example-none")
    with pytest.raises(FileNotFoundError):
        read(other)
    assert drained(other) == {"uploaded": 0, "left": 0, "problem": None}
    assert calm().state()["spool"]["waiting"] == 1


def test_damaged_spool_file_does_not_stop_the_others(s3: Any, calm: Any, caplog: pytest.LogCaptureFixture) -> None:
    made = calm()
    s3.fail("answer", status=403, code="AccessDenied")
    for number in range(3):
        write(made, f"a/{number}")
    file_of(made._spool, "a/1").write_bytes(b"rubbish")
    s3.heal()
    assert drained(made)["left"] == 0
    assert s3.names() == ["a/0", "a/2"]
    assert "its head cannot be read. It is not uploaded" in caplog.text


def test_drain_says_why_objects_are_left(s3: Any, calm: Any) -> None:
    made = calm()
    s3.fail("answer", status=403, code="AccessDenied")
    write(made)
    outcome = drained(made)
    assert (outcome["uploaded"], outcome["left"]) == (0, 1)
    assert "AccessDenied" in outcome["problem"]


def test_one_process_of_a_host_uploads_and_who_asks_by_hand_waits_for_it(s3: Any, calm: Any) -> None:
    made = calm(breaker_seconds=0.01)
    s3.fail("answer", status=503, code="SlowDown")
    write(made)
    s3.heal()
    with ThreadPoolExecutor(1) as pool, made._spool.alone(0) as mine:
        assert mine
        assert made.drain() == {"uploaded": 0, "left": 1, "problem": "another process is uploading"}
        waiting = pool.submit(made.drain, wait_seconds=60)
        time.sleep(0.3)
        assert not waiting.done()
        made._spool.remove(made._spool.waiting()[0].file)
    # The other one has uploaded it meanwhile.
    assert waiting.result() == {"uploaded": 0, "left": 0, "problem": None}


def test_many_threads_read_and_write_at_once(s3: Any, calm: Any) -> None:
    made = calm()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write(made, f"a/{number}"), range(24)))
        assert list(pool.map(lambda number: read(made, f"a/{number}"), range(24))) == [DATA] * 24
    # A machine under load may have kept one waiting; it is in the spool then.
    made._breaker.close()
    drained(made)
    # A slow request of an earlier test may have ended late, and left its object here.
    assert {f"a/{number}" for number in range(24)} <= set(s3.names())


def test_forked_process_has_sockets_of_its_own(calm: Any) -> None:
    made = calm(local_directory=None)
    write(made)
    assert read(made) == DATA
    parent = made._remote.client()
    child = os.fork()
    if child == 0:
        os._exit(0 if read(made) == DATA and made._remote.client() is not parent else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_instances_share_connection_and_survive_pickling(calm: Any) -> None:
    made = calm()
    write(made)
    twin = type(made)(**made._settings)
    assert twin._remote is made._remote
    assert read(pickle.loads(pickle.dumps(made))) == DATA


def test_all_operations_share_one_connection(calm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one costs 100 ms of CPU, and the platform lists a directory after each write."""
    made = calm()
    write(made, "a/1")

    def another(*_: Any, **__: Any) -> None:
        raise AssertionError("another connection")

    monkeypatch.setattr(boto3.session.Session, "resource", another)
    assert made.listdir("a") == ([], ["1"])
    assert made.size("a/1") == len(DATA)
    made._copies.forget("a/1")
    assert read(made, "a/1") == DATA
    write(made, "a/2")
    made.delete("a/2")
    assert made.listdir("a") == ([], ["1"])


def test_strict_tells_what_s3_answers(s3: Any, calm: Any) -> None:
    made = calm()
    s3.fail("answer", status=403, code="AccessDenied")
    with pytest.raises(Exception, match=r"AccessDenied|Forbidden"):
        made.strict().save(NAME, ContentFile(DATA))
    s3.heal()
    made.strict().save(NAME, ContentFile(DATA))
    assert s3.names() == [NAME]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"budget_seconds": 0}, r"STORAGE_KWARGS\['budget_seconds'\] is 0. Remedy: give a number above zero, such as 2.0."),
        ({"attempts": "two"}, r"STORAGE_KWARGS\['attempts'\] is 'two'. Remedy: give a number above zero, such as 2."),
        ({"breaker_seconds": True}, "Remedy: give a number above zero"),
        ({"local_directory": "relative"}, "Remedy: give an absolute path, or null for none."),
        ({"budget": 2}, "Invalid setting 'budget' for ResilientS3Storage"),
    ],
)
def test_settings_that_cannot_work_are_refused(make: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        make(**settings)
