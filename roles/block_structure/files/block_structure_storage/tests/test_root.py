"""Root runs a management command in the directory of the LMS's user, who has prepared it.

Whoever runs code in the LMS owns that directory and may put there what they like, while root works and before. Nothing of
root's may change its content, owner or mode, and nothing may appear where a link leads.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from block_structure_storage import breaker, copies, counters, folder, signing

from .operations import DATA, NAME, drained, interval_ends, read, write

LMS = pwd.getpwnam("www-data")
assert os.geteuid() == 0, "these tests play root and another user"


class Site:
    """A directory of the LMS's user, and what root has beside it."""

    def __init__(self, top: Path) -> None:
        self.top, self.lms = top, top / "edxapp"
        self.host = self.lms / "host"
        self.secret, self.rooted = top / "secret", top / "rooted"
        self.lms.mkdir(mode=0o755)
        os.chown(self.lms, LMS.pw_uid, LMS.pw_gid)
        self.secret.write_text("root's secret")
        self.secret.chmod(0o600)
        self.rooted.mkdir(mode=0o700)
        (self.rooted / "file").write_text("root's file")
        for name in ("objects", "spool"):
            (self.rooted / name).mkdir(mode=0o700)
        self.before = self.seen()

    def seen(self) -> dict[str, Any]:
        """Return owner, mode and content of all that is root's."""
        entries = [self.secret, self.rooted, *sorted(self.rooted.rglob("*"))]
        return {
            str(path): (path.lstat().st_uid, path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
            for path in entries
        }

    def foreign(self) -> list[Path]:
        """Return what in the directory does not belong to the LMS's user."""
        return [path for path in [self.host, *self.host.rglob("*")] if path.lstat().st_uid != LMS.pw_uid]


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a site below a directory that every user may enter."""
    top = Path(tempfile.mkdtemp(prefix="block-structure-storage-"))
    top.chmod(0o755)
    yield Site(top)
    shutil.rmtree(top)


def as_lms(work: Callable[[], Any]) -> None:
    """Run something in a process of the LMS's user, and fail if it fails there."""
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setgid(LMS.pw_gid)
            os.setuid(LMS.pw_uid)
            work()
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def prepared(site: Site) -> None:
    """Have the LMS's user make the directory as the class does."""

    def make() -> None:
        where = folder.Folder(str(site.host))
        assert where.problem is None
        copies.Copies(where, "place", 10**6, signing.Signing(signing.OFF)).write("another", b"tree")

    as_lms(make)


def work_as_root(s3: Any, calm: Any, site: Site) -> Any:
    """Do everything that the class can do."""
    made = calm(local_directory=str(site.host), breaker_seconds=0.01)
    made.state()
    write(made)
    assert read(made) == DATA
    s3.fail("answer", status=503, code="SlowDown")
    write(made, "a/1")
    interval_ends(made)
    s3.heal()
    drained(made)
    made.waiting()
    made.delete("a/1")
    made._counters.write()
    return made


LINKS = ("objects", "spool", "counters.json", "breaker.json", "counters.lock", "spool.lock", "objects/.bytes")


@pytest.mark.parametrize("target", ["secret", "rooted"])
@pytest.mark.parametrize("entry", LINKS)
def test_a_link_is_not_followed(s3: Any, calm: Any, site: Site, entry: str, target: str) -> None:
    prepared(site)

    def plant() -> None:
        path = site.host / entry
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(getattr(site, target))

    as_lms(plant)
    made = work_as_root(s3, calm, site)
    assert site.seen() == site.before
    assert site.foreign() == []
    state = made.state()
    if entry in folder.DIRECTORIES:
        assert state["problem"] == f"{site.host}/{entry} cannot be used: is a link or no directory"
    elif entry.endswith(".lock"):
        assert state["problem"] is None and state["foreign"] == [f"{site.host}/{entry} is no regular file"]


def test_the_directory_itself_is_no_link(s3: Any, calm: Any, site: Site) -> None:
    as_lms(lambda: site.host.symlink_to(site.rooted))
    made = work_as_root(s3, calm, site)
    assert site.seen() == site.before
    assert made.state()["problem"] == f"{site.host} cannot be used: is a link or no directory"


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "directory"])
def test_an_entry_in_place_of_a_copy_is_refused_by_name(calm: Any, site: Site, kind: str, caplog: Any) -> None:
    prepared(site)
    made = calm(local_directory=str(site.host))
    path = site.host / "objects" / made._copies.file(NAME)

    def plant() -> None:
        if kind == "link":
            path.symlink_to(site.secret)
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()

    if kind == "hard link":  # for hosts where fs.protected_hardlinks is off
        os.link(site.secret, path)
    else:
        as_lms(plant)
    with pytest.raises(FileNotFoundError):
        read(made)
    words = "belongs to user 0, and the directory to user" if kind == "hard link" else "is no regular file"
    assert f"{path} {words}" in caplog.text
    assert any(str(path) in line for line in made.state()["foreign"])
    write(made)
    assert site.secret.read_text() == "root's secret" and site.secret.stat().st_uid == 0
    if kind != "hard link":
        assert site.seen() == site.before


def test_what_root_makes_belongs_to_the_lms_user_who_goes_on_with_it(s3: Any, calm: Any, site: Site) -> None:
    """Copies, spool, counters, breaker and every lock."""
    made = calm(local_directory=str(site.host), breaker_seconds=600)
    write(made)
    s3.fail("answer", status=503, code="SlowDown")
    write(made, "a/1")
    made._counters.write()
    assert site.foreign() == []
    paths = {path.relative_to(site.host).parts[-1] for path in site.host.rglob("*")}
    assert {"objects", "spool", "counters.json", "breaker.json", ".bytes"} <= paths

    def go_on() -> None:
        where = folder.Folder(str(site.host))
        with where.opened() as directory, directory.locked() as mine:
            assert mine
        counted = counters.Counters(where)
        counted.add("read_local")
        assert counted.state()["counts"]["read_local"] == 1 and counted.state()["counts"]["spooled"] == 1
        kept = copies.Copies(where, "place", 10**6, signing.Signing(signing.OFF))
        assert kept.write("b/1", b"tree") and kept.read("b/1") == b"tree"
        spool = copies.Spool(where, "place", 10**6, signing.Signing(signing.OFF), kept)
        with spool.alone(0) as mine:
            assert mine and spool.write("b/1", b"tree") == 0
        assert not breaker.Breaker(where, 600).allows()

    as_lms(go_on)


def test_a_directory_of_roots_that_was_put_in_place_keeps_its_owner(site: Site) -> None:
    """Whoever owns the parent may rename what root has there between making and opening a directory."""
    (site.lms / "host").mkdir(mode=0o700)
    (site.lms / "host" / "file").write_text("root's")
    parent = os.open(site.lms, os.O_RDONLY | os.O_DIRECTORY)
    os.close(folder._made("host", parent))  # as it goes on after it has found nothing there
    os.close(parent)
    assert site.host.stat().st_uid == 0
    assert (site.host / "file").stat().st_uid == 0


def test_an_attacker_who_swaps_directories_while_root_works_gains_nothing(calm: Any, site: Site) -> None:
    prepared(site)
    attacker = os.fork()
    if attacker == 0:
        os.setgroups([])
        os.setgid(LMS.pw_gid)
        os.setuid(LMS.pw_uid)
        away, link, objects = site.lms / "away", site.lms / "link", site.host / "objects"
        while True:
            with contextlib.suppress(OSError):
                link.unlink(missing_ok=True)
                link.symlink_to(site.rooted)
                objects.rename(away)
                link.rename(objects)
                time.sleep(0.0002)
                objects.unlink()
                away.rename(objects)
                (site.host / ".bytes").unlink(missing_ok=True)
    try:
        made = calm(local_directory=str(site.host))
        deadline, writes, kept = time.monotonic() + 3, 0, 0
        while time.monotonic() < deadline:
            writes += 1
            with contextlib.suppress(OSError):
                kept += made._copies.write(f"a/{writes}", DATA)
                made._copies.read(f"a/{writes}")
                made._copies.forget(f"a/{writes - 5}")
    finally:
        os.kill(attacker, signal.SIGKILL)
        os.waitpid(attacker, 0)
    assert site.seen() == site.before
    assert site.foreign() == []
    assert 0 < kept < writes  # both states were met


def test_nobody_else_gets_into_the_directory(site: Site) -> None:
    prepared(site)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in site.host.rglob("*")}
    assert modes <= {0o700, 0o600}
    assert stat.S_IMODE(site.host.stat().st_mode) == 0o700
