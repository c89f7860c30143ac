"""The file on a host that says which run changes the site."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Iterator

from ..decisions.lease import Lease
from . import files

NAME = "lease.json"


def boot() -> str:
    """Return the identifier of this machine's boot, empty where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let the body run in one process at a time."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(folder: Path) -> Lease | None:
    """Return the lease, None without a whole one. The age of the file is its last renewal."""
    path = folder / NAME
    try:
        found = Lease.of(json.loads(path.read_text(encoding="utf-8")))
        return found and replace(found, renewed=path.stat().st_mtime)
    except (OSError, ValueError):
        return None


def take(folder: Path, mine: Lease, ended: tuple[object, ...] | None = None) -> Lease | None:
    """Take or renew the lease; return None, or the lease of the run that has it.

    ended: a run that is known not to run any more, whose lease does not count.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        held, now = read(folder), time.time()
        own = held is not None and held.run == mine.run
        if held and not own and held.run != ended and held.is_alive(now, boot()):
            return held
        kept = {"operation": held.operation, "since": held.since} if held and own else {"since": now}
        files.replace(folder / NAME, json.dumps(replace(mine, site_boot=boot(), renewed=now, **kept).as_dict()).encode())
        with suppress(PermissionError):  # the folder of another user, and this one is not root
            os.chown(folder / NAME, folder.stat().st_uid, folder.stat().st_gid)
    return None


def release(folder: Path, mine: Lease) -> bool:
    """Remove the lease if it is this run's, and the folder if nothing else is in it; return whether there was one."""
    with suppress(FileNotFoundError):
        with _alone(folder):
            held = read(folder)
            if held is None or held.run != mine.run:
                return False
            (folder / NAME).unlink()
        with suppress(OSError):  # not empty
            folder.rmdir()
        return True
    return False
