"""Observes the rows that are asked for, on a course that exists for as long as that takes."""

import signal
import sys

from common.djangoapps.util.memcache import fasthash
from contract_program.course import Course
from contract_program.harness import observe, report_unusable
from edx_django_utils.cache import RequestCache


def end(_number, _frame):
    """End the process by an exception, so that the course is removed."""
    sys.exit("stopped by SIGTERM")


def main(names, needs_long_keys):
    """Observe the named rows in their order.

    needs_long_keys: make nothing, and report why, on a platform that cannot hash long cache keys. The cache key of a stored
    structure is one, so all but a few rows would fail, each with the same traceback.
    """
    signal.signal(signal.SIGTERM, end)
    if needs_long_keys:
        try:
            fasthash("a long key")
        except ValueError as error:
            report_unusable(str(error))
            return
    with Course() as course:
        for name in names:
            RequestCache.clear_all_namespaces()
            observe(name, course)
