"""`spool`: objects on the LMS hosts that wait for upload to S3."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from .. import exits, output
from ..options import Site, format_option, site_options
from ..runner import play_for_report

_COLUMNS = ("host", "object", "bytes", "waits since", "why it stayed")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _show(report: dict[str, Any]) -> None:
    rows = [
        [host, entry["name"] or "(damaged)", entry["bytes"], _moment(entry["since"]), entry.get("problem") or ""]
        for host, spool in report.items()
        for entry in spool["objects"]
    ]
    output.print_table("objects that wait for S3", _COLUMNS, rows, right=("bytes",))
    for host, spool in report.items():
        drained, breaker = spool["drained"], spool["state"]["breaker"]
        if drained:
            output.stderr.print(f"{host}: {drained['uploaded']} uploaded, {drained['left']} left", markup=False)
            if drained["problem"]:
                output.stderr.print(f"{host}: {drained['problem']}", markup=False)
        if breaker["open"]:
            until = _moment(breaker["until"])
            output.stderr.print(f"{host}: S3 is paused until {until} ({breaker['cause']})", markup=False)
        if spool["state"]["problem"]:
            output.stderr.print(f"{host}: no spool and no local copies: {spool['state']['problem']}", markup=False)


@click.command()
@site_options
@click.argument("action", type=click.Choice(["list", "drain"]), default="list")
@format_option
def command(site: Site, action: str, form: str) -> None:
    """List the objects on the LMS hosts that wait for upload to S3, or upload them with `drain`.

    The LMS uploads them itself once S3 works again; drain by hand before you remove a host. Exit code 1: objects are waiting.

    \b
    Examples:
      scripts/block-structure spool -i inventory/production
      scripts/block-structure spool drain -i inventory/production
    """
    report = play_for_report("spool", site, block_structure_spool_drain=action == "drain")
    if form == "json":
        output.print_json(report)
    else:
        _show(report)
    if any(spool["objects"] or spool["state"]["problem"] for spool in report.values()):
        raise SystemExit(exits.ATTENTION)
