"""`trend`: how a site did over time, from the diagnoses that were kept."""

from __future__ import annotations

from pathlib import Path

import click
from block_structure.plugin_utils.diagnosis import trend

from .. import exits, history, output, tables
from ..options import format_option


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Show this many, the newest; csv and json have all.",
)
@format_option
def command(paths: tuple[Path, ...], last: int, form: str) -> None:
    """Show how a site did over time. Contacts no host.

    PATHS are histories that `watch --history` wrote, diagnoses that `diagnose -o` wrote, or folders with them. What is
    damaged is named and left out. The exit code is that of the newest diagnosis.

    \b
    Examples:
      block-structure trend /var/lib/block-structure/history.jsonl
      block-structure trend diagnoses/ --format csv | column -s, -t
    """
    records, damaged = history.load(paths)
    for where in damaged:
        output.message(f"{where} is not a diagnosis and is left out.")
    if form == "json":
        output.print_json({"records": records, "damaged": damaged})
    elif form == "csv":
        output.print_csv(records)
    else:
        output.say(trend.change(records), rest="  ")
        tables.history(records[-last:]).show()
        if len(records) > last:
            output.say(f"{len(records) - last:,} older ones; --last shows more.")
    if trend.needs_attention(records[-1]):
        raise SystemExit(exits.ATTENTION)
