"""Garbage collection out of band: a worker that serves one request at a time collects between two of them.

Nothing is switched off while a request runs, so nothing can be left switched off: the threshold for young objects is raised so
far that only a runaway request reaches it, and what a request left behind is collected once its response has gone out.
"""

from __future__ import absolute_import

import gc
import time

# Young objects that make a collection worth its time.
MUCH = 20000
# Young objects at which a collection starts in the middle of a request: bounds the cyclic garbage that one request can pile up.
BOUND = 500000
# Every so many collections of young objects a full one takes what grew old before it became garbage; CPython's third threshold.
FULL_EVERY = 10

_clock = getattr(time, "perf_counter", time.time)
_freeze = getattr(gc, "freeze", None)  # Python 3.7
_count_frozen = getattr(gc, "get_freeze_count", lambda: 0)


class Watch(object):
    """Times every collection that Python itself starts, while a request may be waiting (Python 3.3); milliseconds."""

    def __init__(self):
        self.since = None
        self.out_of_band = False
        self.worst = [0.0, 0.0, 0.0]
        self.total = 0.0
        self.collections = [0, 0, 0]

    def __call__(self, phase, info):
        if self.out_of_band:
            return
        if phase == "start":
            self.since = _clock()
        elif self.since is not None:
            pause = (_clock() - self.since) * 1000
            generation = info["generation"]
            self.worst[generation] = max(self.worst[generation], pause)
            self.total += pause
            self.collections[generation] += 1
            self.since = None

    def describe(self):
        """Return the pauses, in milliseconds, and collections of each generation, as data for JSON."""
        return {
            "worst_pause_ms": [round(pause, 1) for pause in self.worst],
            "paused_ms": round(self.total, 1),
            "collections": list(self.collections),
        }

    def install(self):
        """Begin to watch; a second call changes nothing."""
        callbacks = getattr(gc, "callbacks", None)
        if callbacks is not None and self not in callbacks:
            callbacks.append(self)


class OutOfBand(object):
    """The collector of a worker that serves one request, or runs one task, at a time. watch: the Watch of this process."""

    def __init__(self, watch):
        self.watch = watch
        self.requests = self.collections = self.full = self.freed = 0
        self.seconds = self.worst = 0.0

    def begin(self, shared_heap=False):
        """Raise the threshold, and take what this process holds now out of every later collection.

        shared_heap: the process was forked with its application loaded. Its garbage is not collected first: that would write
        to, and so copy, every page that it shares with the process that it was forked from.
        """
        gc.set_threshold(BOUND, *gc.get_threshold()[1:])
        gc.enable()
        self.freeze(shared_heap)

    def freeze(self, shared_heap=False):
        """Take what this process holds now out of every later collection (nothing on a Python without gc.freeze)."""
        if _freeze is None:
            return
        if not shared_heap:
            self._collect(2)
        _freeze()

    def ended(self):
        """Collect what the request left, if it left much. Called after its response has gone out."""
        self.requests += 1
        young, middle, old = gc.get_count()
        # Objects are older than young only when a collection started in the middle of the request.
        if young < MUCH and not middle:
            return
        began = _clock()
        full = old >= FULL_EVERY
        self.freed += self._collect(2 if full else 1)
        took = _clock() - began
        self.collections += 1
        self.full += full
        self.seconds += took
        self.worst = max(self.worst, took)

    def _collect(self, generation):
        self.watch.out_of_band = True
        try:
            return gc.collect(generation)
        finally:
            self.watch.out_of_band = False

    def describe(self):
        """Return the counters, as data for JSON: `collections` out of band, `full` ones of these, `seconds` spent on them."""
        return {
            "requests": self.requests,
            "collections": self.collections,
            "full": self.full,
            "freed": self.freed,
            "seconds": round(self.seconds, 3),
            "worst_seconds": round(self.worst, 3),
            "much": MUCH,
            "bound": BOUND,
        }


def state():
    """Return how the collector of this process is set at this moment, as data for JSON."""
    return {"enabled": gc.isenabled(), "thresholds": list(gc.get_threshold()), "frozen": _count_frozen()}
