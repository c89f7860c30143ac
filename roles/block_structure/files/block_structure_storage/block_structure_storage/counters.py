"""Counters of what happened, added up over all processes of a host in one small file."""

import contextlib
import json
import time
from typing import Any, Dict, Optional

from . import folder


class Counters:
    """Counts by name. Nobody ever waits for them: what cannot be written now is written with the next event."""

    def __init__(self, where: folder.Folder) -> None:
        self.where = where
        self._pending = {}  # type: Dict[str, int]
        self._last = None  # type: Optional[Dict[str, Any]]

    def _path(self) -> str:
        return self.where.file("counters.json")

    def add(self, name: str, failure: Optional[Dict[str, Any]] = None) -> None:
        """Count one event; `failure` is kept as the last one that happened."""
        self._pending[name] = self._pending.get(name, 0) + 1
        if failure is not None:
            self._last = failure
        with contextlib.suppress(OSError):
            self._flush()

    def _flush(self) -> None:
        if not self.where.usable:
            return
        with self.where.locked("counters.lock") as mine:
            if not mine:
                return
            kept = self._read()
            # A copy: other threads go on counting.
            taken, last = dict(self._pending), self._last
            for name, count in taken.items():
                kept["counts"][name] = kept["counts"].get(name, 0) + count
                if count:
                    kept["last"][name] = time.time()
            if last is not None:
                kept["last_failure"] = last
            self.where.write(self._path(), json.dumps(kept, sort_keys=True).encode("utf-8"))
            for name, count in taken.items():
                self._pending[name] -= count
            self._last = None

    def _read(self) -> Dict[str, Any]:
        kept = {}  # type: Dict[str, Any]
        with contextlib.suppress(OSError, ValueError):  # unreadable: they start anew
            kept = json.loads((folder.read(self._path()) or b"{}").decode("utf-8"))
        kept.setdefault("since", time.time())
        kept.setdefault("counts", {})
        kept.setdefault("last", {})
        kept.setdefault("last_failure", None)
        return kept

    def state(self) -> Dict[str, Any]:
        """Return {"since", "counts": {name: number}, "last": {name: moment}, "last_failure"} of the host.

        Where nothing is kept, of this process, which remembers no moments.
        """
        if self.where.usable:
            return self._read()
        counts = {name: count for name, count in dict(self._pending).items() if count}
        return {"since": None, "counts": counts, "last": {}, "last_failure": self._last}
