"""Where the platform keeps what the probe needs; the only file that knows its import paths.

Sources: edx-platform openedx/core/djangoapps/content/block_structure, xmodule/modulestore/django.py and
common/djangoapps/split_modulestore_django/models.py, read at 2023-03, 2024-09 and 2025-08.
"""

from __future__ import absolute_import

import threading


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
    """Return a BlockStructureStore on the cache that the platform itself uses."""
    from openedx.core.djangoapps.content.block_structure.store import BlockStructureStore

    return BlockStructureStore(api().get_cache())


def storage():
    """Return the Django storage that rows point into."""
    return models().BlockStructureModel._meta.get_field("data").storage


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
    """Return the usage key of a course's root block: the name under which its structure is kept."""
    return modulestore().make_course_usage_key(key)


def course_index():
    """Return {course key text: published version text} from the SQL course index, or None where there is none.

    Two queries for a whole site (measured); the table exists from Maple on.
    """
    try:
        from common.djangoapps.split_modulestore_django.models import SplitModulestoreCourseIndex
    except ImportError:
        return None
    rows = SplitModulestoreCourseIndex.objects.exclude(published_version="").values_list("course_id", "published_version")
    return dict((str(key), str(version)) for key, version in rows if not str(key).startswith("library"))


def course_keys():
    """Return the texts of all course keys: from the index, else from the summaries that the command itself uses."""
    index = course_index()
    if index:
        return sorted(index)
    return sorted(str(summary.id) for summary in modulestore().get_course_summaries())


def schema_versions():
    """Return the two version fields that depend on the installed code alone."""
    from openedx.core.djangoapps.content.block_structure.block_structure import BlockStructureBlockData
    from openedx.core.djangoapps.content.block_structure.transformer_registry import TransformerRegistry

    return {
        "transformers_schema_version": str(TransformerRegistry.get_write_version_hash()),
        "block_structure_schema_version": str(BlockStructureBlockData.VERSION),
    }


def forget_request():
    """Empty the request caches: switches and configuration are remembered there, and a probe is one long request."""
    from edx_django_utils.cache import RequestCache

    RequestCache.clear_all_namespaces()


def storage_in_use(release):
    """Return whether a learner's request reads storage now: always, or by the release's switch."""
    if not release["storage_switch"]:
        return True
    import waffle

    return bool(waffle.switch_is_active(release["storage_switch"]))


def assume_storage(release):
    """Act in this request as if the switch were on, as `generate_course_blocks --with_storage` does."""
    if release["storage_switch"]:
        config().enable_storage_backing_for_cache_in_request()


def let_go():
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
    backend = storage()
    if hasattr(backend, "_connections"):  # django-storages keeps its boto3 resource here, per thread
        backend._connections = threading.local()
    if hasattr(backend, "_bucket"):
        backend._bucket = None
