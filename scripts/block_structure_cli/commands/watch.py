"""`watch`: write the state of a site for a monitor, so that you see a regression before learners do."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click
from block_structure.plugin_utils.diagnosis import summary

from .. import exits, history, output
from ..options import Site, site_options
from ..runner import play_for_report


def write(path: Path, text: str) -> None:
    """Replace a file atomically, so that a monitor never reads half of it. Raises exits.Failure if it cannot be written."""
    try:
        # The temporary name does not end with .prom, so node_exporter ignores the unfinished file.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), 0o644)  # the monitor is another user
        Path(stream.name).replace(path)
    except OSError as error:
        raise exits.Failure(
            f"{path} cannot be written: {error.strerror}.", "name a file in a folder that you can write to."
        ) from error


@click.command()
@site_options
@click.option(
    "--textfile",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for node_exporter's textfile collector; the name must end with .prom.",
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="File for the whole diagnosis as JSON."
)
@click.option(
    "--history",
    "history_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to add one line of figures to, for `trend`; some 2 MB a year if you watch hourly.",
)
def command(site: Site, textfile: Path | None, json_file: Path | None, history_file: Path | None) -> None:
    """Write the state of a site for a monitor.

    Run it from a timer, such as once an hour. Replaces the files atomically. The exit code is 0 once they are written,
    regardless of the findings: alert on block_structure_findings and on the age of
    block_structure_looked_timestamp_seconds.

    \b
    Examples:
      block-structure watch -i inventory/production --textfile /var/lib/prometheus/node-exporter/block_structure.prom
      block-structure watch -i inventory/production --json /var/lib/monitor/block_structure.json
    """
    if not textfile and not json_file and not history_file:
        raise exits.Failure("Nothing would be written.", "give --textfile, --json or --history.", exits.USAGE)
    if textfile and textfile.suffix != ".prom":
        raise exits.Failure(f"node_exporter would not read {textfile}.", "name a file that ends with .prom.", exits.USAGE)
    report = play_for_report("diagnose", site)
    if textfile:
        from block_structure.plugin_utils.diagnosis import metrics

        write(textfile, metrics.prometheus(report))
    if json_file:
        write(json_file, json.dumps(report, indent=2, sort_keys=True) + "\n")
    if history_file:
        history.append(history_file, report)
    output.message(summary.verdict(summary.of(report)))
