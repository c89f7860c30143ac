"""Learners keep asking while S3 hangs in the middle, with a cache that is emptied every few seconds: no request fails.

BLOCK_STRUCTURE_OUTAGE_SECONDS (8) is the length of each third; `make load-outage` takes 60. Latencies are reported and not
asserted, with the counters of the storage class for each third and the load of the machine at its end.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import Counter
from typing import Any

import pytest

from ...conftest import wait_until
from .conftest import Driver

SECONDS = int(os.environ.get("BLOCK_STRUCTURE_OUTAGE_SECONDS", "8"))
COURSES = [f"course-v1:SandboxX+S{blocks}+2026" for blocks in (50, 120, 300, 600)]
LEARNERS = 4
FLUSH_SECONDS = 3
# Two of gunicorn, the worker and the driver; they may meet the outage in the same moment.
PROCESSES = 4


def p95(samples: list[list[float]]) -> float:
    """Return the 95th percentile of the requests' milliseconds."""
    waits = [seconds * 1000 for _, _, seconds in samples]
    return round(statistics.quantiles(waits, n=20)[-1], 0) if len(waits) > 1 else round(sum(waits), 0)


def mark(driver: Driver) -> tuple[Counter[str], float]:
    """Return what the storage class of the host has counted until now, and the machine's load of the last minute."""
    return Counter(driver("state")["counters"]["counts"]), os.getloadavg()[0]


def load(driver: Driver) -> None:
    """Let learners ask for SECONDS, and on until one who asked in this time was answered, however busy the machine is."""
    began = driver("now")
    time.sleep(SECONDS)
    assert wait_until(lambda: driver("load_answered", since=began))


@pytest.mark.parametrize("kind", ["hang"])
def test_no_request_fails_while_s3_hangs(driver_of: Any, s3_faults: Any, kind: str) -> None:
    driver = driver_of("resilient")
    driver("forget", copies=False)
    for course in COURSES:
        assert driver("visit", course=course, timeout=120)["status"] == 200
    marks = [mark(driver)]
    driver("load_start", courses=COURSES, threads=LEARNERS, flush_seconds=FLUSH_SECONDS)
    load(driver)
    # The outage begins on a host without copies.
    driver("forget")
    marks.append(mark(driver))
    began = driver("now")
    with s3_faults(kind):
        driver("publish", course=COURSES[0], title=f"published at {began}")
        load(driver)
        met = s3_faults.met()
    marks.append(mark(driver))
    ended = driver("now")
    load(driver)
    samples = driver("load_stop")
    marks.append(mark(driver))
    phases = {
        "before": [sample for sample in samples if sample[0] < began],
        "during": [sample for sample in samples if began <= sample[0] < ended],
        "after": [sample for sample in samples if sample[0] >= ended],
    }
    failed = [sample for sample in samples if sample[1] != 200]
    report = {
        "outage_seconds": round(ended - began, 1),
        "requests": {name: len(phase) for name, phase in phases.items()},
        "failed": len(failed),
        "p95_ms": {name: p95(phase) for name, phase in phases.items()},
        "requests_that_met_the_outage": met,
        "counts": {name: dict(now[0] - previous[0]) for name, previous, now in zip(phases, marks, marks[1:], strict=False)},
        "machine_load": {name: now[1] for name, now in zip(phases, marks[1:], strict=True)},
    }
    print(json.dumps(report))
    assert failed == []
    assert all(phases.values())
    # Not one wait for each learner: at most one read of each process, of two requests, in each interval of the breaker.
    assert met <= PROCESSES * 2 * (1 + int(ended - began) // 30)
    driver("forget", copies=False)
    driver("drain")
    assert driver("state")["spool"]["waiting"] == 0
    assert driver("row", course=COURSES[0])["fresh"]
