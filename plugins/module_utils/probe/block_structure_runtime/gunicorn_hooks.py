"""The hook for gunicorn's configuration file. It runs in each worker, after the application is loaded and before a request."""

from __future__ import absolute_import

import signal

from .worker import Worker


def concurrency_of(worker):
    """Return None for a worker of gunicorn's class `sync`, which serves one request at a time; else in words what it is."""
    from gunicorn.workers.sync import SyncWorker

    if isinstance(worker, SyncWorker) and callable(getattr(worker, "handle", None)):
        return None
    return "gunicorn's worker class %s.%s may serve several requests at once" % (type(worker).__module__, type(worker).__name__)


def _after_each(worker, ours):
    """Do what is due after each request of a sync worker.

    gunicorn calls its own hook post_request before it closes the connection, while the response still holds what it was made
    from: a client that reads up to the end would wait for a collection that frees little. `handle` serves one connection,
    which is one request, and closes it (gunicorn 19 to 27). What it raises ends the worker, so nothing follows.
    """
    handle = worker.handle

    def handle_then_collect(listener, client, addr):
        handle(listener, client, addr)
        if worker.alive:
            worker.notify()  # else a collection after a long request would count towards gunicorn's timeout
            try:
                ours.ended()
            except Exception:
                worker.log.exception("block_structure_runtime failed after a request")

    worker.handle = handle_then_collect


def _answer(ours):
    """Let SIGUSR1, by which gunicorn reopens its logs, also bring a new report: so a live worker can be asked."""
    previous = signal.getsignal(signal.SIGUSR1)

    def handler(number, frame):
        if callable(previous):
            previous(number, frame)
        ours.report()

    signal.signal(signal.SIGUSR1, handler)
    signal.siginterrupt(signal.SIGUSR1, False)


def _begin(worker, collector, keys):
    concurrency = concurrency_of(worker)
    ours = Worker("gunicorn", collector, keys, concurrency)
    if concurrency is None:
        _after_each(worker, ours)
    _answer(ours)
    # A preloaded application shares its memory with the other workers.
    ours.begin(shared_heap=worker.cfg.preload_app)


def post_worker_init(collector="stock", keys="stock", previous=None):
    """Return gunicorn's hook post_worker_init: what the file had under this name before (previous), then ours.

    collector: stock or out_of_band. keys: stock or hash_once.
    """

    def hook(worker):
        if previous is not None:
            previous(worker)
        try:
            _begin(worker, collector, keys)
        except Exception:
            worker.log.exception("block_structure_runtime could not prepare this worker")

    return hook
