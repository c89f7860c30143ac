"""A circuit breaker that all processes of a host share: while it is open, nobody waits for an S3 that does not answer."""

import contextlib
import json
import os
import time
from typing import Any, Dict

from . import folder


class Breaker:
    """Open for some seconds after an outage was met; then one caller tries again, and closes it or opens it anew.

    The state is one file whose time of change is the moment until which S3 is left alone. Where no file can be kept, each
    process remembers its own.
    """

    def __init__(self, where: folder.Folder, seconds: float) -> None:
        self.where, self.seconds = where, seconds
        self._own_until = 0.0

    def _path(self) -> str:
        return self.where.file("breaker.json")

    def until(self) -> float:
        """Return the moment (seconds since the epoch) until which S3 is left alone; 0 when no outage is remembered."""
        until = self._own_until
        if self.where.usable:
            with contextlib.suppress(OSError):
                until = max(until, os.stat(self._path()).st_mtime)
        # A clock that was set back must not leave S3 alone for longer than the interval.
        return min(until, time.time() + self.seconds)

    def allows(self) -> bool:
        """Say whether S3 may be asked. After an outage one caller may, and all others wait for what comes of it."""
        until = self.until()
        if until > time.time():
            return False
        if until:
            self._arm()
        return True

    def _arm(self) -> None:
        until = time.time() + self.seconds
        try:
            os.utime(self._path(), (until, until))
        except OSError:
            self._own_until = until

    def open(self, cause: str) -> None:
        """Leave S3 alone for the interval."""
        self._own_until = time.time() + self.seconds
        if not self.where.usable:
            return
        content = json.dumps({"cause": cause, "since": time.time(), "pid": os.getpid()})
        with contextlib.suppress(OSError):  # a full disk: this process still knows
            self.where.write(self._path(), content.encode("utf-8"))
            self._own_until = 0.0
            self._arm()

    def close(self) -> None:
        """S3 answered: everybody may ask it again."""
        self._own_until = 0.0
        if self.where.usable:
            with contextlib.suppress(OSError):
                folder.remove(self._path())

    def state(self) -> Dict[str, Any]:
        """Return {"open", "until", "cause", "since"}; cause and since are None when no outage is remembered."""
        until = self.until()
        told = {}  # type: Dict[str, Any]
        if self.where.usable:
            with contextlib.suppress(OSError, ValueError):
                told = json.loads((folder.read(self._path()) or b"{}").decode("utf-8"))
        return {"open": until > time.time(), "until": until or None, "cause": told.get("cause"), "since": told.get("since")}
