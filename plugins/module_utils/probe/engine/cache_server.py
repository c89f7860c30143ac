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


def inspect():
    """Return {field: value} of Redis's INFO, {"error"} when it does not answer, None when the cache is no Redis.

    INFO instead of CONFIG: hosted services refuse the latter, and INFO has limit and policy too (from Redis 4.0).
    """
    from django.conf import settings
    from django.core.cache import cache

    if "redis" not in str(settings.CACHES["default"].get("BACKEND")).lower():
        return None
    try:
        info = _client(cache).info()
    except Exception as error:
        return {"error": describe(error)}
    answer = dict((name, info.get(name)) for name in _FIELDS)
    answer["version"] = str(info.get("redis_version"))
    return answer
