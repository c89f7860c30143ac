"""The one Celery application of a process, whichever system it belongs to.

Imported by `lms.celery` and `cms.celery` alone. Facts: edx-platform openedx/core/lib/celery/__init__.py.
"""

from celery import Celery
from celery.signals import task_postrun
from edx_django_utils.cache import RequestCache

APP = Celery("proj")
APP.config_from_object("django.conf:settings")
APP.autodiscover_tasks()


@task_postrun.connect
def _clear_request_caches(**_named):
    """A worker's task is what a request is to a web process (CLEAR_REQUEST_CACHE_ON_TASK_COMPLETION)."""
    RequestCache.clear_all_namespaces()
