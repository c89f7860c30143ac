"""Measure what Python's garbage collector costs when a structure is read, in forks of this LMS process.

A fork has the LMS's heap, like a worker, and its settings end with it. Milliseconds are CPU time, so that other load on the
host does not count. Sources: CPython's Modules/gcmodule.c and the documentation of the module gc.
"""

from __future__ import absolute_import

import gc
import json
import os
import platform as python_platform
import time

from ..engine import edxapp
from ..protocol import describe, emit

REPEATS = 3
# For each of these numbers of blocks the largest course up to it is measured. Courses below SMALLEST show no effect (measured
# on a real LMS: no difference up to 600 blocks).
SIZES = (2000, 5000, 10000, 1000000)
SMALLEST = 600
# A young collection for each tenth of the tracked objects; beyond 100,000 a worker keeps more garbage without benefit.
SHARE, LOWEST, HIGHEST = 10, 10000, 100000
OLDER = (20, 100)

_FREEZE = getattr(gc, "freeze", None)  # Python 3.7
# CPU seconds: process_time from Python 3.3 on, clock before (on Unix).
_clock = getattr(time, "process_time", getattr(time, "clock", time.time))


def propose(objects):
    """Return the thresholds [young, middle, old] for a process with this number of tracked objects.

    objects: gc.get_objects() counted after a full collection. 490,000 of them, a real LMS, give [50000, 20, 100].
    """
    young = min(max(objects // SHARE, LOWEST), HIGHEST)
    return [int(round(young, -4)), OLDER[0], OLDER[1]]


def pick(courses):
    """Return the keys to measure, from a survey's courses: one for each of SIZES, the smallest first."""
    known = sorted((course["blocks"], course["key"]) for course in courses if (course["blocks"] or 0) >= SMALLEST)
    chosen = []
    for limit in SIZES:
        fitting = [key for blocks, key in known if blocks <= limit and key not in chosen]
        chosen += fitting[-1:]
    return [key for _, key in known if key in chosen]


class Watch(object):
    """Times every collection of this process; a pause is in milliseconds."""

    def __init__(self):
        self.since = None
        self.worst = 0.0
        self.collections = [0, 0, 0]

    def __call__(self, phase, info):
        if phase == "start":
            self.since = _clock()
        elif self.since is not None:
            self.worst = max(self.worst, (_clock() - self.since) * 1000)
            self.collections[info["generation"]] += 1
            self.since = None


def _peak_kb():
    """Return the peak resident memory of this process in KiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _stored(store, rows, key_text):
    """Return ((data, usage key), None) of a course, from the cache or its object; (None, problem) if neither works."""
    from openedx.core.djangoapps.content.block_structure.exceptions import BlockStructureNotFound

    try:
        usage_key = edxapp.root_usage_key(edxapp.course_key(key_text))
        try:
            return (store._get_from_cache(store._get_model(usage_key)), usage_key), None
        except BlockStructureNotFound:
            row = rows.filter(data_usage_key=usage_key).first()
            if row is None:
                raise
            with row.data.storage.open(row.data.name) as stream:
                return (stream.read(), usage_key), None
    except Exception as error:
        return None, describe(error)


def _in_fork(function):
    """Run the function in a fork of this process and return its result, passed as JSON."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            try:
                answer = function()
            except Exception as error:
                answer = {"error": describe(error)}
            with os.fdopen(writing, "w") as stream:
                stream.write(json.dumps(answer))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    if not text:
        raise RuntimeError("the measuring process was killed")
    answer = json.loads(text)
    if "error" in answer:
        raise RuntimeError("%(type)s: %(message)s" % answer["error"])
    return answer


def _reads(variant, structures, store):
    """Deserialize every structure once under a variant; runs in its own fork."""
    # Touch the whole heap first, so that copy-on-write costs do not distort a variant.
    gc.collect()
    gc.set_threshold(*variant["thresholds"])
    if variant["freeze"] and _FREEZE:
        _FREEZE()
    watch = Watch()
    getattr(gc, "callbacks", []).append(watch)  # Python 3.3
    milliseconds, failed = [], {}
    for place, (data, usage_key) in enumerate(structures):
        start = _clock()
        try:
            structure = store._deserialize(data, usage_key)
        except Exception as error:  # a corrupt object: measure the other courses
            failed[str(place)] = describe(error)
            structure = None
        milliseconds.append((_clock() - start) * 1000)
        del structure
    return {
        "ms": milliseconds,
        "failed": failed,
        "worst_pause_ms": watch.worst,
        "collections": watch.collections,
        "peak_kb": _peak_kb(),
        "thresholds": list(gc.get_threshold()),
    }


def variants(stock, candidate):
    """Return the variants to compare: {name: {"thresholds", "freeze"}}. `off` is the lower bound of any setting."""
    compared = {
        "stock": {"thresholds": stock, "freeze": False},
        "thresholds": {"thresholds": candidate, "freeze": False},
        "off": {"thresholds": [0, 0, 0], "freeze": False},
    }
    if _FREEZE:
        compared["freeze"] = {"thresholds": stock, "freeze": True}
        compared["both"] = {"thresholds": candidate, "freeze": True}
    return compared


def _median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2.0


def run(operation, _release):
    """Measure reads of some courses with the garbage collector as it is, tuned, frozen and off, interleaved.

    thresholds: those to try; null proposes them from this process's objects. courses: keys; null takes them from an earlier
    survey of the same request. repeats: rounds, default 3. seconds: time limit of all rounds, default none; one always runs.
    variants: names of those to try, default all; named ones run even without a course, to check whether this interpreter
    accepts them.
    Returns {"python", "objects", "stock", "candidate", "proposed", "freeze_possible",
    "courses": [{"key", "bytes", "ms": {variant: median}}],
    "variants": {variant: {"thresholds" as the interpreter took them, "worst_pause_ms", "peak_kb", "collections"}},
    "skipped": [{"key", "type", "message", "code"}]}.
    """
    edxapp.forget_request()
    gc.collect()
    objects, stock = len(gc.get_objects()), list(gc.get_threshold())
    candidate = list(operation.get("thresholds") or propose(objects))
    store, rows = edxapp.store(), edxapp.models().BlockStructureModel.objects
    keys, structures, skipped = [], [], []
    for key_text in operation.get("courses") or []:
        found, problem = _stored(store, rows, key_text)
        if problem:
            skipped.append(dict(problem, key=key_text))
        else:
            keys.append(key_text)
            structures.append(found)
    result = {
        "python": python_platform.python_version(),
        "objects": objects,
        "stock": stock,
        "candidate": candidate,
        "proposed": not operation.get("thresholds"),
        "freeze_possible": bool(_FREEZE),
        "skipped": skipped,
    }
    edxapp.close_connections()
    compared = variants(stock, candidate)
    seen = dict((name, []) for name in compared if name in (operation.get("variants") or compared))
    rounds = (operation.get("repeats") or REPEATS) if structures else int("variants" in operation)
    start, patience = time.time(), operation.get("seconds")
    for number in range(rounds):
        if number and patience and (time.time() - start) * (number + 1) / number > patience:
            break
        emit("progress", operation="runtime", done=number, total=rounds, failed=0)
        for name in sorted(seen):
            seen[name].append(_in_fork(lambda chosen=compared[name]: _reads(chosen, structures, store)))
    failed = dict(item for report in seen.values() for one in report for item in one["failed"].items())
    skipped += [dict(problem, key=keys[int(place)]) for place, problem in sorted(failed.items())]
    result["courses"] = [
        {
            "key": key,
            "bytes": len(structures[place][0]),
            "ms": dict((name, round(_median([report["ms"][place] for report in seen[name]]), 1)) for name in seen),
        }
        for place, key in enumerate(keys)
        if str(place) not in failed
    ]
    result["variants"] = dict((name, _summary(report)) for name, report in seen.items() if report)
    return result


def _summary(report):
    return {
        "thresholds": report[0]["thresholds"],
        "worst_pause_ms": round(max(one["worst_pause_ms"] for one in report), 1),
        "peak_kb": max(one["peak_kb"] for one in report),
        "collections": report[0]["collections"],
    }
