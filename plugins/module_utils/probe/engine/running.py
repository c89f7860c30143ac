"""The settings that running Celery workers use, which may differ from the file on disk: they report theirs by remote control.

Web processes cannot be queried; ages.py compares when they were started.
"""

from __future__ import absolute_import

import re

from ..protocol import describe
from . import facts


def comparable(facts):
    """Return the settings that two processes must agree on, from the settings_facts() of one."""
    cache = facts["cache"]
    return {
        "block_structures": _unmasked(facts["block_structures"]),
        "cache_backend": cache["backend"],
        "cache_locations": cache["locations"],
    }


def _comparable_of_worker(conf):
    """Return the same from a worker's answer, without the names that Celery masks."""
    alias = (conf.get("CACHES") or {}).get("default") or {}
    return {
        "block_structures": _unmasked(conf.get("BLOCK_STRUCTURES_SETTINGS")),
        "cache_backend": alias.get("BACKEND"),
        "cache_locations": facts.cache_locations(alias),
    }


# The names that Celery masks (celery.app.utils.HIDDEN_SETTINGS); left out on both sides.
_HIDDEN = re.compile("API|TOKEN|KEY|SECRET|PASS|PROFANITIES_LIST|SIGNATURE|DATABASE|CREDENTIAL", re.I)


def _unmasked(value):
    if isinstance(value, dict):
        return dict((name, _unmasked(item)) for name, item in value.items() if not _HIDDEN.search(str(name)))
    return value


def _routing(conf):
    """Return how a worker's process sends tasks, of the whole answer: its system, the queues that it knows in their order, and
    whether it runs tasks at once.

    Sources: edx-platform envs/common.py (QUEUE_VARIANT, CELERY_QUEUES), openedx/core/lib/celery/routers.py and, before Koa,
    cms/celery.py: a task for the other system goes to the first queue with that system's name in it, else to the default one.
    """
    queues = conf.get("CELERY_QUEUES") or conf.get("task_queues") or ()
    eager = ("CELERY_ALWAYS_EAGER", "CELERY_TASK_ALWAYS_EAGER", "task_always_eager")
    return {
        "system": str(conf.get("QUEUE_VARIANT") or "").rstrip("."),
        "queues": [str(name) for name in queues],
        "eager": any(conf.get(name) is True for name in eager),
    }


def _read_queues(control, seconds):
    """Return {worker: names of the queues that it reads}, empty if that cannot be asked."""
    try:
        found = control.inspect(timeout=seconds).active_queues() or {}
        return dict((str(name), [str(queue["name"]) for queue in queues or ()]) for name, queues in found.items())
    except Exception:  # then nothing is said of queues
        return {}


def workers(seconds):
    """Return {"answers": {worker: comparable settings}, "routing", "reads", "problem"}; None for 0 seconds.

    routing: {worker: how its process sends tasks}. reads: {worker: names of the queues that it reads}.
    """
    if not seconds:
        return None
    answered = {}
    routing = {}
    reads = {}
    problem = None
    try:
        # The platform's app: `manage.py lms` imports it before anything else.
        from celery import current_app

        answers = current_app.control.inspect(timeout=seconds).conf() or {}
        reads = _read_queues(current_app.control, seconds) if answers else {}
        for name, conf in answers.items():
            answered[str(name)] = _comparable_of_worker(conf) if isinstance(conf, dict) else None
            if isinstance(conf, dict):
                routing[str(name)] = _routing(conf)
    except Exception as error:
        problem = describe(error)
    return {"answers": answered, "routing": routing, "reads": reads, "problem": problem}
