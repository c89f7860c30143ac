"""Tune the garbage collector of this process, and let the process itself say what it runs with.

Made by the role block_structure for gunicorn's workers and Celery's pool of an Open edX site (its docs/runtime.md says why).
Python 2.7 and 3.5 can read it. Nothing here may cost the platform a worker: what fails is left undone.
"""

from __future__ import absolute_import

import gc
import json
import os
import platform
import time

REPORTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "reports")

_clock = getattr(time, "perf_counter", time.time)
_freeze = getattr(gc, "freeze", None)  # Python 3.7
_count_frozen = getattr(gc, "get_freeze_count", lambda: 0)


class Watch(object):
    """Times every collection of this process; a pause is in milliseconds."""

    def __init__(self):
        self.since = None
        self.worst = [0.0, 0.0, 0.0]
        self.total = 0.0
        self.collections = [0, 0, 0]

    def __call__(self, phase, info):
        if phase == "start":
            self.since = _clock()
        elif self.since is not None:
            pause = (_clock() - self.since) * 1000
            generation = info["generation"]
            self.worst[generation] = max(self.worst[generation], pause)
            self.total += pause
            self.collections[generation] += 1
            self.since = None


_watch = Watch()


def tune(thresholds=None, freeze=False, collect=False):
    """Set this process's thresholds (None: leave them), and freeze what it holds now, garbage collected first if asked for."""
    if thresholds is not None:
        gc.set_threshold(*thresholds)
    if freeze and _freeze:
        if collect:
            gc.collect()
        _freeze()
    callbacks = getattr(gc, "callbacks", None)
    if callbacks is not None and _watch not in callbacks:
        callbacks.append(_watch)


def started(pid="self"):
    """Return when a process started, in clock ticks since the boot: with the pid, it names a process for good. See proc(5)."""
    with open("/proc/%s/stat" % pid) as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[19])


def describe(kind):
    """Return what this process runs with at this moment; kind is gunicorn, uwsgi or celery."""
    return {
        "pid": os.getpid(),
        "started": started(),
        "kind": kind,
        "python": platform.python_version(),
        "time": time.time(),
        "enabled": gc.isenabled(),
        "thresholds": list(gc.get_threshold()),
        "frozen": _count_frozen(),
        "worst_pause_ms": [round(pause, 1) for pause in _watch.worst],
        "paused_ms": round(_watch.total, 1),
        "collections": list(_watch.collections),
    }


def report(kind, **more):
    """Write what this process runs with, and more, to a file of its own; a directory that is not there is no fault."""
    path = os.path.join(REPORTS, "%d.json" % os.getpid())
    try:
        with open(path + ".new", "w") as stream:
            json.dump(dict(describe(kind), **more), stream)
        os.rename(path + ".new", path)
    except (IOError, OSError):
        pass


def sweep():
    """Remove the reports of processes that are gone."""
    try:
        for name in os.listdir(REPORTS):
            if not os.path.exists("/proc/%s" % name.split(".")[0]):
                os.remove(os.path.join(REPORTS, name))
    except (IOError, OSError):
        pass
