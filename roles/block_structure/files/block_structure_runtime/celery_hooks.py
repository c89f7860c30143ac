"""Named by CELERY_WORKER_INCLUDE, so that every Celery worker imports it: tunes the pool processes of the LMS's workers.

BLOCK_STRUCTURE_RUNTIME says how: three thresholds or none, then `freeze` or not, such as `50000,20,100,freeze`.
"""

from __future__ import absolute_import

import os

from . import report, sweep, tune


def parse(text):
    """Return (thresholds or None, freeze) of BLOCK_STRUCTURE_RUNTIME."""
    words = [word for word in text.split(",") if word]
    numbers = [int(word) for word in words if word != "freeze"]
    return (numbers or None), "freeze" in words


def _begin(**_signal):
    thresholds, freeze = parse(os.environ.get("BLOCK_STRUCTURE_RUNTIME", ""))
    # No collection before the freeze: the heap is shared with the process that this one was forked from.
    tune(thresholds, freeze)
    sweep()
    report("celery")


def _ended(**_signal):
    report("celery")


# Structures are rebuilt by the LMS's workers; Studio's are left alone.
if os.environ.get("SERVICE_VARIANT") == "lms":
    from celery.signals import task_postrun, worker_process_init

    worker_process_init.connect(_begin, weak=False)
    task_postrun.connect(_ended, weak=False)
