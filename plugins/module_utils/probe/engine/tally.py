"""Count the results of a run and estimate the remaining time, for any engine; progress is reported once a second.

No platform; the only side effects are events.
"""

from __future__ import absolute_import

import time

from ..protocol import emit

REPORT_EVERY_SECONDS = 1.0
# Fixed cost of a course, as the number of bytes that take as long to generate (measured: 0.16 s for 50 blocks).
FIXED_BYTES = 4096


def _weights(sizes):
    """Return {key: weight}: bytes of the structure if known, else the site's median."""
    known = sorted(size for size in sizes.values() if size is not None)
    median = known[len(known) // 2] if known else 0
    return dict((key, float((median if size is None else size) + FIXED_BYTES)) for key, size in sizes.items())


class Tally(object):
    """Counts reports, and estimates the remaining seconds from the weight and time of finished courses.

    sizes: {key: bytes of its structure, None when unknown}. on_report: called with each final report.
    """

    def __init__(self, operation, sizes, on_report):
        self.operation, self.on_report = operation, on_report
        self.ahead = _weights(sizes)
        self.total = len(self.ahead)
        self.done = self.failed = 0
        self.weight = self.seconds = 0.0
        self.reported = 0.0

    def final(self, report, seconds=None):
        """Record the final report of a course; seconds: its duration, if it counts for the estimate."""
        weight = self.ahead.pop(report["key"], 0.0)
        self.done += 1
        self.failed += report["status"] == "failed"
        if seconds is not None and report["status"] == "ok":
            self.weight += weight
            self.seconds += seconds
        self.on_report(report)

    def left(self, in_hand, lanes):
        """Return the estimated seconds of the rest, at least those of its largest course; None without an estimate.

        in_hand: {key: seconds since its start}. lanes: courses that are processed in parallel.
        """
        if not self.weight:
            return None
        pace = self.seconds / self.weight
        each = [max(0.0, weight * pace - in_hand.get(key, 0.0)) for key, weight in self.ahead.items()]
        longest = max(each) if each else 0.0
        seconds = max(longest, sum(each) / lanes)
        # All courses in hand already took longer than expected: no estimate.
        return seconds if seconds > 0 or not self.ahead else None

    def report_progress(self, in_hand, lanes, **details):
        """Emit `progress`, at most once a second."""
        if time.time() - self.reported < REPORT_EVERY_SECONDS:
            return
        self.reported = time.time()
        seconds = self.left(in_hand, lanes)
        emit(
            "progress",
            operation=self.operation,
            done=self.done,
            total=self.total,
            failed=self.failed,
            seconds_left=None if seconds is None else round(seconds, 1),
            **details,
        )
