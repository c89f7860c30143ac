"""What is worth telling of a run while it goes on, as lines. The same words in Ansible and in the tool."""

from __future__ import annotations

import time
from typing import Any, Dict

Event = Dict[str, Any]
LINE_EVERY_SECONDS = 10.0


class Progress:
    """Turns events into the lines that an operator reads while a run goes on."""

    def __init__(self) -> None:
        self.told = 0.0
        self.operation: Any = None
        self.base = (0.0, 0)

    def lines(self, event: Event) -> list[str]:
        """Return what an event is worth telling; counts come every LINE_EVERY_SECONDS at most."""
        kind = event.get("event")
        if kind == "plan" and event.get("run"):
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
        if kind == "progress":
            return self._progress(event)
        return []

    def _outage(self, event: Event) -> str:
        if event["over"]:
            return f"the {event['service']} answers again after {event['seconds']} s"
        return f"the {event['service']} is away ({event['type']}: {event['message'][:200]}); waiting for it"

    def _progress(self, event: Event) -> list[str]:
        now = time.monotonic()
        if event.get("operation") != self.operation:
            # The first sign of an operation is where its rate is counted from.
            self.operation, self.base, self.told = event.get("operation"), (now, event["done"]), 0.0
        if now - self.told < LINE_EVERY_SECONDS:
            return []
        self.told = now
        words = f"{self.operation}: {event['done']}/{event['total']} courses, {event['failed']} failed"
        elapsed, done = now - self.base[0], event["done"] - self.base[1]
        if done and elapsed > 0:
            words += f", {done / elapsed:.1f} a second, {round((event['total'] - event['done']) * elapsed / done)} s left"
        return [words]
