"""What the rest of the platform calls."""

from django.core.cache import cache

from xmodule.modulestore.django import modulestore

from .manager import BlockStructureManager


def get_course_in_cache(course_key):
    """Return a course's structure, rebuilt if it is nowhere."""
    return get_block_structure_manager(course_key).get_collected()


def update_course_in_cache(course_key):
    """Rebuild a course's structure unless it is up to date."""
    return get_block_structure_manager(course_key).update_collected_if_needed()


def clear_course_from_cache(course_key):
    """Delete a course's structure. Raises BlockStructureNotFound."""
    get_block_structure_manager(course_key).clear()


def get_block_structure_manager(course_key):
    """Return the manager of a course's structure."""
    store = modulestore()
    return BlockStructureManager(store.make_course_usage_key(course_key), store, get_cache())


def get_cache():
    """Return the cache of structures: Django's default one, not `course_structure_cache`."""
    return cache
