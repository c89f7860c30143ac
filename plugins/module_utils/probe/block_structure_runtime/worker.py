"""One worker: what was asked of it, what it runs with, why not if that is not the same, and its report."""

from __future__ import absolute_import

import os
import platform
import time

from .collector import OutOfBand, Watch, state
from .keys import hash_once
from .reports import started, sweep, write

# A worker writes its report anew after a request, but no more often than this many seconds.
REPORT_SECONDS = 10.0

ENVIRONMENT = "BLOCK_STRUCTURE_RUNTIME"
STOCK, OUT_OF_BAND, HASH_ONCE = "stock", "out_of_band", "hash_once"


def parse(text):
    """Return {"collector", "keys"} of the environment's `collector=out_of_band,keys=hash_once`; what is not named is stock."""
    chosen = {"collector": STOCK, "keys": STOCK}
    chosen.update(word.split("=", 1) for word in text.split(",") if "=" in word)
    return {name: chosen[name] for name in ("collector", "keys")}


class Worker(object):
    """A process that serves requests or runs tasks.

    kind: gunicorn, uwsgi or celery. collector: stock or out_of_band. keys: stock or hash_once. concurrency: None, or in words
    why this worker has more than one request at a time; its collector is then left alone. more: what else its report says.
    """

    def __init__(self, kind, collector=STOCK, keys=STOCK, concurrency=None, **more):
        self.kind = kind
        self.asked = {"collector": collector, "keys": keys}
        self.why = {}  # by choice; a choice that is not here is as asked
        self.mode = {"collector": STOCK, "keys": STOCK}
        self.more = more
        self.watch = Watch()
        self.collector = None
        self.reported = 0.0
        if collector == OUT_OF_BAND and not concurrency:
            self.collector = OutOfBand(self.watch)
            self.mode["collector"] = OUT_OF_BAND
        elif collector != STOCK:
            self.why["collector"] = concurrency or "there is no collector %s" % collector

    def begin(self, shared_heap=False):
        """Run with what was asked from here on, and report it. shared_heap: see OutOfBand.begin."""
        self._begin_keys()
        self.watch.install()
        if self.collector:
            self.collector.begin(shared_heap)
        sweep()
        self.report()

    def _begin_keys(self):
        asked = self.asked["keys"]
        if asked != STOCK:
            self.why["keys"] = hash_once() if asked == HASH_ONCE else "there is no choice %s for the keys" % asked
            self.mode["keys"] = STOCK if self.why["keys"] else HASH_ONCE

    def loaded(self):
        """Freeze what an application holds that was loaded after the worker began."""
        if self.collector:
            self.collector.freeze()

    def ended(self):
        """Do what is due after a request or task."""
        if self.collector:
            self.collector.ended()
        if time.time() - self.reported >= REPORT_SECONDS:
            self.report()

    def describe(self):
        """Return what this process runs with at this moment, as data for JSON."""
        counters = self.collector.describe() if self.collector else {}
        report = {
            "pid": os.getpid(),
            "started": started(),
            "kind": self.kind,
            "python": platform.python_version(),
            "time": time.time(),
            "collector": dict(self._choice("collector"), **counters),
            "keys": self._choice("keys"),
        }
        report.update(state())
        report.update(self.watch.describe())
        report.update(self.more)
        return report

    def _choice(self, name):
        return {"mode": self.mode[name], "asked": self.asked[name], "why": self.why.get(name)}

    def report(self):
        """Write the report of this process."""
        self.reported = time.time()
        write(self.describe())
