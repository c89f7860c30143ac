"""Counters of what happened, added up over all processes of a host in one small file."""

import contextlib
import json
import os
import threading
import time
from typing import Any, Dict, Optional

from . import folder

FILE = "counters.json"
WRITE_INTERVAL_SECONDS = 5.0


class Counters:
    """Counts by name.

    They are kept in memory and written with a failure, with the first event after each interval, when asked for and when the
    process ends. Nobody waits for them: what cannot be written now is written later. A process that is killed takes with it
    what it has not written yet.
    """

    def __init__(self, where: folder.Folder) -> None:
        self.where = where
        self._begin()

    def _begin(self) -> None:
        self._pid, self._lock = os.getpid(), threading.Lock()
        self._pending = {}  # type: Dict[str, int]
        self._moments = {}  # type: Dict[str, float]
        self._last_failure = None  # type: Optional[Dict[str, Any]]
        self._write_at = 0.0

    def _begin_after_fork(self) -> None:
        """Forget what the process had counted before this one was forked from it: it writes that itself."""
        if self._pid != os.getpid():
            self._begin()

    def add(self, name: str, failure: Optional[Dict[str, Any]] = None, count: int = 1) -> None:
        """Count an event; `failure` is kept as the last one that happened."""
        self._begin_after_fork()
        with self._lock:
            self._pending[name] = self._pending.get(name, 0) + count
            self._moments[name] = time.time()
            self._last_failure = failure or self._last_failure
        if failure is not None or time.monotonic() >= self._write_at:
            self.write()

    def write(self) -> None:
        """Add to the file what this process has counted, unless another process does so at the moment."""
        self._begin_after_fork()
        if not self._pending:
            return
        with contextlib.suppress(OSError), self.where.opened() as directory, directory.locked() as mine:
            if mine:
                self._write_to(directory)

    def _write_to(self, directory: folder.Directory) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
            moments, failure = {name: self._moments[name] for name in pending}, self._last_failure
        if not pending:
            return
        try:
            kept = _kept(directory)
            kept["since"] = min(kept["since"], *moments.values())
            for name, count in pending.items():
                kept["counts"][name] = kept["counts"].get(name, 0) + count
            kept["last"].update(moments)
            kept["last_failure"] = failure or kept["last_failure"]
            directory.write(FILE, json.dumps(kept, sort_keys=True).encode("utf-8"))
        except BaseException:
            with self._lock:
                for name, count in pending.items():
                    self._pending[name] = self._pending.get(name, 0) + count
            raise
        self._write_at = time.monotonic() + WRITE_INTERVAL_SECONDS

    def state(self) -> Dict[str, Any]:
        """Return {"since", "counts": {name: number}, "last": {name: moment}, "last_failure"} of the host.

        Other processes may have counted more within the interval. Where nothing is kept on disk: of this process alone.
        """
        self.write()
        with contextlib.suppress(OSError), self.where.opened() as directory:
            return _kept(directory)
        with self._lock:
            counts, moments = dict(self._pending), dict(self._moments)
        return {"since": None, "counts": counts, "last": moments, "last_failure": self._last_failure}


def _kept(directory: folder.Directory) -> Dict[str, Any]:
    """Return what the file holds; counting starts anew where it is unreadable."""
    kept = {"since": time.time(), "counts": {}, "last": {}, "last_failure": None}  # type: Dict[str, Any]
    found = directory.read(FILE)
    with contextlib.suppress(ValueError):
        if found is not None:
            read = json.loads(found[0].decode("utf-8"))
            if isinstance(read, dict) and isinstance(read.get("counts"), dict) and isinstance(read.get("last"), dict):
                kept.update(read)
    return kept
