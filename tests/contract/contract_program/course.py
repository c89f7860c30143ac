"""The course that observations are made on: created, edited, published and deleted through the platform's modulestore."""

import contextlib
import os
import time
from unittest import mock

from django.conf import settings
from edx_django_utils.cache import RequestCache
from openedx.core.djangoapps.content.block_structure import api, config, manager, models
from xmodule.modulestore import ModuleStoreEnum
from xmodule.modulestore.django import SignalHandler, modulestore

ORG = "BlockStructureContract"
USER = ModuleStoreEnum.UserID.test
CATEGORIES = ("chapter", "sequential", "vertical")
BLOCKS = 6


def no_signal(*_arguments, **_named):
    """Send no signal about the course."""


class Course:
    """A course of six blocks: chapter, sequential, vertical and two pages below the course."""

    def __init__(self):
        self.key = modulestore().make_course_key(ORG, f"C{os.getpid()}", f"R{int(time.time())}")
        self.root = modulestore().make_course_usage_key(self.key)
        self.last = None

    def __enter__(self):
        try:
            self._create()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_error):
        self.remove()

    def _create(self):
        with self._writing() as store:
            parent = store.create_course(self.key.org, self.key.course, self.key.run, USER).location
            for category in CATEGORIES:
                parent = store.create_child(USER, parent, category, fields={"display_name": category}).location
            for name in ("one", "two"):
                page = {"display_name": name, "data": f"<p>{name}</p>"}
                self.last = store.create_child(USER, parent, "html", fields=page).location
            store.publish(self.root, USER)

    def remove(self):
        """Remove the course and everything that was made from it.

        Each step runs even if another one fails: a platform that cannot make a cache key still has a row and files to delete.
        The error of a failed step is raised at the end.
        """
        with contextlib.ExitStack() as steps:
            # Run in reverse order.
            steps.callback(self._delete_course)
            steps.callback(self._delete_row)
            steps.callback(self.lose_files)
            steps.callback(self.cool)

    def _delete_course(self):
        with mock.patch.object(SignalHandler, "send", no_signal):
            if modulestore().has_course(self.key):
                modulestore().delete_course(self.key, USER)

    def _delete_row(self):
        models.BlockStructureModel.objects.filter(data_usage_key=self.root).delete()

    @contextlib.contextmanager
    def _writing(self):
        """Write as an author does, in one bulk operation that signals nothing."""
        store = modulestore()
        draft = ModuleStoreEnum.Branch.draft_preferred
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(SignalHandler, "send", no_signal))
            stack.enter_context(store.default_store(ModuleStoreEnum.Type.split))
            stack.enter_context(store.branch_setting(draft, self.key))
            stack.enter_context(store.bulk_operations(self.key))
            yield store

    def edit(self):
        """Rename the last page and publish it."""
        with self._writing() as store:
            page = store.get_item(self.last)
            page.display_name = f"edited {time.time()}"
            store.update_item(page, USER)
            store.publish(self.last, USER)

    def reset(self):
        """Leave no structure of the course anywhere."""
        self.cool()
        self.lose_files()
        self._delete_row()

    # What is where

    def stored(self):
        """Return the row, or None."""
        return models.BlockStructureModel.objects.filter(data_usage_key=self.root).first()

    def files(self):
        """Return the names of the stored files."""
        try:
            return sorted(models.BlockStructureModel._get_all_files(self.root))
        except OSError:
            return []

    def cache_keys(self):
        """Return the cache keys that the course may have."""
        bs_model = self.stored()
        short = f"v2.root.key.{self.root}"
        return [short] if bs_model is None else [short, str(bs_model)]

    def cached(self):
        """Return whether the cache has the structure."""
        return any(api.get_cache().get(key) for key in self.cache_keys())

    def cool(self):
        """Take the structure out of the cache."""
        for key in self.cache_keys():
            api.get_cache().delete(key)

    def lose_files(self):
        """Delete the stored files, not the row."""
        storage = models._bs_model_storage()
        names = self.files()
        for name in names:
            storage.delete(name)
        if names and hasattr(storage, "base_location"):
            storage.delete(names[0].rpartition("/")[0])

    # What is done

    def get(self):
        """Have the structure, as the command does without --force_update; return what it took."""
        return self._counting(api.get_course_in_cache)

    def update(self):
        """Update the structure, as the command does with --force_update; return what it took."""
        return self._counting(api.update_course_in_cache)

    def _counting(self, call):
        """Call with the course's key; return how often the modulestore and the storage were read."""
        rebuild = manager.BlockStructureFactory.create_from_modulestore
        read = models.BlockStructureModel.get_serialized_data
        with contextlib.ExitStack() as stack:
            rebuilds = stack.enter_context(mock.patch.object(manager.BlockStructureFactory, "create_from_modulestore"))
            reads = stack.enter_context(mock.patch.object(models.BlockStructureModel, "get_serialized_data", autospec=True))
            rebuilds.side_effect, reads.side_effect = rebuild, read
            call(self.key)
            return {"rebuilds": rebuilds.call_count, "storage_reads": reads.call_count}


def set_switch(attribute, value):
    """Take a switch as on or off until the request caches are cleared; nothing happens where the release has none."""
    switch = getattr(config, attribute, None)
    if switch is None:
        return
    if hasattr(config, "waffle"):
        # Until Koa: names in a namespace.
        config.waffle()._cached_switches["block_structure." + switch] = value
    else:
        switch._cached_switches[switch.name] = value


@contextlib.contextmanager
def storage_switch(value):
    """Take the storage switch as on or off in this process; nothing happens where storage is always on."""
    RequestCache.clear_all_namespaces()
    set_switch("STORAGE_BACKING_FOR_CACHE", value)
    try:
        yield
    finally:
        RequestCache.clear_all_namespaces()


def with_storage(observe):
    """Make an observation with storage in use."""

    def observed(course):
        with storage_switch(True):
            return observe(course)

    observed.__name__ = observe.__name__
    return observed


@contextlib.contextmanager
def block_structures_settings(**values):
    """Set keys of BLOCK_STRUCTURES_SETTINGS in this process."""
    with mock.patch.dict(settings.BLOCK_STRUCTURES_SETTINGS, values):
        yield
