"""Which queue a task goes to. Facts: edx-platform openedx/core/lib/celery/routers.py."""

from django.conf import settings


def route_task(name, _arguments, _named, _options, task=None, **_more):
    """Return the queue of a task that the other system must run, or None for Celery's default queue."""
    if name in settings.EXPLICIT_QUEUES:
        return settings.EXPLICIT_QUEUES[name]
    system = settings.ALTERNATE_ENV_TASKS.get(name)
    if system is None:
        return None
    return next((queue for queue in settings.CELERY_QUEUES if f".{system}." in queue), None)
