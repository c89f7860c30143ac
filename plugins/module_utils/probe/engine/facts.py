"""Facts of the running site that several operations report: settings, caches, switches, configuration row, freshness."""

from __future__ import absolute_import

import hashlib
import hmac
import platform as python_platform
import re

from ..protocol import REDACTED, SECRET_NAME, describe
from . import edxapp, fetching

CACHE_ALIAS = "default"  # block_structure/api.py get_cache(), the same in every release
OTHER_ALIAS = "course_structure_cache"  # the modulestore's documents; often confused with the cache of block structures
# The entry of STORAGES that resolve_storage_backend (common/djangoapps/util/storage.py) reads before our settings.
STORAGES_ENTRY = "block_structures_settings"
_SECRET_NAME = re.compile(SECRET_NAME, re.I)


def redact(value):
    """Return nested settings with the values of secret-looking names replaced."""
    if isinstance(value, dict):
        return dict(
            (str(name), REDACTED if _SECRET_NAME.search(str(name)) and item not in (None, "") else redact(item))
            for name, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)


def platform_facts():
    import django

    facts = {"django": django.get_version(), "python": python_platform.python_version()}
    try:
        import storages

        facts["django_storages"] = str(storages.__version__)
    except ImportError:
        facts["django_storages"] = None
    from django.conf import settings

    facts["settings_module"] = str(settings.SETTINGS_MODULE)
    facts["release_line"] = edxapp.release_line()
    facts["command_options"] = sorted(edxapp.command_options())
    return facts


def _without_credentials(address):
    """Return an address without user and password."""
    return re.sub("//[^/]*@", "//", address)


def cache_locations(alias):
    """Return the addresses of an alias of CACHES without credentials."""
    return [_without_credentials(item) for item in edxapp.locations(alias)]


def _cache_facts(name):
    from django.conf import settings

    alias = settings.CACHES[name]
    options = alias.get("OPTIONS") or {}
    return {
        "backend": str(alias.get("BACKEND")),
        "locations": cache_locations(alias),
        "key_prefix": str(alias.get("KEY_PREFIX", "")),
        "version": alias.get("VERSION", 1),
        "options": redact(options),
        "client_limit_bytes": options.get("server_max_value_length"),
    }


def _caches():
    """Return the facts of the block structures' alias, and of the one often confused with it, by name."""
    from django.conf import settings

    return dict((name, _cache_facts(name)) for name in (CACHE_ALIAS, OTHER_ALIAS) if name in settings.CACHES)


def _sessions():
    """Return where the sessions of signed-in users are: of Django's engines, only `cache` keeps them nowhere else."""
    from django.conf import settings

    engine = str(settings.SESSION_ENGINE)
    alias = settings.CACHES.get(str(settings.SESSION_CACHE_ALIAS)) or {}
    return {"engine": engine, "only_in_cache": engine.endswith(".cache"), "locations": cache_locations(alias)}


def key_hash():
    """Return why a long cache key cannot be made, or None. With storage on, keys contain all version fields."""
    from django.core.cache import cache

    try:
        cache.make_key("k" * 300)
    except Exception as error:
        return describe(error)
    return None


def signing_keys():
    """Return a short name of SECRET_KEY, then of each of SECRET_KEY_FALLBACKS, whose keys sign and verify objects.

    It is no secret, and equal where two processes share the value. Celery masks SECRET_KEY, so workers are not asked; LMS and
    Studio are booted on the settings that their workers have.
    """
    from django.conf import settings

    secrets = [settings.SECRET_KEY]
    secrets.extend(getattr(settings, "SECRET_KEY_FALLBACKS", None) or ())
    return [_short_name(secret if isinstance(secret, bytes) else str(secret).encode("utf-8")) for secret in secrets]


def _short_name(secret):
    return hmac.new(b"block structure probe", secret, hashlib.sha256).hexdigest()[:12]


def _parameters(backend, name):
    """Return what a storage adds to each write, keys of encryption redacted; {} for a storage without such an attribute."""
    value = getattr(backend, name, None)
    if not isinstance(value, dict):
        return {}
    return dict((str(key), REDACTED if "key" in str(key).lower() else redact(item)) for key, item in value.items())


def settings_facts():
    """Return the active settings of this process, secrets redacted."""
    from django.conf import settings

    backend = edxapp.storage()
    names = ("bucket_name", "location", "default_acl", "endpoint_url", "region_name", "use_ssl", "verify")
    storage = dict((name, redact(getattr(backend, name, None))) for name in names)
    storage.update((name, _parameters(backend, name)) for name in ("object_parameters", "headers"))
    return {
        "storage_class": type(backend).__module__ + "." + type(backend).__name__,
        "block_structures": redact(dict(settings.BLOCK_STRUCTURES_SETTINGS)),
        "media_root": str(settings.MEDIA_ROOT),
        "storage_state": edxapp.storage_state(),
        "signing_keys": signing_keys(),
        "storage": storage,
        "storage_root": fetching.root_of(backend),
        "storages_entry": STORAGES_ENTRY in (getattr(settings, "STORAGES", None) or {}),
        "cache": _cache_facts(CACHE_ALIAS),
        "caches": _caches(),
        "sessions": _sessions(),
    }


def switches(release):
    """Return {name: True, False or None} for every switch of the release; None means that there is no such row."""
    from waffle.models import Switch

    names = list(release["switches"]) + list(release["inert_switches"])
    found = dict(Switch.objects.filter(name__in=names).values_list("name", "active"))
    return dict((name, found.get(name)) for name in names)


def configuration_row():
    """Return the active configuration: the newest row, enabled or not, else the model's defaults (config_models)."""
    from openedx.core.djangoapps.content.block_structure.config.models import BlockStructureConfiguration

    current = BlockStructureConfiguration.current()
    return {
        "exists": bool(current.pk),
        "num_versions_to_keep": current.num_versions_to_keep,
        "cache_timeout_in_seconds": current.cache_timeout_in_seconds,
    }


def _versions_of(row):
    return dict(
        (name, str(getattr(row, name)))
        for name in ("data_version", "transformers_schema_version", "block_structure_schema_version")
    )


def is_draft(row, key_text):
    """Return whether a row has the version of a draft, which only Studio's processes collect; None when that is unknown.

    Now or earlier: the index of courses keeps its history (split_modulestore_django/models.py, HistoricalRecords). Before Maple
    there is no such index, and only the present draft is known, from the modulestore's branches.
    """
    model = edxapp.course_index_model()
    if model is None:
        return _is_present_draft(str(row.data_version), key_text)
    version, key = str(row.data_version), edxapp.course_key(key_text)
    found = model.objects.filter(course_id=key).values_list("published_version", "draft_version").first()
    if found is None or version == str(found[0]):
        return None if found is None else False
    if version == str(found[1]):
        return True
    history = getattr(model, "history", None)
    if history is None or history.filter(course_id=key, published_version=version).exists():
        return None if history is None else False
    return history.filter(course_id=key, draft_version=version).exists() or None


def _is_present_draft(version, key_text):
    if version == edxapp.branch_version(key_text, edxapp.PUBLISHED):
        return False
    return version == edxapp.branch_version(key_text, edxapp.DRAFT) or None


def is_fresh(row, key_text, index, schema):
    """Return whether a row matches the published version, types normalised; None when the course has no version.

    The platform compares a string with an ObjectId here, which is never equal.
    """
    if index is not None:
        published = index.get(key_text)
    else:
        root = edxapp.modulestore().get_item(edxapp.root_usage_key(edxapp.course_key(key_text)))
        published = getattr(root, "course_version", None)
    if published is None:
        return None
    return _versions_of(row) == dict(schema, data_version=str(published))
