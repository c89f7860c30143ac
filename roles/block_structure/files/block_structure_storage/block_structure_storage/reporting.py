"""How failures are counted and logged: one line with cause, cost and consequence; nothing is raised."""

import contextlib
import logging
import time
from typing import Any, Dict, Iterator

from . import breaker, counters, envelope, folder, remote, signing

log = logging.getLogger(__name__)

_REMEMBERED = 1000


def failure_of(operation: str, cause: str, words: str) -> Dict[str, Any]:
    """Return what the counters keep of the last failure."""
    return {"operation": operation, "cause": cause, "words": words, "time": time.time()}


class Reporter:
    """Counts and logs for all instances of one process; opens the breaker for an outage."""

    def __init__(self, counted: counters.Counters, broken: breaker.Breaker) -> None:
        self.counters, self.breaker = counted, broken
        self._logged = {}  # type: Dict[str, float]

    def _is_first(self, key: str, cause: str) -> bool:
        """Say whether this is the first time that an object is distrusted for a cause: such a failure lasts."""
        if len(self._logged) >= _REMEMBERED:
            self._logged.clear()
        entry = "%s %s" % (cause, key)
        first = entry not in self._logged
        self._logged[entry] = time.time()
        return first

    @contextlib.contextmanager
    def swallowed(self, operation: str, key: str, consequence: str) -> Iterator[None]:
        """Swallow and report the failure of S3 in the body."""
        try:
            yield
        except remote.FailureError as failure:
            self.remote(operation, key, failure, consequence)

    def remote(self, operation: str, key: str, failure: remote.FailureError, consequence: str) -> None:
        """Report a failure of S3. operation: a verb, such as "read"; it names the counter too."""
        pause = ""
        if failure.is_outage:
            self.breaker.open(failure.cause)
            pause = " S3 is left alone for %.0f s." % self.breaker.seconds
        else:  # a refusal is an answer
            self.breaker.close()
        self.counters.add(
            "%s_failed_%s" % (operation.replace(" ", "_"), failure.cause),
            failure_of(operation, failure.cause, failure.words),
        )
        distrusted = failure.cause in remote.DISTRUSTED
        if distrusted and not self._is_first(key, failure.cause):
            return
        (log.error if distrusted else log.warning)(
            "Block structure storage: S3 did not %s %s: %s after %.2f s (%s). %s.%s",
            operation,
            key,
            failure.cause,
            failure.seconds,
            failure.words,
            consequence,
            pause,
        )

    def local(self, key: str, error: Exception, consequence: str) -> None:
        """Report why a local file was not read or written. key: of the object, or the file's name where it is not known."""
        if isinstance(error, folder.UnusableError):  # logged once for the whole directory, by itself
            return
        if isinstance(error, envelope.DamagedError):
            counter, cause = "local_damaged", "damaged"
        elif isinstance(error, signing.NotVerifiedError):
            counter, cause = "local_%s" % error.status, error.status
        else:
            counter, cause = "local_failed", ""
        self.counters.add(counter, failure_of("local", cause or "failed", str(error)))
        if not cause or self._is_first(key, "local " + cause):
            log.error("Block structure storage: the local file of %s cannot be used: %s. %s.", key, error, consequence)
