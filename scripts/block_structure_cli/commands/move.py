"""`move`: copy the objects to another bucket, prefix or store, ahead of the deploy that changes the settings."""

from __future__ import annotations

from typing import Any

import click
from block_structure.plugin_utils.reports import move

from .. import output
from ..follow import follow
from ..options import Site, follow_format_option, site_options

_COLUMNS = ("course", "object", "bytes", "outcome", "problem")


def _show(report: dict[str, Any]) -> None:
    # What went as it should is counted in the last lines.
    rows = [
        [one["key"], one["from"], one["bytes"], one["done"], (one.get("problem") or {}).get("message")]
        for one in report["objects"]
        if one["done"] not in ("copied", "present")
    ]
    if rows:
        output.print_table("objects", _COLUMNS, rows, right=("bytes",))
    for line in move.summary(report):
        output.talk.print(line, markup=False)


@click.command()
@site_options
@click.option("--dry-run", is_flag=True, help="Only say what would be copied; the bucket is not made either.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Objects that are copied at a time (8).")
@follow_format_option
def command(site: Site, dry_run: bool, workers: int | None, form: str) -> None:
    """Copy stored structures to where the inventory wants them: another bucket or prefix, or from files into S3.

    Each copy is read back and compared. Settings and rows stay as they are until playbooks/deploy.yml, which moves as well, and
    then has little left to copy. Start it again after an interruption: what is there already is only compared. Nothing is
    deleted where objects come from.

    \b
    Examples:
      scripts/block-structure move -i inventory/production --dry-run
      scripts/block-structure move -i inventory/production
    """
    variables: dict[str, Any] = {"block_structure_move_dry_run": dry_run}
    if workers is not None:
        variables["block_structure_move_workers"] = workers
    follow("move", site, form, _show, **variables)
