"""Named by CELERY_WORKER_INCLUDE, so that every Celery worker imports it: prepares the pool processes of the LMS's workers.

BLOCK_STRUCTURE_RUNTIME says how: see worker.parse.
"""

from __future__ import absolute_import

import os

from .worker import ENVIRONMENT, Worker, parse

# The pool process that this is, once it is one; a web process that runs a task of its own never is.
_ours = []


def _asked():
    return parse(os.environ.get(ENVIRONMENT, ""))


def _begin(**_signal):
    """A process of the pool `prefork` was forked, or the pool `solo` begins: either runs one task at a time."""
    ours = Worker("celery", **_asked())
    del _ours[:]
    _ours.append(ours)
    ours.begin(shared_heap=True)


def _ended(task=None, **_signal):
    # A task may run another one within itself.
    if _ours and not getattr(getattr(task, "request", None), "is_eager", False):
        _ours[0].ended()


def _ready(sender=None, **_signal):
    """The worker itself is ready: report a pool of threads or greenlets, whose tasks run in this process side by side."""
    pool = type(getattr(sender, "pool", None)).__module__.rsplit(".", 1)[-1]
    if not _ours and pool != "prefork":
        ours = Worker("celery", concurrency="Celery's pool %s runs several tasks at once in this process" % pool, **_asked())
        _ours.append(ours)
        ours.begin()


# Structures are rebuilt by the LMS's workers; Studio's are left alone.
if os.environ.get("SERVICE_VARIANT") == "lms":
    from celery.signals import task_postrun, worker_process_init, worker_ready

    worker_process_init.connect(_begin, weak=False)
    worker_ready.connect(_ready, weak=False)
    task_postrun.connect(_ended, weak=False)
