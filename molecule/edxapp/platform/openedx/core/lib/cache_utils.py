"""Caches of request and process, and the compressed pickle. Facts: edx-platform openedx/core/lib/cache_utils.py."""

import functools
import pickle
import zlib

from edx_django_utils.cache import RequestCache

PICKLE_PROTOCOL = 4


def request_cached(namespace=None):
    """Return a decorator that keeps a function's result until the request cache of this thread is cleared.

    In a web process that is the end of the request; in a management command nothing clears it, so there the first
    answer stands for the life of the process.
    """

    def decorate(function):
        @functools.wraps(function)
        def cached(*arguments, **named):
            cache = RequestCache(namespace)
            words = [function.__module__, function.__name__, *map(str, arguments)]
            words += [str(part) for pair in sorted(named.items()) for part in pair]
            key = ".".join(words)
            found = cache.get_cached_response(key)
            if found.is_found:
                return found.value
            result = function(*arguments, **named)
            cache.set(key, result)
            return result

        return cached

    return decorate


def process_cached(function):
    """Keep a function's result for the life of the process."""
    return functools.lru_cache(maxsize=None)(function)


def zpickle(data):
    """Return the zlib-compressed pickle of the data."""
    return zlib.compress(pickle.dumps(data, PICKLE_PROTOCOL))


def zunpickle(serialized):
    """Return the data of a zlib-compressed pickle."""
    return pickle.loads(zlib.decompress(serialized), encoding="latin1")


def get_cache(name):
    """Return the named request cache as a dict."""
    return RequestCache(name).data
