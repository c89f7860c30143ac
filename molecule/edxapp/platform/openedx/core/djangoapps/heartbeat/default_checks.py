"""Checks of the services that the platform needs: (name, whether it is well, message).

Facts: edx-platform openedx/core/djangoapps/heartbeat/default_checks.py.
"""

from django.core.cache import cache
from django.db import DatabaseError, connection

from xmodule.exceptions import HeartbeatFailure
from xmodule.modulestore.django import modulestore

CACHE_KEY = "heartbeat-test"
CACHE_VALUE = "abc123"


def check_modulestore():
    """Return whether the modulestore answers."""
    try:
        modulestore().heartbeat()
    except HeartbeatFailure as error:
        return "modulestore", False, str(error)
    return "modulestore", True, "OK"


def check_database():
    """Return whether the database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        return "sql", False, str(error)
    return "sql", True, "OK"


def check_cache_set():
    """Return whether the cache takes a value without an error."""
    try:
        cache.set(CACHE_KEY, CACHE_VALUE, 30)
    except Exception as error:
        return "cache_set", False, str(error)
    return "cache_set", True, "OK"


def check_cache_get():
    """Return whether the cache gives the value back."""
    try:
        found = cache.get(CACHE_KEY)
    except Exception as error:
        return "cache_get", False, str(error)
    return ("cache_get", True, "OK") if found == CACHE_VALUE else ("cache_get", False, "value check failed")
