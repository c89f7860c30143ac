"""Sizes, timeouts, versions kept: what the configuration and the release let into cache and storage."""

import logging
from unittest import mock

from contract_program.course import block_structures_settings, with_storage
from contract_program.harness import row
from django.core.cache import caches
from django.db import transaction
from edx_django_utils.cache import RequestCache
from openedx.core.djangoapps.content.block_structure import api, config, store

MEBIBYTE = 1024 * 1024


class Recorder:
    """A cache that notes the sizes of what is written."""

    def __init__(self):
        self.sizes = []

    def set(self, _key, value, timeout=None):
        """Note the size."""
        self.sizes.append(len(value))


@row
@with_storage
def structures_from_the_cap_on_are_not_cached(course):
    course.get()
    recorder, messages = Recorder(), []
    handler = logging.Handler()
    handler.emit = messages.append
    level = store.logger.level
    store.logger.addHandler(handler)
    store.logger.setLevel(logging.INFO)
    try:
        for size in (2 * MEBIBYTE - 1, 2 * MEBIBYTE):
            store.BlockStructureStore(recorder)._add_to_cache(b"x" * size, course.stored())
    finally:
        store.logger.setLevel(level)
        store.logger.removeHandler(handler)
    return {"written": [size - 2 * MEBIBYTE for size in recorder.sizes], "messages": len(messages)}


@row
@with_storage
def timeouts_are_kept_like_this(course):
    found = {}
    for seconds in (None, 60, 31 * 86400, 0, -1):
        course.reset()
        with mock.patch.object(config, "cache_timeout_in_seconds", return_value=seconds):
            course.get()
        found[str(seconds)] = course.cached()
    return found


@row
@with_storage
def old_files_are_pruned_like_this(course):
    found = {}
    with block_structures_settings(PRUNING_ACTIVE=True):
        for kept in (3, 1, 0, -1, None):
            found[str(kept)] = files_after_four_writes(course, kept)
    return found


@row
@with_storage
def pruning_does_not_need_the_setting(course):
    with block_structures_settings(PRUNING_ACTIVE=False):
        return files_after_four_writes(course, 2)


def files_after_four_writes(course, kept):
    """Return how many files are there after four writes with so many versions to keep."""
    course.reset()
    with mock.patch.object(config, "num_versions_to_keep", return_value=kept):
        for _write in range(4):
            course.update()
    return len(course.files())


@row
def the_configuration_defaults_are_these(_course):
    row_without_values = config.models.BlockStructureConfiguration()
    return [row_without_values.num_versions_to_keep, row_without_values.cache_timeout_in_seconds]


@row
def the_newest_configuration_row_wins_even_if_not_enabled(_course):
    model = config.models.BlockStructureConfiguration
    with mock.patch("config_models.models.TieredCache") as tiered, transaction.atomic():
        tiered.get_cached_response.return_value.is_found = False
        model.objects.create(enabled=True, num_versions_to_keep=7, cache_timeout_in_seconds=70)
        model.objects.create(enabled=False, num_versions_to_keep=2, cache_timeout_in_seconds=60)
        current = model.current()
        transaction.set_rollback(True)
        return [current.num_versions_to_keep, current.cache_timeout_in_seconds]


@row
def the_configuration_is_read_once_in_a_process(_course):
    model = config.models.BlockStructureConfiguration
    RequestCache.clear_all_namespaces()
    first = config.num_versions_to_keep()
    with mock.patch.object(model, "current", return_value=mock.Mock(num_versions_to_keep=-7)):
        kept = config.num_versions_to_keep() == first
        RequestCache.clear_all_namespaces()
        read_again = config.num_versions_to_keep()
    RequestCache.clear_all_namespaces()
    return {"kept": kept, "after_clearing": read_again}


@row
def what_the_cache_refuses_is_dropped_silently(_course):
    key, size = "block_structure_contract_size", 1100 * 1024
    cache = caches["default"]
    client = getattr(cache, "_cache", None)
    limit = getattr(client, "server_max_value_length", None)
    if limit is None:
        return {"client_limit": None}
    cache.set(key, b"x" * size, 60)
    return {"client_limit": limit, "found": cache.get(key) is not None}


@row
def the_cache_is_asked_by_this_library(_course):
    return getattr(getattr(caches["default"], "_lib", None), "__name__", None)


@row
def the_default_cache_is_the_one_of_the_api(_course):
    return api.get_cache().key_prefix == caches["default"].key_prefix
