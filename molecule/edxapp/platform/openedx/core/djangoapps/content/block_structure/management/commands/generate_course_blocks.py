"""Generate structures: `manage.py lms generate_course_blocks --all_courses | --courses KEY ...`.

What one course raises is logged and swallowed, and the exit code stays 0, as in the platform.
"""

import logging

from django.core.management.base import BaseCommand

import release_rows
from openedx.core.djangoapps.content.block_structure import api, config, store, tasks
from openedx.core.lib.command_utils import (
    get_mutually_exclusive_required_option,
    parse_course_keys,
    validate_dependent_option,
)
from xmodule.modulestore.django import modulestore

log = logging.getLogger(__name__)
LEVELS = {0: logging.CRITICAL, 1: logging.WARNING}
SHOW_STORE = 3


class Command(BaseCommand):
    """Generates the structures of some or all courses."""

    help = "Generates and stores course blocks for one or more courses."

    def add_arguments(self, parser):
        parser.add_argument("--courses", nargs="+", help="Keys of the courses.")
        parser.add_argument("--all_courses", action="store_true", help="All courses, or those between the indices.")
        parser.add_argument("--enqueue_task", action="store_true", help="Have Celery's workers do it.")
        parser.add_argument("--routing_key", help="Routing key of the tasks.")
        parser.add_argument("--force_update", action="store_true", help="Update, not only fill what is missing.")
        parser.add_argument("--start_index", type=int, default=0, help="First course of the list.")
        parser.add_argument("--end_index", type=int, default=0, help="End of the list; needs --start_index.")
        if release_rows.current().with_storage_option:
            parser.add_argument("--with_storage", action="store_true", help="Store whatever the switch says.")

    def handle(self, *_arguments, **options):
        course_keys = self._course_keys(options)
        self._set_log_levels(options["verbosity"])
        if options.get("with_storage"):
            config.use_storage_in_request()
        log.critical("BlockStructure: STARTED generating Course Blocks for %d courses.", len(course_keys))
        for course_key in course_keys:
            try:
                self._generate(course_key, options)
            except Exception as error:
                log.exception("BlockStructure: An error occurred while generating course blocks for %s: %s", course_key, error)
        log.critical("BlockStructure: FINISHED generating Course Blocks for %d courses.", len(course_keys))

    def _course_keys(self, options):
        """Return the keys that the options mean; the end index counts only together with a start index."""
        mode = get_mutually_exclusive_required_option(options, "courses", "all_courses")
        validate_dependent_option(options, "routing_key", "enqueue_task")
        validate_dependent_option(options, "start_index", "all_courses")
        validate_dependent_option(options, "end_index", "all_courses")
        if mode == "courses":
            return parse_course_keys(options["courses"])
        course_keys = [course.id for course in modulestore().get_course_summaries()]
        if options["start_index"]:
            return course_keys[options["start_index"] : options["end_index"] or len(course_keys)]
        return course_keys

    def _set_log_levels(self, verbosity):
        """0 shows only critical messages, 1 warnings and errors, more all; the store speaks from 3 on."""
        log.setLevel(LEVELS.get(verbosity, logging.INFO))
        store.logger.setLevel(logging.INFO if verbosity >= SHOW_STORE else logging.CRITICAL)

    def _generate(self, course_key, options):
        """Generate one course's structure, here or in a worker."""
        if options["enqueue_task"]:
            self._enqueue(course_key, options)
            return
        log.info("BlockStructure: STARTED generating for course: %s.", course_key)
        call = api.update_course_in_cache if options["force_update"] else api.get_course_in_cache
        call(course_key)
        log.info("BlockStructure: FINISHED generating for course: %s.", course_key)

    def _enqueue(self, course_key, options):
        """Send the task for one course."""
        task = tasks.update_course_in_cache_v2 if options["force_update"] else tasks.get_course_in_cache_v2
        kwargs = {"course_id": str(course_key)}
        if release_rows.current().with_storage_option:
            kwargs["with_storage"] = options["with_storage"]
        routing = {"routing_key": options["routing_key"]} if options["routing_key"] else {}
        result = task.apply_async(kwargs=kwargs, **routing)
        log.info("BlockStructure: ENQUEUED generating for course: %s, task_id: %s.", course_key, result.id)
