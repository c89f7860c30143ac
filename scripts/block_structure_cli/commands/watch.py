"""`watch`: the state of a site as a file for a monitor, so that a regression is seen before learners see it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click
from block_structure.plugin_utils.diagnosis import metrics

from .. import exits, output
from ..options import Site, site_options
from ..runner import play_for_report


def write(path: Path, text: str) -> None:
    """Replace a file at once: a monitor never reads half of it. Raises exits.Failure when it cannot be written."""
    try:
        # The name does not end with .prom, so node_exporter leaves an unfinished file alone.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), 0o644)  # the monitor is another user
        Path(stream.name).replace(path)
    except OSError as error:
        raise exits.Failure(
            f"{path} cannot be written: {error.strerror}.", "name a file in a folder that you may write to."
        ) from error


@click.command()
@site_options
@click.option(
    "--textfile",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write metrics for node_exporter's textfile collector; the name must end with .prom.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the whole diagnosis as JSON.")
def command(site: Site, textfile: Path | None, json_file: Path | None) -> None:
    """Look at a site as diagnose does, and write what a monitor reads; for a timer, say once an hour.

    The files are replaced whole. Findings are in them, so the exit code is 0 when they were written, whatever they say: alert
    on block_structure_findings and on the age of block_structure_looked_timestamp_seconds.

    \b
    Examples:
      scripts/block-structure watch -i inventory/production --textfile /var/lib/prometheus/node-exporter/block_structure.prom
      scripts/block-structure watch -i inventory/production --json /var/lib/monitor/block_structure.json
    """
    if not textfile and not json_file:
        raise click.UsageError("Give --textfile, --json or both.")
    if textfile and textfile.suffix != ".prom":
        raise click.UsageError(f"'{textfile}' does not end with .prom, so node_exporter would not read it.")
    report = play_for_report("diagnose", site)
    if textfile:
        write(textfile, metrics.prometheus(report))
    if json_file:
        write(json_file, json.dumps(report, indent=2, sort_keys=True) + "\n")
    counts = report["counts"]
    output.talk.print(f"{counts['error']} errors, {counts['warning']} warnings, {counts['info']} notes")
