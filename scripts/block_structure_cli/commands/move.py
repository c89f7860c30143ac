"""`move`: copy objects to another bucket, prefix or store before a deploy changes the settings."""

from __future__ import annotations

from typing import Any

import click

from .. import output
from ..follow import follow
from ..options import Site, follow_format_option, site_options

_COLUMNS = ("course", "object", "bytes", "outcome", "problem")


def _show(report: dict[str, Any]) -> None:
    from block_structure.plugin_utils.reports import move

    # Successful copies are only counted, in the summary.
    rows = [
        [one["key"], one["from"], one["bytes"], one["done"], (one.get("problem") or {}).get("message")]
        for one in report["objects"]
        if one["done"] not in ("copied", "present")
    ]
    for line in move.summary(report):
        output.say(line)
    if rows:
        output.print_table("Objects that were not copied", _COLUMNS, rows, right=("bytes",))


@click.command()
@site_options
@click.option("--dry-run", is_flag=True, help="Only show what would be copied; does not create the bucket.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Number of objects copied in parallel (8).")
@follow_format_option
def command(site: Site, dry_run: bool, workers: int | None, form: str) -> None:
    """Copy stored structures to where the inventory wants them.

    That is another bucket or prefix, or S3 instead of files. Each copy is read back and compared. Settings and rows do not
    change until `block-structure deploy`, which copies what is left. After an interruption, run it again: existing copies are
    only compared. Nothing is deleted at the source.

    \b
    Examples:
      block-structure move -i inventory/production --dry-run
      block-structure move -i inventory/production
    """
    variables: dict[str, Any] = {"block_structure_move_dry_run": dry_run}
    if workers is not None:
        variables["block_structure_move_workers"] = workers
    follow("move", site, form, _show, rows="objects", **variables)
