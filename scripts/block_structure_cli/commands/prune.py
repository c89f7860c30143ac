"""`prune`: list or remove objects that no row names."""

from __future__ import annotations

from typing import Any

import click
from block_structure.plugin_utils.reports import generation

from .. import output
from ..follow import follow
from ..options import Site, format_option, site_options

_COLUMNS = ("object", "bytes", "days old", "why")


def _show(report: dict[str, Any]) -> None:
    rows = [
        [entry["name"], entry["bytes"], round(entry["age_seconds"] / 86400, 1), entry["why"]] for entry in report["objects"]
    ]
    output.print_table("objects that no row names", _COLUMNS, rows, right=("bytes", "days old"))
    for line in generation.summary(report):
        output.stderr.print(line, markup=False)
    for failure in report["failures"]:
        output.stderr.print(f"{failure['key']} could not be removed: {failure['type']}: {failure['message']}", markup=False)


@click.command()
@site_options
@click.option("--yes", is_flag=True, help="Remove the objects; without this option they are only listed.")
@click.option(
    "--min-age-hours",
    type=click.FloatRange(0),
    metavar="HOURS",
    help="Keep objects younger than this (24 unless set in the inventory): a worker writes the object before its row.",
)
@format_option
def command(site: Site, yes: bool, min_age_hours: float | None, form: str) -> None:
    """List objects that no row names: those of deleted courses, and versions beyond the kept ones. Remove them with --yes.

    Never removes an object that a row names, nor one of the newest versions that the site keeps. In a versioned bucket, removed
    objects can be recovered.

    \b
    Examples:
      scripts/block-structure prune -i inventory/production
      scripts/block-structure prune -i inventory/production --yes
    """
    variables: dict[str, Any] = {"block_structure_prune_remove": yes}
    if min_age_hours is not None:
        variables["block_structure_prune_min_age_seconds"] = int(min_age_hours * 3600)
    follow("prune", site, form, _show, **variables)
