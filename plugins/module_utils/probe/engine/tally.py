"""What has come of the courses of a run so far, and how long the rest will take: told once a second, whoever does the work.

No platform and, but for the clock, no side effect other than events.
"""

from __future__ import absolute_import

import time

from ..protocol import emit

TELL_EVERY_SECONDS = 1.0
# What a course costs whatever its size, in the bytes that take as long to generate (facts, section M: 0.16 s for 50 blocks).
FIXED_BYTES = 4096


def _weights(sizes):
    """Return {key: weight}: bytes of the structure where they are known, else what is usual on this site."""
    known = sorted(size for size in sizes.values() if size is not None)
    usual = known[len(known) // 2] if known else 0
    return dict((key, float((usual if size is None else size) + FIXED_BYTES)) for key, size in sizes.items())


class Tally(object):
    """Counts reports, and estimates by weight: the seconds that finished courses took, for what is waiting and in hand.

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
        """Take in the final report of a course and the seconds that it took, where they tell of its size."""
        weight = self.ahead.pop(report["key"], 0.0)
        self.done += 1
        self.failed += report["status"] == "failed"
        if seconds is not None and report["status"] == "ok":
            self.weight += weight
            self.seconds += seconds
        self.on_report(report)

    def left(self, in_hand, lanes):
        """Return the seconds that the rest will take, None while nothing can be said. Never less than its largest course.

        in_hand: {key: seconds since it was begun}. lanes: courses that are done at a time.
        """
        if not self.weight:
            return None
        pace = self.seconds / self.weight
        each = [max(0.0, weight * pace - in_hand.get(key, 0.0)) for key, weight in self.ahead.items()]
        longest = max(each) if each else 0.0
        seconds = max(longest, sum(each) / lanes)
        # All that is in hand has taken longer than was to be expected: then nothing is known any more.
        return seconds if seconds > 0 or not self.ahead else None

    def report_progress(self, in_hand, lanes, **details):
        """Emit `progress`, once a second at most."""
        if time.time() - self.reported < TELL_EVERY_SECONDS:
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
