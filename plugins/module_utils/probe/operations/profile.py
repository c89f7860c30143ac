"""Open one page inside this process as a user, and record where its time goes. Read-only, except for the page's own writes."""

from __future__ import absolute_import

import collections
import cProfile
import sys
import threading
import time

from ..engine import pages
from ..protocol import outline_path
from . import benchmark

SAMPLE_SECONDS = 0.002
ENOUGH_SECONDS = 2.0  # of sampled requests; a short one is repeated
MOST_REPEATS = 30
LEAST_SHARE = 0.001  # of the total time; functions below it are omitted


class Sampler(threading.Thread):
    """Samples the calling thread's stack every few milliseconds: shares without the overhead of cProfile."""

    def __init__(self):
        threading.Thread.__init__(self)
        self.daemon = True
        self.target = threading.current_thread().ident or 0
        self.counts = collections.Counter()
        self.stopped = False

    def run(self):
        """Count stacks until stopped."""
        while not self.stopped:
            frame, stack = sys._current_frames().get(self.target), []
            while frame is not None and frame.f_code.co_name != "ask":
                stack.append((frame.f_code.co_filename, frame.f_code.co_name))
                frame = frame.f_back
            if frame is not None:  # the request is under way
                self.counts[tuple(reversed(stack))] += 1
            time.sleep(SAMPLE_SECONDS)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_error):
        self.stopped = True
        self.join()


def _short(filename, roots):
    """Return a file's path relative to its entry of sys.path."""
    for root in roots:
        if filename.startswith(root):
            return filename[len(root) :]
    return filename


def _functions(profile, roots):
    """Return (functions, edges): [file, line, name, calls, own s, cumulative s] and [caller, callee, calls, s]."""
    profile.create_stats()
    stats = profile.stats
    least = max([entry[3] for entry in stats.values()] or [0]) * LEAST_SHARE
    kept = sorted(key for key, entry in stats.items() if entry[3] >= least)
    place = dict((key, number) for number, key in enumerate(kept))
    functions, edges = [], []
    for key in kept:
        calls, own, cumulative, callers = stats[key][1:5]
        functions.append([_short(key[0], roots), key[1], key[2], calls, round(own, 6), round(cumulative, 6)])
        for caller, numbers in callers.items():
            if caller in place:
                edges.append([place[caller], place[key], numbers[1], round(numbers[3], 6)])
    return functions, edges


def _stacks(counts, roots):
    """Return (frames, stacks): [file, function] each, and [[indices of frames from the outermost on], samples]."""
    frames, places, stacks = [], {}, []
    for stack, count in counts.items():
        indices = []
        for filename, name in stack:
            frame = (_short(filename, roots), name)
            if frame not in places:
                places[frame] = len(frames)
                frames.append(list(frame))
            indices.append(places[frame])
        stacks.append([indices, count])
    return frames, stacks


def _measured(ask, path, prepare):
    """Return {"status", "ms", "queries", "sql_ms", "body"} of one request, instrumented by Django's query log only."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    prepare()
    with CaptureQueriesContext(connection) as captured:
        start = time.time()
        response = ask(path)
        milliseconds = (time.time() - start) * 1000
    queries = captured.captured_queries
    return {
        "status": int(response.status_code),
        "ms": round(milliseconds, 1),
        "queries": len(queries),
        "sql_ms": round(sum(float(query["time"]) for query in queries) * 1000, 1),
        "body": None if response.status_code == 200 else response.content[:300].decode("utf-8", "replace"),
    }


def run(operation, _release):
    """Profile one page.

    course: key; username: the user, None for a superuser or staff member; cold: remove the cached structure
    before each request. Returns {"course", "cold", "username", "request", "functions", "edges", "frames", "stacks",
    "sampled_requests", "sampled_ms"}; the keys after `request` are missing when the page did not answer 200.
    """
    benchmark.published([operation["course"]])
    user = pages.find_user(operation.get("username"))
    ask, path, cold = pages.opener(user), outline_path(operation["course"]), bool(operation.get("cold"))

    def prepare():
        if cold:
            benchmark.Course(operation["course"]).forget()

    ask(path)  # warm up: one-time work of a process is not part of a learner's request
    report = {"course": operation["course"], "cold": cold, "username": user.username, "request": _measured(ask, path, prepare)}
    if report["request"]["status"] != 200:
        return report
    roots = sorted((entry.rstrip("/") + "/" for entry in sys.path if entry), key=len, reverse=True)
    spent, repeats = 0.0, 0
    with Sampler() as sampler:
        while spent < ENOUGH_SECONDS and repeats < MOST_REPEATS:
            prepare()
            start = time.time()
            ask(path)
            spent, repeats = spent + time.time() - start, repeats + 1
    prepare()
    profile = cProfile.Profile()
    profile.enable()
    ask(path)
    profile.disable()
    report["functions"], report["edges"] = _functions(profile, roots)
    report["frames"], report["stacks"] = _stacks(sampler.counts, roots)
    report.update(sampled_requests=repeats, sampled_ms=round(spent * 1000, 1))
    return report
