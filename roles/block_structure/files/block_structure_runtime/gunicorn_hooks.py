"""The hook for gunicorn's configuration file. It runs in each worker, after the application is loaded and before a request."""

from __future__ import absolute_import

import signal

from . import report, sweep, tune


def _answer(kind):
    """Let SIGUSR1, by which gunicorn reopens its logs, also bring a new report: so a live worker can be asked."""
    former = signal.getsignal(signal.SIGUSR1)

    def handler(number, frame):
        if callable(former):
            former(number, frame)
        report(kind)

    signal.signal(signal.SIGUSR1, handler)
    signal.siginterrupt(signal.SIGUSR1, False)


def post_worker_init(thresholds=None, freeze=False, former=None):
    """Return gunicorn's hook post_worker_init: what the file had under this name before (former), then ours."""

    def hook(worker):
        if former is not None:
            former(worker)
        try:
            # A preloaded application shares its memory with the other workers: a collection would copy it into each.
            tune(thresholds, freeze, collect=not worker.cfg.preload_app)
            _answer("gunicorn")
            sweep()
            report("gunicorn")
        except Exception:
            worker.log.exception("block_structure_runtime could not tune this worker")

    return hook
