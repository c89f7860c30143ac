"""A circuit breaker that all processes of a host share: while it is open, nobody waits for an S3 that does not answer."""

import contextlib
import json
import os
import time
from typing import Any, Dict

from . import folder

FILE = "breaker.json"


class Breaker:
    """Open for some seconds after an outage was met; then one caller tries again, and closes it or opens it anew.

    The state is one file whose time of change is the moment until which S3 is left alone. Where no file can be kept, each
    process remembers its own.
    """

    def __init__(self, where: folder.Folder, seconds: float) -> None:
        self.where, self.seconds = where, seconds
        self._own_until = 0.0

    def until(self) -> float:
        """Return the moment (seconds since the epoch) until which S3 is left alone; 0 when no outage is remembered."""
        until = self._own_until
        with contextlib.suppress(OSError), self.where.opened() as directory:
            found = directory.found(FILE)
            if found is not None:
                until = max(until, found.st_mtime)
        now = time.time()
        # Later than it can be set: the clock was set back meanwhile, and nobody knows how long ago the outage was.
        return now if until > now + self.seconds else until

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
            with self.where.opened() as directory:
                directory.touch(FILE, until)
            self._own_until = 0.0
        except OSError:
            self._own_until = until

    def open(self, cause: str) -> None:
        """Leave S3 alone for the interval."""
        until = self._own_until = time.time() + self.seconds
        content = json.dumps({"cause": cause, "since": time.time(), "pid": os.getpid()}).encode("utf-8")
        # A full disk: this process still knows.
        with contextlib.suppress(OSError), self.where.opened() as directory:
            directory.write(FILE, content, changed=until)
            self._own_until = 0.0

    def close(self) -> None:
        """S3 answered: everybody may ask it again."""
        self._own_until = 0.0
        with contextlib.suppress(OSError), self.where.opened() as directory:
            directory.remove(FILE)

    def state(self) -> Dict[str, Any]:
        """Return {"open", "until", "cause", "since"}; cause and since are None when no outage is remembered."""
        until = self.until()
        kept = {}  # type: Dict[str, Any]
        with contextlib.suppress(OSError, ValueError), self.where.opened() as directory:
            found = directory.read(FILE)
            kept = json.loads(found[0].decode("utf-8")) if found else {}
        return {"open": until > time.time(), "until": until or None, "cause": kept.get("cause"), "since": kept.get("since")}
