"""What is worth telling of a run while it goes on, as lines. The same words in Ansible and in the tool."""

from __future__ import annotations

import time
from typing import Any, Dict

Event = Dict[str, Any]
LINE_EVERY_SECONDS = 10.0


class Progress:
    """Turns events into the lines that an operator reads while a run goes on."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.told = 0.0
        self.now: Event = {}

    def lines(self, event: Event) -> list[str]:
        """Return what an event is worth telling; counts come every LINE_EVERY_SECONDS at most."""
        kind = event.get("event")
        if kind == "plan" and event.get("run"):
            self.since = time.monotonic()
            return [f"{len(event['run'])} courses to generate"]
        if kind == "course" and event["status"] == "failed":
            return [f"{event['key']} failed: {event.get('type')}: {event.get('message')}"]
        if kind == "course" and event["status"] == "gone":
            return [f"{event['key']}: {event.get('message')}"]
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
            return [f"stopping; {len(event['running'])} courses in hand are finished or abandoned"]
        if kind == "progress" and time.monotonic() - self.told >= LINE_EVERY_SECONDS:
            self.told = time.monotonic()
            return [self._counts(event)]
        return []

    def _outage(self, event: Event) -> str:
        if event["over"]:
            return f"the {event['service']} answers again after {event['seconds']} s"
        return f"the {event['service']} is away ({event['type']}: {event['message'][:200]}); waiting for it"

    def _counts(self, event: Event) -> str:
        words = f"{event.get('operation')}: {event['done']}/{event['total']} courses, {event['failed']} failed"
        elapsed = time.monotonic() - self.since
        if event["done"] and elapsed > 0:
            rate = event["done"] / elapsed
            words += f", {rate:.1f} a second, {round((event['total'] - event['done']) / rate)} s left"
        return words
