"""Access to the platform; the only file that knows its import paths.

Sources: edx-platform openedx/core/djangoapps/content/block_structure, xmodule/modulestore/django.py and
common/djangoapps/split_modulestore_django/models.py, read at 2023-03, 2024-09 and 2025-08.
"""

from __future__ import absolute_import

import re
import socket
import threading

# Overhead of a memcached item: as in memcached_sizing.
ITEM_OVERHEAD_BYTES = 512


def models():
    """Return the platform's block_structure.models."""
    from openedx.core.djangoapps.content.block_structure import models as module

    return module


def api():
    """Return the platform's block_structure.api."""
    from openedx.core.djangoapps.content.block_structure import api as module

    return module


def config():
    """Return the platform's block_structure.config."""
    from openedx.core.djangoapps.content.block_structure import config as module

    return module


def store():
    """Return a BlockStructureStore on the platform's own cache."""
    from openedx.core.djangoapps.content.block_structure.store import BlockStructureStore

    return BlockStructureStore(api().get_cache())


def storage():
    """Return the Django storage that rows refer to."""
    return models().BlockStructureModel._meta.get_field("data").storage


def storage_of(own):
    """Return the storage of another BLOCK_STRUCTURES_SETTINGS as every release creates it: of the named class, or Django's own.

    Sources: edx-platform openedx/core/storage.py (get_storage), common/djangoapps/util/storage.py (resolve_storage_backend).
    """
    from django.utils.module_loading import import_string

    return import_string(own.get("STORAGE_CLASS") or _default_class())(**(own.get("STORAGE_KWARGS") or {}))


def _default_class():
    from django.conf import settings

    configured = getattr(settings, "STORAGES", None) or {}  # Django 4.2 and later
    return (configured.get("default") or {}).get("BACKEND") or settings.DEFAULT_FILE_STORAGE


def storage_state():
    """Return the state on this host (copies, spool, breaker, counters) of a storage that has one, else None."""
    backend = storage()
    return backend.state() if hasattr(backend, "strict") else None


def modulestore():
    """Return the platform's modulestore."""
    try:
        from xmodule.modulestore.django import modulestore as factory
    except ImportError:  # before xmodule moved to the top of the tree
        from common.lib.xmodule.xmodule.modulestore.django import modulestore as factory
    return factory()


def course_key(text):
    """Return the CourseKey of a string."""
    from opaque_keys.edx.keys import CourseKey

    return CourseKey.from_string(text)


def root_usage_key(key):
    """Return the usage key of a course's root block, which is the key of its structure."""
    return modulestore().make_course_usage_key(key)


def course_index_model():
    """Return the model of the SQL course index, None where there is none: the table exists from Maple on."""
    try:
        from common.djangoapps.split_modulestore_django.models import SplitModulestoreCourseIndex
    except ImportError:
        return None
    return SplitModulestoreCourseIndex


def course_index():
    """Return ({course key text: published version text}, [keys of courses that were never published]) by one query.

    (None, None) where there is no SQL index. A course that was never published has an empty version (models.py:
    `published_version = CharField(blank=True)`); there is nothing to generate.
    """
    model = course_index_model()
    if model is None:
        return None, None
    rows = model.objects.values_list("course_id", "published_version")
    versions = dict((str(key), str(version or "")) for key, version in rows if not str(key).startswith("library"))
    published = dict((key, version) for key, version in versions.items() if version)
    return published, sorted(set(versions) - set(published))


# Names of the modulestore's branches (xmodule/modulestore/__init__.py, ModuleStoreEnum.Branch).
PUBLISHED, DRAFT = "published-only", "draft-preferred"


def branch_version(key_text, branch):
    """Return the version of a course in a branch by loading its root, None where the modulestore has no versions."""
    store, key = modulestore(), course_key(key_text)
    with store.branch_setting(branch, key):
        version = getattr(store.get_item(root_usage_key(key)), "course_version", None)
    return None if version is None else str(version)


def release_line():
    """Return the platform's release line; master on untagged code."""
    from openedx.core.release import RELEASE_LINE

    return str(RELEASE_LINE)


def command_options():
    """Return the long options of generate_course_blocks, including those of Django itself."""
    from django.core.management import load_command_class

    command = load_command_class("openedx.core.djangoapps.content.block_structure", "generate_course_blocks")
    parser = command.create_parser("manage.py", "generate_course_blocks")
    return [option for action in parser._actions for option in action.option_strings if option.startswith("--")]


def published_version(key_text):
    """Return a course's version in course_index: None when the course was deleted, "" where there is no SQL index."""
    model = course_index_model()
    if model is None:
        return ""
    found = model.objects.filter(course_id=course_key(key_text))
    version = found.values_list("published_version", flat=True).first()
    return None if version is None else str(version)


def enrolment_model():
    """Return the platform's CourseEnrollment; common.djangoapps.student came with Koa, before it was a top-level name."""
    try:
        from common.djangoapps.student.models import CourseEnrollment
    except ImportError:
        from student.models import CourseEnrollment
    return CourseEnrollment


def course_keys(index):
    """Return all course keys as text: from course_index, else from the summaries that the platform's command uses."""
    if index:
        return sorted(index)
    return sorted(str(summary.id) for summary in modulestore().get_course_summaries())


def collect(usage_key):
    """Collect a course's structure from the modulestore as the platform's manager does, without storing it."""
    from openedx.core.djangoapps.content.block_structure.factory import BlockStructureFactory
    from openedx.core.djangoapps.content.block_structure.transformers import BlockStructureTransformers

    store = modulestore()
    with store.bulk_operations(usage_key.course_key):
        structure = BlockStructureFactory.create_from_modulestore(usage_key, store)
        BlockStructureTransformers.collect(structure)
    return structure


def schema_versions():
    """Return the two version fields that depend only on the installed code."""
    from openedx.core.djangoapps.content.block_structure.block_structure import BlockStructureBlockData
    from openedx.core.djangoapps.content.block_structure.transformer_registry import TransformerRegistry

    return {
        "transformers_schema_version": str(TransformerRegistry.get_write_version_hash()),
        "block_structure_schema_version": str(BlockStructureBlockData.VERSION),
    }


def forget_request():
    """Clear the request caches, which hold switches and configuration: the probe is one long request."""
    from edx_django_utils.cache import RequestCache

    RequestCache.clear_all_namespaces()


def storage_in_use(release):
    """Return whether a learner's request reads storage now: by the release's switch, else always."""
    if not release["storage_switch"]:
        return True
    import waffle

    return bool(waffle.switch_is_active(release["storage_switch"]))


def assume_storage(release):
    """Turn the switch on for this request, as `generate_course_blocks --with_storage` does."""
    if not release["storage_switch"]:
        return
    module = config()
    if hasattr(module, "waffle"):  # until Koa switches are names in a namespace
        module.waffle().override_for_request(module.STORAGE_BACKING_FOR_CACHE)
    else:
        module.enable_storage_backing_for_cache_in_request()


def reconnect():
    """Close database connections that an error may have broken; the next query opens new ones."""
    from django.db import connections

    connections.close_all()


def memcached_item_size():
    """Return -I of the default cache's memcached in bytes, the smallest of several; None if there is none or it is unknown.

    By the text protocol (memcached's doc/protocol.txt, "stats settings"): the client libraries have no common call for it.
    """
    from django.conf import settings

    alias = settings.CACHES["default"]
    servers = locations(alias) if "emcache" in str(alias.get("BACKEND")) else []
    sizes = [_item_size_of(server) for server in servers]
    known = [size for size in sizes if size]
    return min(known) if known else None


def locations(alias):
    """Return the addresses of an alias of CACHES as Django takes them: a list, or a text with commas or semicolons."""
    given = alias.get("LOCATION") or []
    many = given if isinstance(given, (list, tuple)) else re.split("[;,]", str(given))
    return [str(item).strip() for item in many if str(item).strip()]


def _item_size_of(location):
    host, _, port = location.rpartition(":")
    host = re.sub("^inet6?:", "", host).strip("[]")
    try:
        connection = socket.create_connection((host, int(port)), 5)
    except (IOError, OSError, ValueError):  # it is down, or a Unix socket
        return None
    try:
        connection.sendall(b"stats settings\r\n")
        answer = b""
        while not answer.endswith(b"END\r\n"):
            data = connection.recv(4096)
            if not data:
                return None
            answer += data
    except (IOError, OSError):
        return None
    finally:
        connection.close()
    found = re.search(b"STAT item_size_max ([0-9]+)", answer)
    return int(found.group(1)) if found else None


def close_connections():
    """Close what must not be shared over a fork: databases, caches, the modulestore's connections, S3 sockets."""
    from django.core.cache import caches
    from django.db import connections

    connections.close_all()
    if hasattr(caches, "close_all"):
        caches.close_all()
    else:
        for cache in caches.all():
            cache.close()
    try:
        from xmodule.modulestore.django import clear_existing_modulestores
    except ImportError:
        from common.lib.xmodule.xmodule.modulestore.django import clear_existing_modulestores
    clear_existing_modulestores()
    _close_s3(storage())


def _close_s3(backend):
    """Close the sockets of django-storages; keep a client that can open new ones, since creating one costs 0.15 s of CPU.

    Sources: django-storages backends/s3boto3.py and backends/s3.py (`_connections`, per thread, `_bucket`); botocore/client.py
    (`close`, since 1.22: later requests open new connections).
    """
    resource = getattr(getattr(backend, "_connections", None), "connection", None)
    if resource is not None and hasattr(resource.meta.client, "close"):
        resource.meta.client.close()
        return
    if hasattr(backend, "_connections"):
        backend._connections = threading.local()
    if hasattr(backend, "_bucket"):
        backend._bucket = None
