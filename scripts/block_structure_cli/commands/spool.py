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


def _objects(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"host": host, **entry} for host, spool in report.items() for entry in spool["objects"]]


def _show(report: dict[str, Any]) -> None:
    rows = [
        [row["host"], row["name"] or "(damaged)", row["bytes"], _moment(row["since"]), row.get("problem")]
        for row in _objects(report)
    ]
    output.print_table("Objects that wait for S3", _COLUMNS, rows, right=("bytes",), empty="No object waits for S3.")
    for host, spool in report.items():
        drained, breaker = spool["drained"], spool["state"]["breaker"]
        if drained:
            output.message(f"{host}: {drained['uploaded']} uploaded, {drained['left']} left")
            if drained["problem"]:
                output.message(f"{host}: {drained['problem']}")
        if breaker["open"]:
            until = _moment(breaker["until"])
            output.message(f"{host}: S3 is paused until {until} ({breaker['cause']})")
        if spool["state"]["problem"]:
            output.message(f"{host}: no spool and no local copies: {spool['state']['problem']}")


@click.command()
@site_options
@click.argument("action", type=click.Choice(["list", "drain"]), default="list")
@format_option
def command(site: Site, action: str, form: str) -> None:
    """List objects that wait for upload to S3, or `drain` them.

    The LMS uploads them itself once S3 works again; drain by hand before you remove a host. Exit code 1: objects are waiting.

    \b
    Examples:
      block-structure spool -i inventory/production
      block-structure spool drain -i inventory/production
    """
    report = play_for_report("spool", site, block_structure_spool_drain=action == "drain")
    if form == "json":
        output.print_json(report)
    elif form == "csv":
        output.print_csv(_objects(report))
    else:
        _show(report)
    if any(spool["objects"] or spool["state"]["problem"] for spool in report.values()):
        raise SystemExit(exits.ATTENTION)
