"""Celery tasks that read or rebuild a course's structure."""

import logging

from celery import shared_task
from django.conf import settings
from lxml.etree import XMLSyntaxError
from opaque_keys.edx.keys import CourseKey

import release_rows
from openedx.core.djangoapps.content.block_structure import api, config
from xmodule.capa.responsetypes import LoncapaProblemError
from xmodule.modulestore.exceptions import ItemNotFoundError

log = logging.getLogger("edx.celery.task")
RETRY_TASKS = (ItemNotFoundError, TypeError)
NO_RETRY_TASKS = (XMLSyntaxError, LoncapaProblemError, UnicodeEncodeError)


def block_structure_task(function):
    """Return the function as a task. Without the two retry settings the process doesn't start (KeyError)."""
    own = settings.BLOCK_STRUCTURES_SETTINGS
    return shared_task(default_retry_delay=own["TASK_DEFAULT_RETRY_DELAY"], max_retries=own["TASK_MAX_RETRIES"], bind=True)(
        function
    )


@block_structure_task
def update_course_in_cache_v2(self, **kwargs):
    """Rebuild the structure of `course_id` unless it is up to date."""
    _run(self, api.update_course_in_cache, kwargs)


@block_structure_task
def update_course_in_cache(self, course_id):
    """The same, for messages of an older release."""
    _run(self, api.update_course_in_cache, {"course_id": course_id})


@block_structure_task
def get_course_in_cache_v2(self, **kwargs):
    """Have the structure of `course_id` in cache and storage."""
    _run(self, api.get_course_in_cache, kwargs)


@block_structure_task
def get_course_in_cache(self, course_id):
    """The same, for messages of an older release."""
    _run(self, api.get_course_in_cache, {"course_id": course_id})


def _run(self, call, kwargs):
    """Make the call for the course of the message, and try again later what may have been bad luck.

    `with_storage` in the message has the storage used whatever the switch says, where the release has the switch.
    """
    if kwargs.get("with_storage") and release_rows.current().storage_switch:
        config.use_storage_in_request()
    try:
        call(CourseKey.from_string(kwargs["course_id"]))
    except NO_RETRY_TASKS:
        log.exception(
            "BlockStructure: %s encountered unrecoverable error in course %s, task_id %s",
            self.__name__,
            kwargs.get("course_id"),
            self.request.id,
        )
        raise
    except RETRY_TASKS as error:
        log.exception("%s encountered expected error, retrying.", self.__name__)
        raise self.retry(kwargs=kwargs, exc=error) from error
    except Exception as error:
        log.exception(
            "BlockStructure: %s encountered unknown error in course %s, task_id %s. Retry #%d",
            self.__name__,
            kwargs.get("course_id"),
            self.request.id,
            self.request.retries,
        )
        raise self.retry(kwargs=kwargs, exc=error) from error
