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


def workers(seconds):
    """Return {"answers": {worker: comparable settings}, "problem"}; None for 0 seconds."""
    if not seconds:
        return None
    answered = {}
    problem = None
    try:
        # The platform's app: `manage.py lms` imports it before anything else.
        from celery import current_app

        answers = current_app.control.inspect(timeout=seconds).conf() or {}
        for name, conf in answers.items():
            answered[str(name)] = _comparable_of_worker(conf) if isinstance(conf, dict) else None
    except Exception as error:
        problem = describe(error)
    return {"answers": answered, "problem": problem}
