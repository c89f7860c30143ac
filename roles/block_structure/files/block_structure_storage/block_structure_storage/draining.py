"""Uploads what waits in the spool, in the background or by hand."""

import contextlib
import logging
import time
from typing import Any, Callable, Dict, Optional, Tuple

from . import breaker, copies, envelope, folder, remote, reporting, signing

log = logging.getLogger(__name__)

BUDGET_SECONDS = 60.0  # for one object; nobody waits for it
AFTER_START_SECONDS = 5.0  # so that no start of a process waits for it
INTERVAL_SECONDS = 30.0  # between two looks into the spool in one process
REFUSED_SECONDS = 600.0  # an object that S3 refused is not tried again earlier, except by hand


class Drainer:
    """The upload of one spool.

    parameters: returns the further arguments of PutObject.
    """

    def __init__(
        self,
        spool: copies.Spool,
        asked: remote.Remote,
        broken: breaker.Breaker,
        reporter: reporting.Reporter,
        parameters: Callable[[], Dict[str, Any]],
    ) -> None:
        self.spool, self.remote, self.breaker, self.reporter, self.parameters = spool, asked, broken, reporter, parameters
        self.looked_at = time.monotonic()
        # Name of a file -> (why it stays, moment of time.monotonic() at which it is tried again).
        self._refused = {}  # type: Dict[str, Tuple[str, float]]

    def start(self, after: float = 0.0) -> None:
        """Upload in the background, if anything waits."""
        self.looked_at = time.monotonic()
        with contextlib.suppress(OSError):
            if self.spool.is_waiting():
                copies.in_background(self.drain, after)

    def start_now_and_then(self) -> None:
        """Do so if this process has not looked for a while and S3 is not left alone."""
        if time.monotonic() - self.looked_at > INTERVAL_SECONDS and self.breaker.until() <= time.time():
            self.start()

    def drain(self, wait_seconds: float = 0.0) -> Dict[str, Any]:
        """Upload oldest first until S3 fails; return {"uploaded", "left", "problem"}.

        One process at a time on a host, for which this one waits so long (seconds). An object that S3 refuses, or that cannot
        be read, holds up no other. problem: why objects are left, with the name of one; None when none is left.
        """
        uploaded, problem = 0, None  # type: int, Optional[str]
        try:
            with self.spool.alone(wait_seconds) as mine:
                if mine:
                    uploaded, problem = self._upload_all(by_hand=wait_seconds > 0)
                    self.spool.give_room_back()
                else:
                    problem = "another process is uploading"
        except (OSError, copies.FullError) as error:
            problem = problem or str(error)
        left = len(self.spool.waiting())
        if uploaded:
            log.info("Block structure storage: %d spooled objects are in S3 now, %d are left.", uploaded, left)
        return {"uploaded": uploaded, "left": left, "problem": problem if left else None}

    def _upload_all(self, by_hand: bool) -> Tuple[int, Optional[str]]:
        uploaded, problem = 0, None  # type: int, Optional[str]
        waiting = self.spool.waiting()
        known = {entry.file for entry in waiting}
        self._refused = {file: kept for file, kept in self._refused.items() if file in known}
        for entry in waiting:
            refused = self.refused(entry.file)
            if refused and not by_hand and time.monotonic() < self._refused[entry.file][1]:
                problem = problem or refused
                continue
            try:
                uploaded += self._upload(entry.file)
            except remote.FailureError as failure:
                return uploaded, failure.words
            refused = self.refused(entry.file)
            problem = problem or refused
        return uploaded, problem

    def refused(self, file: str) -> Optional[str]:
        """Return why a file was not uploaded when this process last tried; None if it was not refused."""
        return self._refused[file][0] if file in self._refused else None

    def _upload(self, file: str) -> bool:
        """Upload one file and remove it; return whether it is in S3. Raises FailureError for an outage."""
        key = file
        try:
            stored = self.spool.load(file)
            if stored is None:
                return False
            key = stored.name
            self.remote.put(key, stored.data, self.parameters(), BUDGET_SECONDS)
            self.spool.remove(file)
        except remote.FailureError as failure:
            self.reporter.remote("upload", key, failure, "It stays in the spool")
            if failure.is_outage:
                raise
            self._refuse(file, "%s: %s" % (key, failure.words))
            return False
        except (envelope.DamagedError, signing.NotVerifiedError, OSError) as error:
            if isinstance(error, folder.UnusableError):
                raise
            self.reporter.local(key, error, "It is not uploaded; its course is rebuilt where the object is missed")
            self._refuse(file, "%s: %s" % (key, error))
            return False
        self._refused.pop(file, None)
        self.breaker.close()
        self.reporter.counters.add("uploaded")
        return True

    def _refuse(self, file: str, words: str) -> None:
        self._refused[file] = (words, time.monotonic() + REFUSED_SECONDS)
