"""Cache, storage, modulestore: which of them answers."""

import errno
import hashlib
import os
import re
from unittest import mock

from common.djangoapps.student.models import CourseEnrollment
from common.djangoapps.util.memcache import fasthash, safe_key
from contract_program.course import set_switch, storage_switch, with_storage
from contract_program.harness import name_of, row
from django.conf import settings
from django.core.cache import caches
from django.core.exceptions import SuspiciousFileOperation
from django.db import connections
from django.db.models import Count
from django.utils.module_loading import import_string
from openedx.core.djangoapps.content.block_structure import api, config, models
from openedx.core.djangoapps.content.block_structure.store import BlockStructureStore
from openedx.core.djangoapps.content.block_structure.transformer_registry import TransformerRegistry
from xmodule.fields import Date
from xmodule.modulestore.django import clear_existing_modulestores, modulestore

COURSE_INDEX = "common.djangoapps.split_modulestore_django.models.SplitModulestoreCourseIndex"
SWITCHES = ("invalidate_cache_on_publish", "raise_error_when_not_found", "storage_backing_for_cache")


@row
def structures_live_in_the_default_cache(_course):
    api.get_cache().set("block_structure_contract", "here", 60)
    found = caches["default"].get("block_structure_contract")
    api.get_cache().delete("block_structure_contract")
    return found


@row
@with_storage
def a_total_miss_rebuilds_stores_and_caches(course):
    took = course.get()
    return dict(took, row=bool(course.stored()), files=len(course.files()), cached=course.cached())


@row
@with_storage
def a_managers_store_can_be_watched(course):
    added = []

    class Watched:
        """The manager's own store, which records how many blocks it is given."""

        def __init__(self, store):
            self.store = store

        def __getattr__(self, name):
            return getattr(self.store, name)

        def add(self, block_structure):
            added.append(len(list(block_structure.get_block_keys())))
            return self.store.add(block_structure)

    manager = api.get_block_structure_manager(course.key)
    manager.store = Watched(manager.store)
    return {"returned": manager.update_collected_if_needed(), "added": added}


@row
def active_learners_are_counted_by_course(course):
    active = CourseEnrollment.objects.filter(is_active=True).values_list("course_id").annotate(total=Count("id")).order_by()
    counted = {str(key): total for key, total in active}
    return {"table": CourseEnrollment._meta.db_table, "of_this_course": counted.get(str(course.key), 0)}


@row
@with_storage
def a_structure_has_the_blocks_of_the_course(course):
    structure = api.get_course_in_cache(course.key)
    return {"blocks": len(structure), "root": str(structure.root_block_usage_key) == str(course.root)}


@row
def dates_mean_this(_course):
    texts = ("2030-01-31T05:00:00Z", "2030-01-31T05:00:00+03:00", "2030-01-31", "2030", "", None)
    return {
        "values": [str(Date().from_json(text)) for text in texts],
        "parsed_here": str(Date()._parse_date_wo_default_month_day(texts[0])),
    }


@row
@with_storage
def a_warm_cache_answers_alone(course):
    course.get()
    return course.get()


@row
@with_storage
def a_cold_cache_is_filled_from_the_storage(course):
    course.get()
    course.cool()
    return dict(course.get(), cached=course.cached())


@row
@with_storage
def a_missing_file_is_made_again_once_the_cache_is_cold(course):
    course.get()
    course.lose_files()
    warm = dict(course.get(), files=len(course.files()))
    course.cool()
    return {"warm": warm, "cold": dict(course.get(), files=len(course.files()))}


@row
@with_storage
def what_does_not_unpickle(course):
    course.get()
    api.get_cache().set(str(course.stored()), b"no pickle", 60)
    return "rebuilt" if name_of(course.get) == "accepted" else "raised"


@row
@with_storage
def a_miss_with_the_raise_switch_is_an_error(course):
    set_switch("RAISE_ERROR_WHEN_NOT_FOUND", True)
    return {"get": name_of(course.get), "update": name_of(course.update), "after": course.get()}


@row
def the_switches_are_these(_course):
    return [name for name in SWITCHES if hasattr(config, name.upper())]


@row
def switches_are_asked_like_this(_course):
    return "namespace" if hasattr(config, "waffle") else "objects"


@row
def the_storage_is_made_by_this(_course):
    return [name for name in ("get_storage", "resolve_storage_backend") if hasattr(models, name)]


@row
def the_course_index_is_here(_course):
    return "sql" if name_of(import_string, COURSE_INDEX) == "accepted" else "mongo"


@row
@with_storage
def staleness_is_not_looked_at(course):
    course.get()
    before = course.stored().data_version
    course.edit()
    return dict(course.get(), same_version=course.stored().data_version == before)


@row
@with_storage
def an_update_always_rebuilds(course):
    course.get()
    return [course.update()["rebuilds"], course.update()["rebuilds"]]


@row
@with_storage
def the_platform_never_finds_a_row_fresh(course):
    course.get()
    return BlockStructureStore(api.get_cache()).is_up_to_date(course.root, modulestore())


@row
@with_storage
def all_versions_agree_once_both_sides_are_text(course):
    course.edit()
    course.update()
    root, bs_model = modulestore().get_item(course.root), course.stored()
    return {
        "data_version": str(bs_model.data_version) == str(root.course_version),
        "data_edit_timestamp": bs_model.data_edit_timestamp.isoformat() == root.subtree_edited_on.isoformat(),
        "transformers": bs_model.transformers_schema_version == TransformerRegistry.get_write_version_hash(),
        "schema": bs_model.block_structure_schema_version,
    }


@row
@with_storage
def the_course_index_has_the_version(course):
    course.edit()
    course.update()
    return import_string(COURSE_INDEX).objects.get(course_id=course.key).published_version == course.stored().data_version


@row
def an_index_row_without_a_published_version_has_an_empty_one(_course):
    field = import_string(COURSE_INDEX)._meta.get_field("published_version")
    return {"null": field.null, "blank": field.blank}


@row
@with_storage
def the_cache_key_is_the_row_as_text(course):
    course.get()
    bs_model = course.stored()
    key = BlockStructureStore._encode_root_cache_key(bs_model)
    fields = [part.split(": ")[0] for part in key.split(", ")]
    return {"text": key == str(bs_model), "fields": fields}


@row
@with_storage
def a_file_is_named_after_prefix_key_and_time(course):
    course.get()
    prefix = settings.BLOCK_STRUCTURES_SETTINGS.get("DIRECTORY_PREFIX", "")
    directory = re.escape(prefix + str(course.root).replace("/", "_"))
    return bool(re.fullmatch(directory + r"/\d{4}-\d\d-\d\d-\d{6}-\d{6}", course.stored().data.name))


@row
@with_storage
def clearing_leaves_the_file(course):
    course.get()
    api.clear_course_from_cache(course.key)
    left = {"row": bool(course.stored()), "files": len(course.files()), "cached": course.cached()}
    return dict(left, again=name_of(api.clear_course_from_cache, course.key))


@row
@with_storage
def the_tables_have_these_names(_course):
    return [models.BlockStructureModel._meta.db_table, config.models.BlockStructureConfiguration._meta.db_table]


@row
def long_cache_keys_are_hashed(_course):
    short = safe_key("k" * 200, "default", 1)
    try:
        digest = fasthash("a long key")
    except ValueError:
        return {"short": short.startswith("default:1:k"), "hash": "md4 refused by OpenSSL"}
    blake2b = hashlib.blake2b(b"a long key", digest_size=16).hexdigest()
    kind = "blake2b" if digest == blake2b else "md4"
    assert len(safe_key("k" * 251, "default", 1)) == len(digest)
    return {"short": short.startswith("default:1:k"), "hash": kind}


@row
def without_storage_only_the_cache_is_written(course):
    with storage_switch(False):
        took = course.get()
        found = dict(took, row=bool(course.stored()), files=len(course.files()), cached=course.cached())
        return dict(found, key=course.cache_keys()[0] == BlockStructureStore._encode_root_cache_key(StubLike(course.root)))


class StubLike:
    """All that the cache key of a structure without a row is made of."""

    def __init__(self, root):
        self.data_usage_key = root


@row
def without_storage_a_row_is_not_read(course):
    with storage_switch(True):
        course.get()
    course.cool()
    with storage_switch(False):
        return course.get()


@row
def a_publish_without_storage_leaves_a_stale_row(course):
    with storage_switch(True):
        course.get()
        before = course.stored().data_version
    course.edit()
    with storage_switch(False):
        course.update()
    with storage_switch(True):
        took = course.get()
        stale = course.stored().data_version == before
        course.cool()
        return dict(took, stale=stale, plain_run_heals=course.get()["rebuilds"] > 0, update_heals=course.update()["rebuilds"])


@row
def a_new_modulestore_comes_after_clearing(_course):
    before = modulestore()
    clear_existing_modulestores()
    return modulestore() is not before


@row
@with_storage
def a_forked_worker_generates(course):
    course.get()
    connections.close_all()
    getattr(caches, "close_all", lambda: [cache.close() for cache in caches.all()])()
    clear_existing_modulestores()
    child = os.fork()
    if not child:
        status = 1
        try:
            api.update_course_in_cache(course.key)
            status = 0
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    return {"status": status, "files": bool(course.files()), "parent": course.get()}


@row
@with_storage
def a_failed_write_leaves_no_row(course):
    storage = models.BlockStructureModel._meta.get_field("data").storage
    with mock.patch.object(type(storage), "save", side_effect=OSError("no space left on device")):
        raised = name_of(api.get_course_in_cache, course.key)
    return {"raised": raised, "row": bool(course.stored())}


@row
@with_storage
def a_read_error_other_than_not_found_is_raised(course):
    course.get()
    bs_model = course.stored()
    errors = {
        "missing": FileNotFoundError(errno.ENOENT, "no such file"),
        "suspicious": SuspiciousFileOperation("path"),
        "refused": PermissionError(errno.EACCES, "refused"),
        "other": RuntimeError("503"),
    }
    found = {}
    for name, error in errors.items():
        with mock.patch.object(type(bs_model.data), "read", side_effect=error):
            found[name] = name_of(bs_model.get_serialized_data)
    return found
