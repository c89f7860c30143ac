"""`verify`: which tier of the running site serves each course."""

from __future__ import annotations

from typing import Any

import click

from .. import exits, output
from ..options import Site, format_option, site_options
from ..runner import play_for_report

_COLUMNS = ("course", "blocks", "bytes", "served from", "without cache", "reason")


def show(result: dict[str, Any]) -> None:
    """Print block_structure_result as a table of courses, followed by its findings."""
    names = ("key", "blocks", "bytes", "tier", "tier_when_cold", "reason")
    rows = [[course[name] for name in names] for course in result["courses"]]
    output.print_table(f"{result['release']} on {result['platform']}", _COLUMNS, rows, right=("blocks", "bytes"))
    output.print_findings(result["findings"])


@click.command()
@site_options
@format_option
def command(site: Site, form: str) -> None:
    """Show which tier of the running site serves each course, and why. Changes nothing.

    \b
    Examples:
      scripts/block-structure verify -i inventory/production
      scripts/block-structure verify -i inventory/production --format json | jq '.courses[] | select(.tier == "modulestore")'
    """
    result = play_for_report("verify", site)
    if form == "json":
        output.print_json(result)
    else:
        show(result)
    if any(finding["severity"] == "error" for finding in result["findings"]):
        raise SystemExit(exits.ATTENTION)
