"""`prune`: list or remove objects that no row names."""

from __future__ import annotations

from typing import Any

import click

from .. import output
from ..follow import follow
from ..options import Site, format_option, site_options

_COLUMNS = ("object", "bytes", "days old", "why")


def _show(report: dict[str, Any]) -> None:
    from block_structure.plugin_utils.reports import generation

    rows = [
        [entry["name"], entry["bytes"], round(entry["age_seconds"] / 86400, 1), entry["why"]] for entry in report["objects"]
    ]
    for line in generation.summary(report):
        output.say(line)
    output.print_table(
        "Objects that no row names",
        _COLUMNS,
        rows,
        right=("bytes", "days old"),
        empty="Every object is named by a row; there is nothing to remove.",
    )
    for failure in report["failures"]:
        output.message(f"{failure['key']} could not be removed: {failure['type']}: {failure['message']}")


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
    """List objects that no row names, or remove them with --yes.

    They are those of deleted courses, and versions beyond the kept ones.

    Never removes an object that a row names, nor one of the newest versions that the site keeps. In a versioned bucket, removed
    objects can be recovered.

    \b
    Examples:
      block-structure prune -i inventory/production
      block-structure prune -i inventory/production --yes
    """
    variables: dict[str, Any] = {"block_structure_prune_remove": yes}
    if min_age_hours is not None:
        variables["block_structure_prune_min_age_seconds"] = int(min_age_hours * 3600)
    follow("prune", site, form, _show, rows="objects", **variables)
