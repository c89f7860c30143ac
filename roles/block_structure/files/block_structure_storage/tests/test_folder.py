"""The private folder and what lies in it: whole files or none, bounds, locks that end with their holder, counters."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from block_structure_storage import breaker, copies, counters, folder, signing
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


def test_a_folder_that_cannot_be_made_anew_is_reported(where: folder.Folder, tmp_path: Path) -> None:
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


# Nothing lost.


def forked(work: Callable[[], Any]) -> int:
    """Run something in a process of its own; return its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def test_processes_that_start_at_once_all_find_the_folder_usable(tmp_path: Path) -> None:
    for number in range(30):
        path, gate = tmp_path / f"host{number}", tmp_path / f"gate{number}"

        def start(path: Path = path, gate: Path = gate) -> None:
            while not gate.exists():
                pass
            assert folder.Folder(str(path)).problem is None

        started = [forked(start) for _ in range(4)]
        gate.touch()
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in started] == [0] * 4


def test_a_problem_is_looked_at_again_and_logged_when_it_begins_and_ends(tmp_path: Path, caplog: Any) -> None:
    path = tmp_path / "late" / "host"
    where = folder.Folder(str(path))
    kept, spool = drawers(where, 10_000)
    for _ in range(3):
        with pytest.raises(folder.UnusableError, match="No such file or directory"):
            spool.write("a", b"tree")
    path.parent.mkdir()
    assert spool.write("a", b"tree") == 0
    path.chmod(0o755)
    for _ in range(3):
        with pytest.raises(folder.UnusableError, match="mode 0755, wanted is 0700"):
            spool.read("a")
    path.chmod(0o700)
    assert spool.read("a") == b"tree"
    assert kept.write("b", b"tree")
    reported = [record.getMessage().rsplit(": ", 1)[-1] for record in caplog.records]
    assert reported == [
        "No such file or directory.",
        f"{path} is used again.",
        f"{path} can be reached by other users (mode 0755, wanted is 0700).",
        f"{path} is used again.",
    ]


def test_a_lock_ends_with_its_holder_although_a_process_was_forked_meanwhile(where: folder.Folder, tmp_path: Path) -> None:
    """The holder is killed in the middle of an upload; what it forked lives on."""
    locked, heir = tmp_path / "locked", tmp_path / "heir"

    def hold() -> None:
        with where.opened("spool") as directory, directory.locked() as mine:
            assert mine
            grandchild = forked(signal.pause)
            heir.write_text(str(grandchild))
            locked.touch()
            signal.pause()

    holder = forked(hold)
    try:
        while not locked.exists():
            time.sleep(0.01)
        with where.opened("spool") as directory, directory.locked() as mine:
            assert not mine
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        with where.opened("spool") as directory, directory.locked(5) as mine:
            assert mine
    finally:
        os.kill(int(heir.read_text()), signal.SIGKILL)


def test_a_clock_that_was_set_back_does_not_leave_s3_alone_for_longer(where: folder.Folder, monkeypatch: Any) -> None:
    for usable in (where, folder.Folder(None)):
        broken = breaker.Breaker(usable, 30.0)
        broken.open("timeout")
        assert not broken.allows()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda now=now: now - 3600)
        assert broken.allows()
        assert not broken.allows()  # one tries, the others wait for what comes of it
        monkeypatch.setattr(time, "time", lambda now=now: now - 3600 + 31)
        assert broken.allows()
        monkeypatch.undo()


def test_writers_that_are_killed_leave_whole_files_and_a_tally_that_heals(where: folder.Folder) -> None:
    signed = signing.Signing(signing.REQUIRE, [b"secret"])
    kept = copies.Copies(where, "place", 600_000, signed)

    def write_on() -> None:
        for number in range(10**9):
            kept.write(f"{os.getpid()}/{number}", bytes(5000))

    for _ in range(15):
        writers = [forked(write_on) for _ in range(2)]
        time.sleep(0.05)
        for writer in writers:
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)
    with where.opened("objects") as directory:
        files = directory.files()
        for _, _, name in files:
            found = directory.read(name)
            assert found is not None
            signed.verify(*[getattr(copies.envelope.unpack(found[0]), part) for part in ("name", "digest", "signature")])
    for number in range(150):
        assert kept.write(f"after/{number}", bytes(5000))
    summary = kept.summary()
    assert summary["bytes"] <= 600_000
    with where.opened("objects") as directory:
        kept._make_room(directory)
        assert kept._tally.read(directory) == (kept.summary()["bytes"], 0)


# Nothing slow.


def test_a_write_looks_at_no_other_copy_and_a_read_writes_nothing(where: folder.Folder, monkeypatch: Any) -> None:
    kept, _ = drawers(where, 10**6)
    counted = counters.Counters(where)
    for number in range(20):
        kept.write(f"a/{number}", b"tree")
    counted.add("read_local")

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("too much work")

    monkeypatch.setattr(os, "listdir", never)
    assert kept.write("a/20", b"tree")
    for name in ("replace", "utime", "write", "pwrite", "unlink"):
        monkeypatch.setattr(os, name, never)
    for number in range(21):
        assert kept.read(f"a/{number}") == b"tree"
        counted.add("read_local")
    monkeypatch.undo()
    assert counted.state()["counts"] == {"read_local": 22}


def test_what_a_process_has_counted_is_written_when_it_ends_and_not_by_its_children(where: folder.Folder) -> None:
    program = (
        "import sys, os, atexit\n"
        "from block_structure_storage import counters, folder\n"
        "counted = counters.Counters(folder.Folder(sys.argv[1])); atexit.register(counted.write)\n"
        "counted.add('read_local'); counted.add('read_local')\n"
        "if os.fork() == 0:\n"
        "    counted.add('read_s3'); sys.exit()\n"
        "os.wait()\n"
    )
    package = Path(counters.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program, str(where.path)], check=True, env={**os.environ, "PYTHONPATH": str(package)})
    assert counters.Counters(where).state()["counts"] == {"read_local": 2, "read_s3": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"counts": 3}', b"\xff"])
def test_counters_that_cannot_be_read_start_anew(where: folder.Folder, content: bytes) -> None:
    Path(str(where.path), "counters.json").write_bytes(content)
    counted = counters.Counters(where)
    counted.add("read_local")
    assert counted.state()["counts"] == {"read_local": 1}


def test_a_tally_that_is_gone_is_counted_anew(where: folder.Folder) -> None:
    kept, _ = drawers(where, 10_000)
    for number in range(3):
        kept.write(f"a/{number}", bytes(1000))
    for damage in (b"", b"short"):
        Path(str(where.path), "objects", ".bytes").write_bytes(damage)
        kept.write("a/1", bytes(1000))
        with where.opened("objects") as directory:
            assert kept._tally.read(directory)[0] == kept.summary()["bytes"]
