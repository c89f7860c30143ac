"""`regenerate`: generate structures that are missing, stale or broken, or those you name."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from block_structure.plugin_utils.reports import screen

from .. import output
from ..exits import USAGE, Failure
from ..follow import follow
from ..options import Site, all_option, follow_format_option, site_options


def _check(given: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    pairs = (
        ("force", "only", "--force generates every course in scope, so --only has no effect."),
        ("courses", "patterns", "Give courses or patterns, not both."),
        ("resume", "courses", "A resumed run has its courses already."),
        ("resume", "patterns", "A resumed run has its courses already."),
        ("resume", "force", "A resumed run chooses as it was begun."),
        ("resume", "only", "A resumed run chooses as it was begun."),
        ("resume", "dry_run", "A resumed run has its plan already."),
    )
    for first, second, text in pairs:
        if given.get(first) and given.get(second):
            raise Failure(text, "leave one of them out.", USAGE)
    if given["routing_key"] and given["engine"] != "celery":
        raise Failure("Only the celery engine has a routing key.", "add --engine celery.", USAGE)


def _variables(given: dict[str, Any]) -> dict[str, Any]:
    """Return the role's variables for the given options; the inventory supplies the rest."""
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


def _show(report: dict[str, Any], *, everything: bool) -> None:
    output.print_lines(screen.generated(report, output.medium(), everything=everything))


@click.command()
@site_options
@click.option("--course", "courses", multiple=True, metavar="KEY", help="Only this course; may be repeated.")
@click.option("--pattern", "patterns", multiple=True, metavar="GLOB", help="Only courses whose key matches; may be repeated.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["missing", "stale", "broken"]),
    help="Only courses in this state; may be repeated. `broken` reads every object.",
)
@click.option("--force", is_flag=True, help="Generate every course in scope, regardless of its state.")
@click.option("--read", is_flag=True, help="Read every object before and after the run.")
@click.option("--at-most", type=click.IntRange(1), metavar="N", help="Generate at most N courses.")
@click.option("--order", type=click.Choice(["key", "enrolled", "largest"]), help="Order of generation.")
@click.option("--dry-run", is_flag=True, help="Only show what would be generated and why.")
@click.option("--resume", is_flag=False, flag_value="latest", metavar="[RUN]", help="Resume a run; default is the latest.")
@click.option(
    "--engine",
    type=click.Choice(["local", "celery"]),
    help="Use workers forked on the LMS host (local) or the platform's Celery workers.",
)
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Number of forked workers.")
@click.option("--memory-mb", type=click.IntRange(1), metavar="MIB", help="Memory limit of all forked workers together.")
@click.option("--course-timeout", type=click.IntRange(1), metavar="SECONDS", help="Time limit of one attempt at a course.")
@click.option("--routing-key", metavar="KEY", help="Routing key of the tasks, with --engine celery.")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Number of queued tasks, with --engine celery.")
@all_option("every course of the run")
@follow_format_option
def command(site: Site, form: str, everything: bool, **given: Any) -> None:
    """Generate structures that are missing, stale or lost.

    Courses that are up to date are skipped, so a run with nothing to do costs one boot of the LMS. Options that you leave out
    come from the inventory.

    \b
    Examples:
      block-structure regenerate -i inventory/production --dry-run
      block-structure regenerate -i inventory/production --only stale --order enrolled --workers 4
      block-structure regenerate -i inventory/production --course course-v1:ExampleX+Demo+2026 --force
      block-structure regenerate -i inventory/production --resume
    """
    _check(given)
    follow("regenerate", site, form, partial(_show, everything=everything), **_variables(given))
