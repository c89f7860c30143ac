"""The management command, called within one process; its exit codes are observed from outside."""

import contextlib
import io
import logging
from unittest import mock

from contract_program.harness import name_of, row
from django.core.management import CommandError, call_command
from openedx.core.djangoapps.content.block_structure import api, store
from openedx.core.djangoapps.content.block_structure.management.commands import generate_course_blocks
from waffle.models import Switch

COMMAND = "generate_course_blocks"
SWITCH = "block_structure_contract.example"


class Summary:
    """A course as the modulestore lists it."""

    def __init__(self, number):
        self.id = f"course-{number}"


@contextlib.contextmanager
def recorded(courses=5, raises=None):
    """Have the command find so many courses and generate nothing; yield the calls and the log records."""
    calls, records = [], []

    def note(kind):
        def called(course_key):
            calls.append((kind, str(course_key)))
            if raises:
                raise raises

        return called

    handler = logging.Handler()
    handler.emit = records.append
    log, levels = generate_course_blocks.log, (generate_course_blocks.log.level, store.logger.level)
    log.addHandler(handler)
    summaries = mock.Mock()
    summaries.return_value.get_course_summaries.return_value = [Summary(number) for number in range(courses)]
    generated = {"get_course_in_cache": note("get"), "update_course_in_cache": note("update")}
    try:
        with mock.patch.object(generate_course_blocks, "modulestore", summaries), mock.patch.multiple(api, **generated):
            yield calls, records
    finally:
        log.removeHandler(handler)
        log.setLevel(levels[0])
        store.logger.setLevel(levels[1])


def refusal(**options):
    """Return the message that a combination of options is refused with."""
    try:
        with recorded():
            call_command(COMMAND, **options)
    except CommandError as error:
        return str(error)
    return None


@row
def options_that_are_refused(_course):
    return {
        "none": refusal(),
        "both": refusal(all_courses=True, courses=["a"]),
        "routing_key": refusal(all_courses=True, routing_key="q"),
        "start_index": refusal(courses=["course-v1:a+b+c"], start_index=1),
        "end_index": refusal(courses=["course-v1:a+b+c"], end_index=1),
        "bad_key": (refusal(courses=["nonsense"]) or "")[:21],
    }


@row
def indices_select_like_this(_course):
    found = {}
    for start, end in ((0, 0), (2, 0), (1, 3), (0, 3)):
        with recorded() as (calls, _records):
            call_command(COMMAND, all_courses=True, start_index=start, end_index=end)
        found[f"{start}-{end}"] = [int(key.split("-")[1]) for _kind, key in calls]
    return found


@row
def force_updates_and_plain_gets(_course):
    found = []
    for force in (False, True):
        with recorded(courses=1) as (calls, _records):
            call_command(COMMAND, all_courses=True, force_update=force)
        found.append(calls[0][0])
    return found


@row
def errors_are_logged_and_swallowed(_course):
    with recorded(courses=2, raises=RuntimeError("broken")) as (calls, records):
        call_command(COMMAND, all_courses=True)
    marked = "An error occurred while generating course blocks for course-0: broken"
    errors = [record for record in records if record.levelno == logging.ERROR]
    return {"calls": len(calls), "errors": len(errors), "message": marked in errors[0].getMessage()}


@row
def start_and_end_are_critical(_course):
    with recorded(courses=3) as (_calls, records):
        call_command(COMMAND, all_courses=True, verbosity=0)
    return [record.getMessage() for record in records if record.levelno == logging.CRITICAL]


@row
def verbosity_sets_these_levels(_course):
    found = {}
    for verbosity in range(4):
        with recorded(courses=0):
            call_command(COMMAND, all_courses=True, verbosity=verbosity)
            levels = (generate_course_blocks.log.level, store.logger.level)
        found[str(verbosity)] = [logging.getLevelName(level) for level in levels]
    return found


@row
def enqueued_tasks_carry_this(_course):
    task = generate_course_blocks.tasks.update_course_in_cache_v2
    with recorded(courses=1), mock.patch.object(task, "apply_async") as queued:
        queued.return_value.id = "1"
        call_command(COMMAND, all_courses=True, enqueue_task=True, force_update=True, routing_key="edx.lms.core.low")
    return queued.call_args[1]


@row
def enqueued_tasks_are_logged_with_their_ids(_course):
    task = generate_course_blocks.tasks.update_course_in_cache_v2
    with recorded(courses=1) as (_calls, records), mock.patch.object(task, "apply_async") as queued:
        queued.return_value.id = "task-1"
        call_command(COMMAND, all_courses=True, enqueue_task=True, force_update=True, verbosity=2)
    return [[str(word) for word in record.args] for record in records if "ENQUEUED" in record.msg]


@row
def the_command_has_these_options(_course):
    parser = generate_course_blocks.Command().create_parser("manage.py", COMMAND)
    own = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    standard = {"--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color"}
    return sorted(own - standard - {"--force-color", "--skip-checks"})


@row
def switch_commands_say_this(_course):
    def run(*words, **options):
        out = io.StringIO()
        call_command(*words, stdout=out, **options)
        return out.getvalue().strip()

    Switch.objects.filter(name=SWITCH).delete()
    try:
        absent = name_of(run, "waffle_switch", SWITCH, "off")
        created = run("waffle_switch", SWITCH, "on", create=True)
        again = run("waffle_switch", SWITCH, "on", create=True)
        listed = f"{SWITCH}: on" in run("waffle_switch", list_switches=True)
        deleted = [run("waffle_delete", switch_names=[SWITCH]) for _time in range(2)]
    finally:
        Switch.objects.filter(name=SWITCH).delete()
    return {"absent": absent, "created": created, "again": again, "listed": listed, "deleted": deleted}
