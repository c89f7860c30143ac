"""The private folder and what lies in it: whole files or none, bounds, locks that end with their holder, counters."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from block_structure_storage import copies, counters, folder, signing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def where(tmp_path: Path) -> folder.Folder:
    """A folder that can be used."""
    made = folder.Folder(str(tmp_path / "host"))
    assert made.problem is None
    return made


def drawers(where: folder.Folder, bound: int) -> tuple[copies.Copies, copies.Spool]:
    """Copies and a spool of so many bytes each."""
    signed = signing.Signing(signing.REQUIRE, [b"secret"])
    kept = copies.Copies(where, "place", bound, signed)
    return kept, copies.Spool(where, "place", bound, signed, kept)


def names(where: folder.Folder, directory: str) -> list[str]:
    return sorted(os.listdir(os.path.join(str(where.path), directory)))


def test_a_write_that_breaks_off_leaves_what_was_there(where: folder.Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with where.opened("objects") as directory:
        directory.write("x", b"previous")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with where.opened("objects") as directory:
        with pytest.raises(OSError, match="No space left"):
            directory.write("x", b"half of it", durable=True)
        assert directory.read("x")[0] == b"previous"
    assert names(where, "objects") == ["x"]


def test_what_a_killed_writer_left_goes_after_an_hour_and_never_counts(where: folder.Folder) -> None:
    objects = Path(str(where.path), "objects")
    for name in (".fresh", ".old"):
        (objects / name).write_bytes(b"half")
    os.utime(objects / ".old", (1, 1))
    with where.opened("objects") as directory:
        assert directory.files() == []
    assert names(where, "objects") == [".fresh"]


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "host"
    path.mkdir(mode=0o700)
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert folder.Folder(str(path)).problem == f"{path} belongs to user {owner}, and this process runs as {owner + 1}"


@pytest.mark.parametrize("gone", ["", "spool"])
def test_what_somebody_removed_is_made_anew(where: folder.Folder, gone: str) -> None:
    _, spool = drawers(where, 10_000)
    spool.write("a", b"tree")
    shutil.rmtree(os.path.join(str(where.path), gone))
    assert spool.summary()["files"] == 0
    assert not spool.is_waiting()
    spool.write("b", b"tree")
    assert spool.is_waiting() and spool.read("b") == b"tree"
    assert os.stat(str(where.path)).st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_anew_is_told(where: folder.Folder, tmp_path: Path) -> None:
    (tmp_path / "host").rename(tmp_path / "elsewhere")
    (tmp_path / "host").write_text("no directory")
    assert where.problem == f"{where.path} cannot be used: is a link or no directory"


@pytest.fixture
def child() -> Iterator[Callable[[], None]]:
    """Return what forks a process that lives on until the end of the test."""
    started: list[int] = []

    def fork() -> None:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        started.append(pid)

    yield fork
    for pid in started:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_process_forked_while_the_lock_was_held_does_not_keep_it(where: folder.Folder, child: Callable[[], None]) -> None:
    """gunicorn, uWSGI and Celery fork their processes from one that may upload at that moment."""
    with where.opened("spool") as directory:
        with directory.locked() as mine:
            assert mine
            child()
            with directory.locked() as twice:
                assert not twice
        with directory.locked() as again:
            assert again


def test_counters_take_events_of_many_threads(where: folder.Folder) -> None:
    counted = counters.Counters(where)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: counted.add(f"event {number}"), range(400)))
    finally:
        sys.setswitchinterval(interval)
    counted.add("last")
    assert set(counted.state()["counts"]) == {"last", *(f"event {number}" for number in range(400))}


def test_counters_wait_for_nobody_and_lose_nothing(where: folder.Folder) -> None:
    counted = counters.Counters(where)
    with where.opened() as directory, directory.locked():
        counted.add("read_local")
        counted.add("read_failed_timeout", {"cause": "timeout"})
        assert counted.state()["counts"] == {}
    counted.add("read_local")
    state = counted.state()
    assert state["last"].keys() == state["counts"].keys()
    assert all(state["since"] <= moment <= time.time() for moment in state["last"].values())
    assert (state["counts"], state["last_failure"]) == ({"read_local": 2, "read_failed_timeout": 1}, {"cause": "timeout"})


SIZES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400)), max_size=25)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=SIZES, bound=st.integers(300, 2000))
def test_neither_copies_nor_spool_ever_hold_more_than_their_bound(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, int]], bound: int
) -> None:
    """Whatever is written in whatever order; and what the spool took stays until it is uploaded."""
    where = folder.Folder(str(tmp_path_factory.mktemp("host") / "folder"))
    kept, spool = drawers(where, bound)
    taken: dict[str, bytes] = {}
    for number, (name, size) in enumerate(written):
        # Every write of the platform has a name of its own.
        key, data = f"{name}/{number}", bytes(size)
        if kept.write(key, data):
            assert kept.read(key) == data
        try:
            spool.write(key, data)
            taken[key] = data
        except copies.FullError as error:
            held = spool.summary()["bytes"]
            assert str(error) == f"the spool holds {held} of {2 * bound} bytes, those of the copies included"
        assert kept.summary()["bytes"] <= bound
        assert kept.summary()["bytes"] + spool.summary()["bytes"] <= 2 * bound
    assert {key: spool.read(key) for key in taken} == taken
