"""`verify`: which tier of the running site serves each course."""

from __future__ import annotations

import click
from block_structure.plugin_utils.reports import screen

from .. import exits, output
from ..options import Site, all_option, format_option, site_options
from ..runner import play_for_report


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
        output.print_lines(screen.site(result, output.medium(), everything=everything))
    if any(finding["severity"] == "error" for finding in result["findings"]):
        raise SystemExit(exits.ATTENTION)
