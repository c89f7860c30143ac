"""A running gunicorn: what it runs with, whether it can load its application anew, and how its workers are replaced.

Everything is read from /proc (proc(5)). A new worker serves once it has touched its heartbeat file, an unlinked `wgunicorn-…`
that it holds open: its loop does so before it first accepts a connection, after it has loaded the application (gunicorn 19.9 to
23.0, workers/workertmp.py: mode 0 or 1 up to 21.2, then an access time of the monotonic clock).
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

from ..common.errors import BlockStructureError
from ..common.redact import scrub
from ..decisions.reload import LABELS
from .processes import PROC, Process, children, started_of

_HEARTBEAT = "/wgunicorn-"
_POLL_SECONDS = 0.05
# How long gunicorn may take to react to a signal, on a busy machine.
_SIGNAL_SECONDS = 30.0
# An old worker that has not gone by then finishes a request; the next TTOU no longer merges with the one for it.
_LEAVING_SECONDS = 3.0
# What surely has been handled by then, where nothing shows it.
_HANDLED_SECONDS = 1.0
# The exit status of gunicorn --check-config for an application that cannot be loaded (app/base.py).
_NOT_LOADED = 1


def exists(user: str) -> bool:
    """Return whether this host has the user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@contextmanager
def acting_as(user: str) -> Iterator[None]:
    """Let the body read and signal processes as this user, with no more rights.

    Root in a container may be unable to read the environment of processes of other users; their own user may.
    """
    entry = pwd.getpwnam(user)
    if os.geteuid() != 0 or entry.pw_uid == 0:
        yield
        return
    groups = os.getgroups()
    os.initgroups(user, entry.pw_gid)
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def becoming(user: str) -> Callable[[], None] | None:
    """Return what a child process does to become this user for good, None if it need not."""
    entry = pwd.getpwnam(user)
    if os.geteuid() != 0 or entry.pw_uid == 0:
        return None

    def become() -> None:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return become


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """Ask until the answer is true, at most so many seconds; return the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(_POLL_SECONDS)


def lives(worker: Process) -> bool:
    """Return whether a worker still runs; one that ended and was not asked for its status yet does not."""
    return started_of(worker.pid) == worker.started


def serves(worker: Process) -> bool:
    """Return whether a worker has loaded its application and takes requests."""
    try:
        for descriptor in (PROC / str(worker.pid) / "fd").iterdir():
            if _HEARTBEAT in os.readlink(descriptor):
                found = descriptor.stat()
                # mkstemp makes it with mode 0600 and the time of the wall clock.
                return found.st_mode & 0o777 in (0, 1) or found.st_mtime + 3600 < found.st_ctime
    except OSError:  # it has ended
        pass
    return False


@dataclass(frozen=True)
class Gunicorn:
    """The main process of a running gunicorn. system: lms or cms. started: when, in seconds of Unix time."""

    system: str
    master: Process
    started: float
    preloads: bool

    @property
    def label(self) -> str:
        """Its name for the operator."""
        return LABELS.get(self.system, self.system)

    def workers(self) -> list[Process]:
        """Return its live workers, the oldest first."""
        return children(self.master.pid)

    def resident_kb(self) -> int:
        """Return the memory of its largest worker."""
        return max((worker.memory()["resident_kb"] for worker in self.workers()), default=0)

    def command(self) -> list[str] | None:
        """Return the command that it was started with, None if a title took its place."""
        named = [word for word in self.master.argv[:4] if word.rpartition("/")[2] == "gunicorn"]
        module = self.master.argv[1:3] == ("-m", "gunicorn")
        return list(self.master.argv) if named or module else None

    def folder(self) -> Path:
        """Return its working directory."""
        return Path(os.readlink(PROC / str(self.master.pid) / "cwd"))

    def configuration(self) -> Path | None:
        """Return its configuration file, None without one (settings.py: `-c`, by default gunicorn.conf.py)."""
        words = list(self.master.argv)
        for index, word in enumerate(words):
            if word in ("-c", "--config") and index + 1 < len(words):
                named = words[index + 1]
                break
            if word.startswith("--config="):
                named = word.partition("=")[2]
                break
        else:
            named = "gunicorn.conf.py"
        if named.startswith("python:"):
            return None
        path = self.folder() / named.rpartition("file:")[2]
        return path if path.is_file() else None

    def signal(self, number: int) -> None:
        """Send its main process a signal. Raises BlockStructureError `reload-failed` if it has ended."""
        if not lives(self.master):
            raise self.failed("its main process has ended")
        os.kill(self.master.pid, number)

    def failed(self, why: str) -> BlockStructureError:
        """Return the error of a reload that did not come to its end."""
        return BlockStructureError(
            "reload-failed",
            f"The workers of {self.label} could not be replaced: {why}.",
            f"read the log of {self.label}'s gunicorn; set block_structure_native_reload to never to restart it instead.",
            "block_structure_native_reload",
        )


@dataclass
class Proof:
    """Whether a new worker could load the application. loads: None if that could not be tried. seconds: what it took."""

    loads: bool | None
    why: str = ""
    seconds: float = field(default=0.0, compare=False)


def prove(gunicorn: Gunicorn, user: str, seconds: float, secrets: list[str]) -> Proof:
    """Load configuration and application in a process of its own, as a new worker of this gunicorn would.

    A worker that fails to load them ends the whole gunicorn with all its workers (arbiter.py, HaltServer), so none is added
    before.
    """
    begun = time.monotonic()
    with acting_as(user):
        argv, environment, folder = gunicorn.command(), gunicorn.master.environment(), gunicorn.folder()
    if not argv or not environment:
        return Proof(None, "its command line or environment cannot be read")
    try:
        ended = subprocess.run(
            [*argv, "--check-config"],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
            preexec_fn=becoming(user),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Proof(None, type(error).__name__)
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    why = scrub(lines[-1] if lines else "", secrets)
    loads = {0: True, _NOT_LOADED: False}.get(ended.returncode)
    return Proof(loads, why or f"status {ended.returncode}", time.monotonic() - begun)


def _added(gunicorn: Gunicorn, old: list[Process]) -> list[Process]:
    """Return the live workers that are not among the old ones."""
    return [worker for worker in gunicorn.workers() if worker not in old]


def _await_new(gunicorn: Gunicorn, old: list[Process], count: int, seconds: float) -> None:
    """Wait until so many new workers serve."""

    def ready() -> bool:
        if not lives(gunicorn.master):
            raise gunicorn.failed("its main process has ended while new workers started")
        return sum(map(serves, _added(gunicorn, old))) >= count

    if not until(ready, seconds):
        raise gunicorn.failed(f"new workers did not serve within {seconds:.0f} s; the old ones still do")


def _add(gunicorn: Gunicorn, old: list[Process]) -> None:
    """Add a worker, and wait until it runs: signals of one kind merge while one is pending."""
    before = len(_added(gunicorn, old))
    gunicorn.signal(signal.SIGTTIN)
    if not until(lambda: len(_added(gunicorn, old)) > before, _SIGNAL_SECONDS):
        raise gunicorn.failed("its main process did not react to TTIN")


def _take_away(gunicorn: Gunicorn, old: list[Process]) -> None:
    """Let the oldest worker go, and wait until it has gone or surely finishes a request."""
    before = sum(map(lives, old))
    gunicorn.signal(signal.SIGTTOU)
    until(lambda: sum(map(lives, old)) < before, _LEAVING_SECONDS)


def replace_workers(
    gunicorn: Gunicorn, wanted: int, batch: int, seconds: float, finish: float, leaving: int = 0
) -> list[Process]:
    """Replace all workers by `wanted` new ones; up to `batch` start at a time, and the old ones serve until all of these do.

    leaving: how many of the workers were taken away before and still finish a request. gunicorn counts them as workers, and
    adds none for as many TTIN. Returns the old ones that still have a request after `finish` seconds; they go when it ends.
    Raises BlockStructureError `reload-failed` if new workers do not serve within `seconds`; the old ones then still do.
    """
    old = gunicorn.workers()
    for _ in range(leaving):
        gunicorn.signal(signal.SIGTTIN)
        time.sleep(_HANDLED_SECONDS)
    for first in range(0, wanted, batch):
        last = min(first + batch, wanted)
        for _ in range(first, last):
            _add(gunicorn, old)
        _await_new(gunicorn, old, last, seconds)
    # Each lets gunicorn have one worker less, and as many of the oldest go as it then has too many.
    for _ in old:
        _take_away(gunicorn, old)
    return _await_gone(old, finish)


def _await_gone(old: list[Process], seconds: float) -> list[Process]:
    """Wait until old workers have finished their requests; end those that never served. Returns those that are left."""
    for worker in old:
        if lives(worker) and not serves(worker):
            os.kill(worker.pid, signal.SIGKILL)
    until(lambda: not any(map(lives, old)), seconds)
    return list(filter(lives, old))


def reread(gunicorn: Gunicorn, seconds: float, finish: float) -> list[Process]:
    """Let gunicorn read its configuration again and replace all workers at once; wait until the new ones serve.

    Returns the old ones that still have a request after `finish` seconds.
    """
    old = gunicorn.workers()
    gunicorn.signal(signal.SIGHUP)
    _await_new(gunicorn, old, 1, seconds)

    left = _await_gone(old, finish)
    if not until(lambda: all(serves(worker) for worker in _added(gunicorn, old)), seconds):
        raise gunicorn.failed(f"new workers did not serve within {seconds:.0f} s")
    return left


def available_kb(pids: list[int]) -> int:
    """Return the memory for new processes beside these, which the limit of their control group may narrow (cgroups(7), v2)."""
    fields = (line.split() for line in (PROC / "meminfo").read_text().splitlines())
    rooms = [int(words[1]) for words in fields if words[0] == "MemAvailable:"]
    for pid in pids:
        rooms += _group_rooms_kb(pid)
    return min(rooms)


def _group_rooms_kb(pid: int) -> list[int]:
    rooms = []
    try:
        named = (PROC / str(pid) / "cgroup").read_text().splitlines()
        paths = [line[3:].strip("/") for line in named if line.startswith("0::")]
    except OSError:
        return []
    for path in paths:
        folder = Path("/sys/fs/cgroup") / path
        for group in (folder, *folder.parents):
            try:
                limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
                stated = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue
            if limit != "max":
                # The kernel gives the cache of files back.
                rooms.append((int(limit) - int(used) + int(stated.get("inactive_file", 0))) // 1024)
    return rooms
