"""Progress of a running operation as lines, the same for Ansible and the CLI."""

from __future__ import annotations

import time
from typing import Any

Event = dict[str, Any]
LINE_EVERY_SECONDS = 10.0

# A course that takes longer is named, to explain a count that does not move.
LONG_SECONDS = 10.0
_MINUTE, _HOUR = 60, 3600


def rate(done: int, seconds: float) -> str:
    """Return the rate per second, minute or hour, whichever gives at least 1."""
    each = done / seconds
    for factor, unit in ((1, "second"), (_MINUTE, "minute")):
        if each * factor >= 1:
            return f"{each * factor:.1f} per {unit}"
    return f"{each * _HOUR:.1f} per hour"


def duration(seconds: float) -> str:
    """Return a duration as text, rounded for an estimate."""
    if seconds < 2 * _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / _MINUTE)} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


class Progress:
    """Turns the events of a run into lines for the operator."""

    def __init__(self) -> None:
        self.report = 0.0
        self.operation: Any = None
        self.base = (0.0, 0)

    def pace(self, event: Event) -> list[str]:
        """Return the pace of a `progress` event: rate, time left, and a course that takes long."""
        now = time.monotonic()
        if event.get("operation") != self.operation:
            # The rate counts from the first event of an operation.
            self.operation, self.base, self.report = event.get("operation"), (now, event["done"]), 0.0
        text = []
        elapsed, done = now - self.base[0], event["done"] - self.base[1]
        left = event.get("seconds_left")
        if done and elapsed > 0:
            text.append(rate(done, elapsed))
            if "seconds_left" not in event:  # operations with uniform items send no estimate
                left = (event["total"] - event["done"]) * elapsed / done
        if left is not None and event["done"] < event["total"]:
            text.append(f"about {duration(left)} left")
        longest = event.get("longest")
        if longest and longest["seconds"] >= LONG_SECONDS:
            text.append(f"{longest['key']} for {duration(longest['seconds'])}")
        return text

    def lines(self, event: Event) -> list[str]:
        """Return the lines for an event; counts appear at most every LINE_EVERY_SECONDS.

        One that was damaged on its way gives none; the result of the run decides.
        """
        try:
            return self._lines(event)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            return []

    def _lines(self, event: Event) -> list[str]:
        kind = event.get("event")
        if kind == "plan" and event.get("run"):
            return [f"{len(event['run'])} courses to generate"]
        if kind in ("course", "object"):
            return self._one(event)
        if kind == "retry":
            return [f"{event['key']}: {event['message']}; it gets one more attempt"]
        if kind == "outage":
            return [self._outage(event)]
        if kind == "warning":
            return [f"warning: {event['message']}"]
        if kind == "workers":
            return [
                f"{event['workers']} of {event['wanted']} workers: {event['worker_mb']} MB each, {event['budget_mb']} MB in all"
            ]
        if kind == "stopping":
            return [f"stopping; {len(event['running'])} running courses are finished or abandoned"]
        if kind == "progress":
            return self._progress(event)
        return []

    def _one(self, event: Event) -> list[str]:
        if event.get("status") == "failed":
            return [f"{event['key']} failed: {event.get('type')}: {event.get('message')}"]
        if event.get("status") == "gone":
            return [f"{event['key']}: {event.get('message')}"]
        if event.get("done") == "failed":
            return [f"{event['from']} could not be copied: {event['problem']['type']}: {event['problem']['message']}"]
        return []

    def _outage(self, event: Event) -> str:
        if event["over"]:
            return f"the {event['service']} answers again after {event['seconds']} s"
        return f"the {event['service']} is unavailable ({event['type']}: {event['message'][:200]}); waiting for it"

    def _progress(self, event: Event) -> list[str]:
        text = self.pace(event)
        now = time.monotonic()
        if now - self.report < LINE_EVERY_SECONDS:
            return []
        self.report = now
        counts = f"{self.operation}: {event['done']}/{event['total']} courses, {event['failed']} failed"
        return [", ".join([counts, *text])]
