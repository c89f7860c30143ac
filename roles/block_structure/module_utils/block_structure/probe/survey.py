"""Look at the site without changing it: no rebuild, no write to any tier."""

from __future__ import absolute_import

import platform as python_platform
import re
import time

from . import edxapp
from .events import describe, emit

_SECRET_NAME = re.compile("(access_key|secret|password|passwd|token|credential|private_key)", re.I)


def redact(value):
    """Return nested settings with the values of secret-looking names replaced."""
    if isinstance(value, dict):
        return dict(
            (str(name), "(secret)" if _SECRET_NAME.search(str(name)) and item not in (None, "") else redact(item))
            for name, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)


def _platform_facts():
    import django

    facts = {"django": django.get_version(), "python": python_platform.python_version()}
    try:
        import storages

        facts["django_storages"] = str(storages.__version__)
    except ImportError:
        facts["django_storages"] = None
    from django.conf import settings
    from django.core.management import load_command_class

    facts["settings_module"] = str(settings.SETTINGS_MODULE)
    from openedx.core.release import RELEASE_LINE

    facts["release_line"] = str(RELEASE_LINE)
    command = load_command_class("openedx.core.djangoapps.content.block_structure", "generate_course_blocks")
    parser = command.create_parser("manage.py", "generate_course_blocks")
    options = [option for action in parser._actions for option in action.option_strings]
    facts["command_options"] = sorted(option for option in options if option.startswith("--"))
    return facts


def _cache_facts():
    from django.conf import settings

    alias = settings.CACHES["default"]
    options = alias.get("OPTIONS") or {}
    locations = alias.get("LOCATION") or []
    return {
        "backend": str(alias.get("BACKEND")),
        "locations": [str(item) for item in (locations if isinstance(locations, (list, tuple)) else [locations])],
        "key_prefix": str(alias.get("KEY_PREFIX", "")),
        "version": alias.get("VERSION", 1),
        "options": redact(options),
        "client_limit_bytes": options.get("server_max_value_length"),
    }


def settings_facts():
    """Return the settings in force in this process, secrets redacted."""
    from django.conf import settings

    backend = edxapp.storage()
    names = ("bucket_name", "location", "default_acl", "endpoint_url", "region_name")
    return {
        "storage_class": type(backend).__module__ + "." + type(backend).__name__,
        "block_structures": redact(dict(settings.BLOCK_STRUCTURES_SETTINGS)),
        "media_root": str(settings.MEDIA_ROOT),
        "storage": dict((name, redact(getattr(backend, name, None))) for name in names),
        "cache": _cache_facts(),
    }


def switches(release):
    """Return {name: True, False or None} for every switch of any release; None means that there is no such row."""
    from waffle.models import Switch

    names = list(release["switches"]) + list(release["inert_switches"])
    found = dict(Switch.objects.filter(name__in=names).values_list("name", "active"))
    return dict((name, found.get(name)) for name in names)


def configuration_row():
    """Return what is in force: the newest row, enabled or not, else the model's defaults (facts: config_models)."""
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


def is_fresh(row, key_text, index, schema):
    """Return whether a row describes what is published, types normalised; None when the course has no version.

    The platform compares a string with an ObjectId here and is never satisfied.
    """
    if index is not None:
        published = index.get(key_text)
    else:
        root = edxapp.modulestore().get_item(edxapp.root_usage_key(edxapp.course_key(key_text)))
        published = getattr(root, "course_version", None)
    if published is None:
        return None
    return _versions_of(row) == dict(schema, data_version=str(published))


def _timed(function):
    start = time.time()
    value = function()
    return value, round((time.time() - start) * 1000, 1)


class Reader(object):
    """Reads courses from each tier as a learner's request would, for one site."""

    def __init__(self, release, read):
        # type: (dict, bool) -> None
        self.release = release
        self.read = read
        self.index = edxapp.course_index()
        self.schema = edxapp.schema_versions()
        self.store = edxapp.store()
        self.rows = edxapp.models().BlockStructureModel.objects

    def course(self, key_text, assume_storage=False):
        """Return what there is to say of one course; never raises for what is wrong with it.

        assume_storage: look as if the release's switch were on, for what was generated ahead of the switch.
        """
        edxapp.forget_request()
        if assume_storage:
            edxapp.assume_storage(self.release)
        in_use = assume_storage or edxapp.storage_in_use(self.release)
        entry = dict.fromkeys(
            ("object", "object_exists", "bytes", "fresh", "cache_ms", "storage_ms", "blocks", "error", "object_error")
        )
        entry.update(key=key_text, row=False, cached=False, tier="modulestore", tier_when_cold="modulestore")
        try:
            usage_key = edxapp.root_usage_key(edxapp.course_key(key_text))
            row = self.rows.filter(data_usage_key=usage_key).first()
            if row is not None:
                self._look_at_row(entry, row, key_text)
            self._look_into_cache(entry, usage_key)
        except Exception as error:
            entry["error"] = describe(error)
        if in_use and entry["object_exists"]:
            entry["tier_when_cold"] = "storage"
        entry["tier"] = "cache" if entry["cached"] else entry["tier_when_cold"]
        return entry

    def _look_at_row(self, entry, row, key_text):
        entry["row"] = True
        entry["object"] = str(row.data.name)
        entry["fresh"] = is_fresh(row, key_text, self.index, self.schema)
        try:
            if self.read:
                data, entry["storage_ms"] = _timed(lambda: self._fetch(row))
                entry["bytes"] = len(data)
                entry["blocks"] = self._count_blocks(data, row.data_usage_key)
                entry["object_exists"] = True
            else:
                entry["object_exists"] = bool(row.data.storage.exists(row.data.name))
        except Exception as error:
            entry["object_exists"] = False
            entry["object_error"] = describe(error)

    def _fetch(self, row):
        with row.data.storage.open(row.data.name) as stream:
            return stream.read()

    def _look_into_cache(self, entry, usage_key):
        from openedx.core.djangoapps.content.block_structure.exceptions import BlockStructureNotFound

        try:
            model = self.store._get_model(usage_key)
            data, milliseconds = _timed(lambda: self.store._get_from_cache(model))
        except BlockStructureNotFound:
            return
        entry["cached"] = True
        entry["cache_ms"] = milliseconds
        if entry["bytes"] is None:
            entry["bytes"] = len(data)
        if self.read and entry["blocks"] is None:
            entry["blocks"] = self._count_blocks(data, usage_key)

    def _count_blocks(self, data, usage_key):
        return sum(1 for _ in self.store._deserialize(data, usage_key).get_block_keys())


def run(operation, release):
    """Return the survey: platform, settings, switches, row and every course (or those named in the operation)."""
    start = time.time()
    edxapp.forget_request()
    result = {
        "platform": _platform_facts(),
        "settings": settings_facts(),
        "switches": switches(release),
        "row": configuration_row(),
    }
    reader = Reader(release, bool(operation.get("read")))
    keys = operation.get("courses")
    keys = edxapp.course_keys() if keys is None else keys
    courses = []
    told = time.time()
    for number, key in enumerate(keys, 1):
        courses.append(reader.course(key))
        if time.time() - told >= 1:
            told = time.time()
            emit("progress", operation="survey", done=number, total=len(keys), failed=0)
    result["courses"] = courses
    result["seconds"] = round(time.time() - start, 3)
    return result
