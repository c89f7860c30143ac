"""The program's entry point: runs the operations of a request in order, in one boot of the LMS."""

from __future__ import absolute_import

import os
import time

from .operations import (
    benchmark,
    candidate,
    database,
    examine,
    generate,
    identify,
    move,
    profile,
    prune,
    runtime,
    signing_keys,
    spool,
    survey,
)
from .protocol import PROTOCOL, describe, emit

OPERATIONS = {
    "identify": identify.run,
    "survey": survey.run,
    "examine": examine.run,
    "candidate": candidate.run,
    "configure": database.configure,
    "switches": database.switches,
    "generate": generate.run,
    "prune": prune.run,
    "move": move.run,
    "repoint": move.repoint,
    "benchmark": benchmark.run,
    "forget": benchmark.forget,
    "profile": profile.run,
    "runtime": runtime.run,
    "spool": spool.run,
    "signing_keys": signing_keys.run,
}


def _resolved(operation, results):
    """Fill in the input that depends on earlier results: switches that need a clean generation, courses to measure."""
    failures = [report for result in results if isinstance(result, dict) for report in result.get("failures", [])]
    if operation.get("op") == "switches" and operation.get("set_if_clean"):
        wanted = dict(operation["set"])
        if not failures:
            wanted.update(operation["set_if_clean"])
        operation = dict(operation, set=wanted)
    if operation.get("op") == "generate" and operation.get("except_failed"):
        select = dict(operation["select"], **{"except": [report["key"] for report in failures]})
        operation = dict(operation, select=select)
    if operation.get("op") == "runtime" and operation.get("courses") is None:
        surveyed = [course for result in results if "row" in result for course in result.get("courses", [])]
        operation = dict(operation, courses=runtime.pick(surveyed))
    return operation


def run(request):
    """Answer a request; the last event is `result` or `error`."""
    start = time.time()
    where = "request"
    try:
        if request.get("protocol") != PROTOCOL:
            raise ValueError("unknown protocol %r" % request.get("protocol"))
        emit("boot", pid=os.getpid())
        results = []
        release = request["release"]
        for operation in request["operations"]:
            where = operation["op"]
            results.append(OPERATIONS[where](_resolved(operation, results), release))
            if where == "identify":
                release = identify.row_of(operation, results[-1]["release"])
                if release is None:
                    break  # the following operations need a release
            if (results[-1] or {}).get("ended") in ("stopped", "outage"):
                break  # the following operations need a completed generation
    except Exception as error:
        reported = dict((name, getattr(error, name, None)) for name in ("identifier", "remedy", "holder"))
        emit("error", where=where, **dict(describe(error), **reported))
    else:
        emit("result", results=results, seconds=round(time.time() - start, 3))
