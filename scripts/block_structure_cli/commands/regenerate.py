"""`regenerate`: generate what is missing, stale or broken, or what is named."""

from __future__ import annotations

from typing import Any

import click
from block_structure.plugin_utils.reports import generation

from .. import output
from ..follow import follow
from ..options import Site, follow_format_option, site_options

_COLUMNS = ("course", "status", "why", "blocks", "bytes", "seconds", "tier", "attempt", "message")
_NUMBERS = ("blocks", "bytes", "seconds", "attempt")


def _check(given: dict[str, Any]) -> None:
    """Refuse choices that contradict each other."""
    pairs = (
        ("force", "only", "--force generates everything in scope, so --only has no meaning."),
        ("courses", "patterns", "Give courses or patterns, not both."),
        ("resume", "courses", "A resumed run has its courses already."),
        ("resume", "patterns", "A resumed run has its courses already."),
        ("resume", "force", "A resumed run chooses as it was begun."),
        ("resume", "only", "A resumed run chooses as it was begun."),
        ("resume", "dry_run", "A resumed run has its plan already."),
    )
    for first, second, text in pairs:
        if given.get(first) and given.get(second):
            raise click.UsageError(f"{text}\nRemedy: leave one of them out.")
    if given["routing_key"] and given["engine"] != "celery":
        raise click.UsageError("Only the celery engine has a routing key.\nRemedy: add --engine celery.")


def _variables(given: dict[str, Any]) -> dict[str, Any]:
    """Return the role's variables for the options that were given; the inventory decides the rest."""
    chosen = {
        "regenerate_courses": list(given["courses"]),
        "regenerate_patterns": list(given["patterns"]),
        "regenerate_only": list(given["only"]),
        "regenerate_read": given["read"] or None,
        "regenerate_limit": given["at_most"],
        "regenerate_order": given["order"],
        "regenerate_resume": given["resume"],
        "regenerate_dry_run": given["dry_run"],
        "generation_force": given["force"],
        "generation_engine": given["engine"],
        "generation_workers": given["workers"],
        "generation_memory_mb": given["memory_mb"],
        "generation_course_timeout_seconds": given["course_timeout"],
        "generation_routing_key": given["routing_key"],
        "generation_batch": given["batch"],
    }
    return {f"block_structure_{name}": value for name, value in chosen.items() if value is not None}


def _show(report: dict[str, Any]) -> None:
    if report["ended"] == "dry-run":
        rows = [[course[name] for name in ("key", "why", "bytes", "words")] for course in report["planned"]]
        output.print_table("would be generated", ("course", "why", "bytes", "in words"), rows, right=("bytes",))
    elif report["courses"]:
        rows = [[_shortened(course, name) for name in ("key", *_COLUMNS[1:])] for course in report["courses"]]
        output.print_table(f"run {report['run']}", _COLUMNS, rows, right=_NUMBERS)
    for line in generation.totals(report):
        output.talk.print(line, markup=False)


def _shortened(course: dict[str, Any], name: str) -> Any:
    if name == "message" and course.get("type"):
        return f"{course['type']}: {course.get('message')}"[:300]
    return course.get(name)


@click.command()
@site_options
@click.option("--course", "courses", multiple=True, metavar="KEY", help="Look at this course only; may be repeated.")
@click.option(
    "--pattern", "patterns", multiple=True, metavar="GLOB", help="Look at courses whose key matches; may be repeated."
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["missing", "stale", "broken"]),
    help="Generate these alone; broken reads every object. May be repeated.",
)
@click.option("--force", is_flag=True, help="Generate every course in scope, whatever its state.")
@click.option("--read", is_flag=True, help="Read every object back, before and after.")
@click.option("--at-most", type=click.IntRange(1), metavar="N", help="Generate no more than N courses.")
@click.option("--order", type=click.Choice(["key", "enrolled", "largest"]), help="What goes first.")
@click.option("--dry-run", is_flag=True, help="Only show what would run and why.")
@click.option(
    "--resume", is_flag=False, flag_value="latest", metavar="[RUN]", help="Go on with a run, the latest unless named."
)
@click.option("--engine", type=click.Choice(["local", "celery"]), help="Workers forked on the LMS host, or the platform's own.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Forked workers.")
@click.option("--memory-mb", type=click.IntRange(1), metavar="MIB", help="What all forked workers together may use.")
@click.option("--course-timeout", type=click.IntRange(1), metavar="SECONDS", help="What one course may take, per attempt.")
@click.option("--routing-key", metavar="KEY", help="Routing key of the tasks, with --engine celery.")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Tasks out at a time, with --engine celery.")
@follow_format_option
def command(site: Site, form: str, **given: Any) -> None:
    """Generate block structures: what is missing, stale or gone, unless told otherwise.

    Courses that are as they should be are left alone, so a run with nothing to do costs one start of the LMS. What is not
    given here comes from the inventory.

    \b
    Examples:
      scripts/block-structure regenerate -i inventory/production --dry-run
      scripts/block-structure regenerate -i inventory/production --only stale --order enrolled --workers 4
      scripts/block-structure regenerate -i inventory/production --course course-v1:ExampleX+Demo+2026 --force
      scripts/block-structure regenerate -i inventory/production --resume
    """
    _check(given)
    follow("regenerate", site, form, _show, **_variables(given))
