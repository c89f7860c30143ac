"""For a platform whose settings are Python: run by the settings of the LMS, and with them by every process of it.

Each worker of uWSGI is prepared right after it was forked; celery_hooks prepares the processes of Celery's pool. Every other
process of the LMS is left as it is.
"""

from __future__ import absolute_import

import logging
import os

from .reports import REPORTS
from .worker import ENVIRONMENT, Worker


class _Uwsgi(object):
    """The doors of uWSGI: its hooks post_fork_hook and after_req_hook (its documentation, "The uwsgi Python module").

    uWSGI calls the second after it has closed the connection (core/utils.c, uwsgi_close_request).
    """

    def __init__(self, uwsgi, asked):
        self.uwsgi, self.asked = uwsgi, asked
        self.ours = None
        self.loads_late = False

    def install(self):
        """Take both hooks, behind what has them already."""
        try:
            # Its decorators own the first one once anything imports them; they refuse to be imported without a master process.
            from uwsgidecorators import postfork
        except Exception:
            self.uwsgi.post_fork_hook = _after(getattr(self.uwsgi, "post_fork_hook", None), self.forked)
        else:
            postfork(_after(None, self.forked))
        self.uwsgi.after_req_hook = _after(getattr(self.uwsgi, "after_req_hook", None), self.ended)
        if self.uwsgi.worker_id():
            # This worker loads the application for itself (lazy-apps), and was forked before that.
            self.loads_late = True
            self.begin()

    def forked(self):
        """Prepare a worker; uWSGI's mules and spoolers are none."""
        if self.uwsgi.worker_id():
            self.begin()

    def begin(self):
        concurrency, cores = None, self.uwsgi.cores
        if cores > 1:
            concurrency = "uWSGI serves up to %d requests at once in this worker (threads, async or gevent)" % cores
        self.ours = Worker("uwsgi", concurrency=concurrency, workers=self.uwsgi.numproc, **self.asked)
        self.ours.begin(shared_heap=True)

    def ended(self):
        """Do what is due after a request."""
        if self.ours is None:
            return
        if self.loads_late:
            self.loads_late = False
            self.ours.loaded()
        self.ours.ended()


def _after(previous, function):
    """Return a function that calls the previous one, if there is one, and then ours; what ours raises stays here."""

    def both():
        if callable(previous):
            previous()
        try:
            function()
        except Exception:
            logging.getLogger(__name__).exception("block_structure_runtime could not prepare this worker")

    return both


def install(collector="stock", keys="stock"):
    """See to it that the workers of this process are prepared. collector: stock or out_of_band. keys: stock or hash_once."""
    try:
        os.makedirs(REPORTS, 0o700)
    except OSError:  # it is there; if it cannot be made, who asks for the reports misses them
        pass
    os.environ[ENVIRONMENT] = "collector=%s,keys=%s" % (collector, keys)
    try:
        import uwsgi
    except ImportError:
        return
    _Uwsgi(uwsgi, {"collector": collector, "keys": keys}).install()
