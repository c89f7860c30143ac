"""Measure what each choice for the runtime of the LMS's workers brings on this site, in forks of this LMS process.

A fork has the LMS's heap, like a worker, and runs with the code that a worker would run with (block_structure_runtime);
whatever it changes ends with it. Milliseconds are CPU time, so that other load on the host does not count.
"""

from __future__ import absolute_import

import gc
import json
import os
import platform as python_platform
import time

from ..block_structure_runtime import collector, keys
from ..engine import edxapp, memory, pages
from ..protocol import describe, emit, outline_path

REPEATS = 3
# For each of these numbers of blocks the largest course up to it is measured, from SMALLEST on.
SIZES = (2000, 5000, 10000, 1000000)
SMALLEST = 600
# Requests for each page in a fork; one more goes before them, which opens connections and touches what was shared.
REQUESTS = 2
# {name: (collector out of band, hashes of keys kept)}
VARIANTS = {"stock": (False, False), "out_of_band": (True, False), "hash_once": (False, True), "both": (True, True)}

# CPU seconds: process_time from Python 3.3 on, clock before (on Unix).
_clock = getattr(time, "process_time", getattr(time, "clock", time.time))


def pick(courses):
    """Return the keys to measure, from a survey's courses: one for each of SIZES, the smallest first."""
    known = sorted((course["blocks"], course["key"]) for course in courses if (course["blocks"] or 0) >= SMALLEST)
    chosen = []
    for limit in SIZES:
        fitting = [key for blocks, key in known if blocks <= limit and key not in chosen]
        chosen += fitting[-1:]
    return [key for _, key in known if key in chosen]


def _stored(store, rows, key_text):
    """Return ((data, usage key, cached), None) of a course, from the cache or its object; (None, problem) if neither works."""
    from openedx.core.djangoapps.content.block_structure.exceptions import BlockStructureNotFound

    try:
        usage_key = edxapp.root_usage_key(edxapp.course_key(key_text))
        try:
            return (store._get_from_cache(store._get_model(usage_key)), usage_key, True), None
        except BlockStructureNotFound:
            row = rows.filter(data_usage_key=usage_key).first()
            if row is None:
                raise
            with row.data.storage.open(row.data.name) as stream:
                return (stream.read(), usage_key, False), None
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
                answer = {"result": function()}
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
    return answer["result"]


class Variant(object):
    """This process under one of VARIANTS: call `timed` for each piece of work, then `describe`."""

    def __init__(self, name):
        out_of_band, kept = VARIANTS[name]
        # Touch the whole heap first, so that copy-on-write costs do not distort a variant.
        gc.collect()
        if kept and keys.hash_once():
            raise RuntimeError("the hashes of keys cannot be kept: %s" % keys.hash_once())
        self.watch = collector.Watch()
        self.watch.install()
        self.collector = collector.OutOfBand(self.watch) if out_of_band else None
        if self.collector:
            self.collector.begin()

    def timed(self, function):
        """Return (milliseconds, result): what is collected out of band does not count, as nobody waits for it."""
        start = _clock()
        result = function()
        milliseconds = (_clock() - start) * 1000
        if self.collector:
            self.collector.ended()
        return milliseconds, result

    def describe(self):
        """Return what the collector did, and the memory of this process."""
        return {
            "worst_pause_ms": max(self.watch.worst),
            "collections": self.watch.collections,
            "collect_ms": self.collector.seconds * 1000 if self.collector else 0.0,
            "resident_mb": memory.resident_mb(),
        }


def _walk(store, data, usage_key):
    """Read a structure as a request does, and look at every block once, as each transformer of a request does again."""
    structure = store._deserialize(data, usage_key)
    for key in structure.topological_traversal():
        structure.get_xblock_field(key, "display_name")


def _reads(name, structures, store):
    """Read every structure once under a variant; runs in its own fork."""
    variant = Variant(name)
    milliseconds, failed = [], {}
    for place, (data, usage_key, _cached) in enumerate(structures):

        def work(chosen=(data, usage_key)):
            try:
                _walk(store, *chosen)
            except Exception as error:  # a corrupt object: measure the other courses
                return describe(error)
            return None

        spent, problem = variant.timed(work)
        milliseconds.append(spent)
        if problem:
            failed[str(place)] = problem
    return dict(variant.describe(), ms=milliseconds, failed=failed)


def _page(name, ask, path):
    """Return the mean milliseconds of a page under a variant; runs in its own fork."""
    variant = Variant(name)

    def once():
        response = ask(path)
        if response.status_code != 200:
            raise RuntimeError("%s answers %d" % (path, response.status_code))

    variant.timed(once)
    return sum(variant.timed(once)[0] for _ in range(REQUESTS)) / REQUESTS


def _pages(names, wanted, spent):
    """Return ({course key: {variant: milliseconds of its outline}}, problem). wanted: keys. spent: whether time is up."""
    measured = {}
    try:
        ask = pages.opener(pages.find_user())
        for number, key in enumerate(wanted):
            if number and spent():
                break
            path = outline_path(key)
            if not number:
                # What the platform loads with its first page is then shared by every fork.
                ask(path)
                edxapp.close_connections()
            measured[key] = dict(
                (name, round(_in_fork(lambda name=name, path=path: _page(name, ask, path)), 1)) for name in names
            )
    except Exception as error:  # no user, a page with an error, a site that lets nobody in: the reads are measured anyway
        return measured, describe(error)
    return measured, None


def _median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2.0


def run(operation, _release):
    """Measure reads and pages of some courses with each choice, interleaved. Nothing is written.

    courses: keys; null takes them from an earlier survey of the same request. repeats: rounds of reads, default 3. seconds:
    time limit of reads and of pages, default none; one round and one course always run. A page is asked for only if its
    structure is cached, since it would be written to the cache otherwise.
    Returns {"python", "objects", "keys_why": why hashes of keys cannot be kept here, or None,
    "courses": [{"key", "bytes", "ms": {variant: median of reads}, "page_ms": {variant: mean} or None}],
    "variants": {variant: {"worst_pause_ms", "collect_ms", "resident_mb", "collections"}}, "page_problem",
    "skipped": [{"key", "type", "message", "code"}]}.
    """
    edxapp.forget_request()
    gc.collect()
    store, rows = edxapp.store(), edxapp.models().BlockStructureModel.objects
    keys_text, structures, skipped = [], [], []
    for key_text in operation.get("courses") or []:
        found, problem = _stored(store, rows, key_text)
        if problem:
            skipped.append(dict(problem, key=key_text))
        else:
            keys_text.append(key_text)
            structures.append(found)
    result = {
        "python": python_platform.python_version(),
        "objects": len(gc.get_objects()),
        "keys_why": None,
        "courses": [],
        "variants": {},
        "page_problem": None,
        "skipped": skipped,
    }
    edxapp.close_connections()
    if not structures:
        return result
    result["keys_why"] = _in_fork(keys.hash_once)
    names = [name for name, (_, kept) in sorted(VARIANTS.items()) if not (kept and result["keys_why"])]
    seen = dict((name, []) for name in names)
    rounds = operation.get("repeats") or REPEATS
    start, patience = time.time(), operation.get("seconds")
    for number in range(rounds):
        if number and patience and (time.time() - start) * (number + 1) / number > patience:
            break
        emit("progress", operation="runtime", done=number, total=rounds, failed=0)
        for name in names:
            seen[name].append(_in_fork(lambda name=name: _reads(name, structures, store)))
    failed = dict(item for report in seen.values() for one in report for item in one["failed"].items())
    skipped += [dict(problem, key=keys_text[int(place)]) for place, problem in sorted(failed.items())]
    read = [place for place in range(len(structures)) if str(place) not in failed]
    start = time.time()
    asked, result["page_problem"] = _pages(
        names,
        [keys_text[place] for place in read if structures[place][2]],
        lambda: bool(patience) and time.time() - start > patience,
    )
    result["courses"] = [
        {
            "key": keys_text[place],
            "bytes": len(structures[place][0]),
            "ms": dict((name, round(_median([report["ms"][place] for report in seen[name]]), 1)) for name in names),
            "page_ms": asked.get(keys_text[place]),
        }
        for place in read
    ]
    result["variants"] = dict((name, _summary(report)) for name, report in seen.items())
    return result


def _summary(report):
    return {
        "worst_pause_ms": round(max(one["worst_pause_ms"] for one in report), 1),
        "collect_ms": round(_median([one["collect_ms"] for one in report]), 1),
        "resident_mb": max(one["resident_mb"] or 0 for one in report) or None,
        "collections": report[0]["collections"],
    }
