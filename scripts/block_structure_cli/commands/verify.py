"""`verify`: which tier of the running site serves each course."""

from __future__ import annotations

from typing import Any

import click

from .. import exits, output, screens
from ..options import Site, all_option, format_option, site_options
from ..runner import play_for_report


def show(result: dict[str, Any], *, everything: bool) -> None:
    """Print block_structure_result: the summary, what needs something, and on request the rest."""
    screens.opening(result, f"{result['release']} on {result['platform']}.")
    screens.findings(result["findings"], everything=everything)
    screens.courses(result, everything=everything)


@click.command()
@site_options
@format_option
@all_option("all courses and notes")
def command(site: Site, form: str, everything: bool) -> None:
    """Show which tier serves each course, and why. Changes nothing.

    Exit code 1: a finding is an error, so learners are affected; `diagnose` also counts warnings.

    \b
    Examples:
      block-structure verify -i inventory/production
      block-structure verify -i inventory/production --format json | jq '.courses[] | select(.tier == "modulestore")'
    """
    result = play_for_report("verify", site)
    if form == "json":
        output.print_json(result)
    elif form == "csv":
        output.print_csv(result["courses"])
    else:
        show(result, everything=everything)
    if any(finding["severity"] == "error" for finding in result["findings"]):
        raise SystemExit(exits.ATTENTION)
