"""What a publish sets in motion, and the tasks that do it."""

from unittest import mock

from contract_program.course import set_switch, storage_switch, with_storage
from contract_program.harness import name_of, row
from django.conf import settings
from openedx.core.djangoapps.content.block_structure import signals, tasks


def publish(course):
    """Tell the block structure's handler alone of a publish; return what it queued."""
    with mock.patch.object(signals.update_course_in_cache_v2, "apply_async") as queued:
        signals.update_block_structure_on_course_publish(sender=None, course_key=course.key)
    return queued.call_args[1]


@row
@with_storage
def a_publish_queues_an_update_after_the_delay(course):
    queued = publish(course)
    delay = settings.BLOCK_STRUCTURES_SETTINGS["COURSE_PUBLISH_TASK_DELAY"]
    return {"course": queued["kwargs"] == {"course_id": str(course.key)}, "delay": queued["countdown"] == delay}


@row
def a_publish_clears_the_structure_with_the_switch(course):
    found = {}
    for value in (False, True):
        with storage_switch(True):
            set_switch("INVALIDATE_CACHE_ON_PUBLISH", value)
            course.get()
            publish(course)
            found[str(value)] = {"row": bool(course.stored()), "cached": course.cached()}
    return found


@row
def a_new_course_with_the_switch_is_queued(course):
    with storage_switch(True):
        set_switch("INVALIDATE_CACHE_ON_PUBLISH", True)
        return name_of(publish, course)


@row
def a_publish_clears_nothing_without_a_switch(course):
    with storage_switch(True):
        course.get()
        publish(course)
        return {"row": bool(course.stored()), "cached": course.cached()}


@row
def tasks_retry_as_the_settings_say(_course):
    own, task = settings.BLOCK_STRUCTURES_SETTINGS, tasks.update_course_in_cache_v2
    return {
        "delay": task.default_retry_delay == own["TASK_DEFAULT_RETRY_DELAY"],
        "retries": task.max_retries == own["TASK_MAX_RETRIES"],
    }


@row
def tasks_have_these_names(_course):
    prefix = "openedx.core.djangoapps.content.block_structure.tasks."
    found = (tasks.update_course_in_cache_v2, tasks.get_course_in_cache_v2)
    return [task.name[len(prefix) :] for task in found if task.name.startswith(prefix)]


@row
def a_message_with_storage_is_stored(course):
    with storage_switch(False):
        kwargs = {"course_id": str(course.key), "with_storage": True}
        state = tasks.get_course_in_cache_v2.apply(kwargs=kwargs, throw=True).state
        return {"state": state, "row": bool(course.stored())}
