"""How the newest releases find a storage. Facts: edx-platform main of 2026, common/djangoapps/util/storage.py."""

import logging

from django.conf import settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)


def resolve_storage_backend(storage_key, legacy_setting_key, legacy_sec_setting_keys=(), options=None):
    """Return a storage: of STORAGES[storage_key] if it is there, else of the legacy setting's class, else the default.

    storage_key: name in STORAGES; its own OPTIONS apply and `options` are ignored.
    legacy_setting_key, legacy_sec_setting_keys: path of the legacy class's dotted name through nested settings.
    options: keyword arguments for the legacy class, and for the default class when no legacy class is set.
    """
    if storage_key in getattr(settings, "STORAGES", {}):
        return storages[storage_key]
    value = getattr(settings, legacy_setting_key, None)
    for key in legacy_sec_setting_keys:
        if not isinstance(value, dict) or key not in value:
            log.warning("Storage: no %s in %s: %s", key, legacy_setting_key, value)
            value = None
            break
        value = value[key]
    if not value:
        value = settings.STORAGES["default"]["BACKEND"]
    return import_string(value)(**(options or {}))
