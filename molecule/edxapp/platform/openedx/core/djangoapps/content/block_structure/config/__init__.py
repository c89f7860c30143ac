"""Switches of the release and the values of the configuration row."""

from edx_toggles.toggles import WaffleSwitch

import release_rows
from openedx.core.lib.cache_utils import request_cached

from .models import BlockStructureConfiguration

_ROW = release_rows.current()

if _ROW.storage_switch:
    STORAGE_BACKING_FOR_CACHE = WaffleSwitch(_ROW.storage_switch, __name__)

    def enable_storage_backing_for_cache_in_request():
        """Take the switch as on until the request cache is cleared, whatever the database says."""
        STORAGE_BACKING_FOR_CACHE._cached_switches[STORAGE_BACKING_FOR_CACHE.name] = True


if _ROW.invalidate_switch:
    INVALIDATE_CACHE_ON_PUBLISH = WaffleSwitch(_ROW.invalidate_switch, __name__)


def storage_is_used():
    """Return whether structures are stored: always from Teak, by the switch before."""
    return STORAGE_BACKING_FOR_CACHE.is_enabled() if _ROW.storage_switch else True


@request_cached()
def num_versions_to_keep():
    """Return how many files are kept for a course; may be None."""
    return BlockStructureConfiguration.current().num_versions_to_keep


@request_cached()
def cache_timeout_in_seconds():
    """Return how long a structure stays in the cache; None for ever."""
    return BlockStructureConfiguration.current().cache_timeout_in_seconds
