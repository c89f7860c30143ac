"""Switches of the release and the values of the configuration row.

Until Koa switches are names in a namespace, asked through `waffle()`; from Lilac each is an object.
"""

from edx_django_utils.cache import RequestCache
from edx_toggles.toggles import WaffleSwitch
from waffle import switch_is_active

import release_rows
from openedx.core.lib.cache_utils import request_cached

from .models import BlockStructureConfiguration

_ROW = release_rows.current()
_SWITCHES = {
    "STORAGE_BACKING_FOR_CACHE": _ROW.storage_switch,
    "INVALIDATE_CACHE_ON_PUBLISH": _ROW.invalidate_switch,
    "RAISE_ERROR_WHEN_NOT_FOUND": _ROW.raise_switch,
}


class WaffleSwitchNamespace:
    """Switches by their short names; a request remembers each answer. Facts: openedx/core/djangoapps/waffle_utils, 2018."""

    name = "block_structure"

    @property
    def _cached_switches(self):
        return RequestCache("WaffleNamespace").data

    def is_enabled(self, switch_name):
        """Return whether a switch is on."""
        full = f"{self.name}.{switch_name}"
        if full not in self._cached_switches:
            self._cached_switches[full] = switch_is_active(full)
        return self._cached_switches[full]

    def override_for_request(self, switch_name, active=True):
        """Take a switch as on or off until the request cache is cleared."""
        self._cached_switches[f"{self.name}.{switch_name}"] = active


if _ROW.switch_api == "namespace":
    globals().update({name: full.partition(".")[2] for name, full in _SWITCHES.items() if full})

    def waffle():
        """Return the namespace of the switches."""
        return WaffleSwitchNamespace()
else:
    globals().update({name: WaffleSwitch(full, __name__) for name, full in _SWITCHES.items() if full})

    if _ROW.storage_switch:

        def enable_storage_backing_for_cache_in_request():
            """Take the switch as on until the request cache is cleared, whatever the database says."""
            use_storage_in_request()


def _is_on(name):
    """Return whether a switch of the release is on; False for one that it does not have."""
    switch = globals().get(name)
    if switch is None:
        return False
    return waffle().is_enabled(switch) if _ROW.switch_api == "namespace" else switch.is_enabled()


def use_storage_in_request():
    """Take the storage switch as on for this request, by the release's own means."""
    switch = globals()["STORAGE_BACKING_FOR_CACHE"]
    if _ROW.switch_api == "namespace":
        waffle().override_for_request(switch)
    else:
        switch._cached_switches[switch.name] = True


def storage_is_used():
    """Return whether structures are stored: always from Teak, by the switch before."""
    return _is_on("STORAGE_BACKING_FOR_CACHE") if _ROW.storage_switch else True


def publish_clears():
    """Return whether a publish clears the structure."""
    return _is_on("INVALIDATE_CACHE_ON_PUBLISH")


def a_miss_is_an_error():
    """Return whether a structure that is nowhere is an error, in place of a rebuild."""
    return _is_on("RAISE_ERROR_WHEN_NOT_FOUND")


@request_cached()
def num_versions_to_keep():
    """Return how many files are kept for a course; may be None."""
    return BlockStructureConfiguration.current().num_versions_to_keep


@request_cached()
def cache_timeout_in_seconds():
    """Return how long a structure stays in the cache; None for ever."""
    return BlockStructureConfiguration.current().cache_timeout_in_seconds
