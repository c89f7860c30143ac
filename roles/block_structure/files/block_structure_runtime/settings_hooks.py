"""For a platform whose settings are Python: run by the settings of the LMS, and with them by every process of it.

The thresholds hold at once, also in what is forked later. Each worker of uWSGI freezes what it holds and reports right after it
was forked; the processes of Celery's pool do so by celery_hooks.
"""

from __future__ import absolute_import

import gc
import os

from . import REPORTS, report, sweep, tune


def _in_each_worker(function):
    """Let uWSGI call a function in each of its workers; nothing where uWSGI does not run this process."""
    try:
        import uwsgi
    except ImportError:
        return
    try:
        # Its decorators own the hook once anything imports them; they refuse to be imported without a master process.
        from uwsgidecorators import postfork
    except Exception:
        uwsgi.post_fork_hook = function
    else:
        postfork(function)


def _begin(thresholds, freeze):
    import uwsgi

    # No collection before the freeze: the heap is shared with the process that this one was forked from.
    tune(thresholds, freeze)
    sweep()
    report("uwsgi", workers=uwsgi.numproc)


def install(thresholds=None, freeze=False):
    """Set the thresholds (None: leave them), and see to it that workers freeze, if asked for, and report."""
    try:
        os.makedirs(REPORTS, 0o700)
    except OSError:  # it is there; if it cannot be made, who asks for the reports misses them
        pass
    if thresholds is not None:
        gc.set_threshold(*thresholds)
    words = [str(number) for number in thresholds or []] + (["freeze"] if freeze else [])
    os.environ["BLOCK_STRUCTURE_RUNTIME"] = ",".join(words)
    _in_each_worker(lambda: _begin(thresholds, freeze))
