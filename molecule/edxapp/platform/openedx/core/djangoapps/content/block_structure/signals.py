"""What happens to structures when a course is published or deleted."""

import logging

from django.conf import settings
from django.dispatch.dispatcher import receiver
from opaque_keys.edx.locator import LibraryLocator

import release_rows
from xmodule.modulestore.django import SignalHandler

from . import config
from .api import clear_course_from_cache
from .exceptions import BlockStructureNotFound
from .tasks import update_course_in_cache_v2

log = logging.getLogger(__name__)


@receiver(SignalHandler.course_published)
def update_block_structure_on_course_publish(sender, course_key, **_named):
    """Have a worker rebuild the structure after COURSE_PUBLISH_TASK_DELAY seconds; libraries have none."""
    if isinstance(course_key, LibraryLocator):
        return
    if config.publish_clears():
        try:
            clear_course_from_cache(course_key)
        except BlockStructureNotFound:
            if release_rows.current().publish_needs_row:
                raise
            log.warning("BlockStructure: %s not found when trying to clear course from cache", course_key)
    update_course_in_cache_v2.apply_async(
        kwargs={"course_id": str(course_key)},
        countdown=settings.BLOCK_STRUCTURES_SETTINGS["COURSE_PUBLISH_TASK_DELAY"],
    )


@receiver(SignalHandler.course_deleted)
def _delete_block_structure_on_course_delete(sender, course_key, **_named):
    """Delete the structure with its course."""
    clear_course_from_cache(course_key)
