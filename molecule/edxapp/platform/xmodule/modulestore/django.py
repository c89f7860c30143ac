"""The modulestore of this process and the signals that it sends. Facts: edx-platform xmodule/modulestore/django.py."""

import logging

from django.conf import settings
from django.dispatch import Signal

log = logging.getLogger(__name__)


class SignalHandler:
    """Signals of the modulestore. Handlers get `sender` and `course_key`."""

    pre_publish = Signal()
    course_published = Signal()
    course_deleted = Signal()
    library_updated = Signal()
    item_deleted = Signal()

    def __init__(self, modulestore_class):
        self.modulestore_class = modulestore_class

    def send(self, signal_name, **named):
        """Send a signal; what a handler raises is logged and stops neither the others nor the caller."""
        signal = getattr(self, signal_name)
        for receiver, response in signal.send_robust(sender=self.modulestore_class, **named):
            log.info("Sent %s signal to %s with kwargs %s. Response was: %s", signal_name, receiver, named, response)


class _Current:
    """The one store of the process."""

    store = None


def modulestore():
    """Return the store of this process, made on first use."""
    if _Current.store is None:
        from xmodule.modulestore.sql import SqlModuleStore

        _Current.store = SqlModuleStore(settings.MODULESTORE_BRANCH, SignalHandler(SqlModuleStore))
    return _Current.store


def clear_existing_modulestores():
    """Forget the store of this process, so that the next use makes a new one."""
    _Current.store = None
