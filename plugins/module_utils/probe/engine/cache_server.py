"""Query the limits of the Redis behind the default cache; read-only, and other caches are not contacted."""

from __future__ import absolute_import

from ..protocol import describe

_FIELDS = (
    "maxmemory",
    "maxmemory_policy",
    "used_memory",
    "evicted_keys",
    "keyspace_hits",
    "keyspace_misses",
    "uptime_in_seconds",
)


def _client(cache):
    """Return the redis-py client of Django's cache: django-redis's, or that of Django's own backend."""
    if hasattr(cache, "client") and hasattr(cache.client, "get_client"):
        return cache.client.get_client(write=False)
    return cache._cache.get_client()


def _asked(client, name):
    """Return a parameter of Redis as text, None where CONFIG is refused, as by hosted services."""
    try:
        value = client.config_get(name).get(name)
    except Exception:  # refused
        return None
    return None if value is None else str(value)


def reach(client):
    """Return {"listens": addresses or None if that cannot be asked, "password": whether the LMS gives one}."""
    bind = _asked(client, "bind")
    given = getattr(getattr(client, "connection_pool", None), "connection_kwargs", None) or {}
    return {"listens": None if bind is None else bind.split(), "password": bool(given.get("password") or given.get("username"))}


def inspect():
    """Return {field: value} of Redis's INFO with reach(), {"error"} when it does not answer, None when the cache is no Redis.

    Limits from INFO, not CONFIG: hosted services refuse the latter, and INFO has limit and policy too (from Redis 4.0).
    """
    from django.conf import settings
    from django.core.cache import cache

    if "redis" not in str(settings.CACHES["default"].get("BACKEND")).lower():
        return None
    try:
        client = _client(cache)
        info = client.info()
    except Exception as error:
        return {"error": describe(error)}
    answer = dict((name, info.get(name)) for name in _FIELDS)
    answer["version"] = str(info.get("redis_version"))
    answer.update(reach(client))
    return answer
