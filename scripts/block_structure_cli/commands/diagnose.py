"""`diagnose`: what is wrong, what it costs on this site, and the variable that fixes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from block_structure.module_utils.common.findings import needs_attention
from block_structure.module_utils.decisions import memcached_sizing
from block_structure.plugin_utils.reports import screen

from .. import exits, output, tables
from ..options import Site, all_option, format_option, overwrite_option, site_options, unclaimed
from ..runner import play_for_report
from ..saved import load_diagnosis, used

_SERVERS = ("server", "aliases", "-m MiB", "-I", "used MiB", "items", "evicted", "of these never expiring", "too large")
_SERVER_KEYS = ("memory_mb", "item_size", "used_mb", "items", "evictions", "evicted_without_expiry", "store_too_large")
_LOCAL = ("host", "copies", "copies MiB", "waiting", "S3 is", "counted")
_SECRET_NOTE = """# Keep the site's S3 keys, if it has any, in a file encrypted with ansible-vault:
# block_structure_storage_access_key: "{{ vault_block_structure_access_key }}"
# block_structure_storage_secret_key: "{{ vault_block_structure_secret_key }}"
"""


def _local_row(host: str, state: dict[str, Any]) -> list[Any]:
    """Return the state of the storage class on one host."""
    copies, counts = state["copies"], state["counters"]["counts"]
    asked = f"paused ({state['breaker']['cause']})" if state["breaker"]["open"] else "in use"
    counted = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return [host, copies["files"], f"{copies['bytes'] / 1048576:.1f}", state["spool"]["waiting"], asked, counted]


def _server_row(server: dict[str, Any]) -> list[Any]:
    """Return one memcached, its item size in the notation of -I."""
    name = [server["server"], " ".join(server.get("aliases") or [])]
    if server["error"]:
        return [*name, "does not answer"]
    shown = {**server, "item_size": memcached_sizing.item_size_flag(server["item_size_bytes"])}
    rate = server.get("hit_rate")
    return [
        *name,
        *(shown[key] for key in _SERVER_KEYS),
        None if rate is None else f"{rate:.1%}",
        server.get("uptime_seconds"),
    ]


def _servers(report: dict[str, Any]) -> None:
    columns = (*_SERVERS, "hit rate", "uptime s")
    rows = [row + [None] * (len(columns) - len(row)) for row in map(_server_row, report["servers"])]
    output.print_table("memcached", columns, rows, right=columns[2:], empty="No memcached serves the site.")
    local = [_local_row(host, state) for host, state in (report.get("local_storage") or {}).items()]
    if local:
        output.print_table("Local copies and spool", _LOCAL, local, right=_LOCAL[1:4])


def show(report: dict[str, Any], *, everything: bool) -> None:
    """Print a diagnosis: the summary, the findings, the courses that need something, and on request everything else."""
    output.print_lines(screen.site(report, output.medium(), everything=everything))
    if everything:
        tables.collector(report).show()
        _servers(report)


def group_vars(report: dict[str, Any]) -> str:
    """Return a group_vars file with the variables that fix the site, each with the findings it fixes."""
    import yaml

    lines = ["---", "# Written by `block-structure diagnose --write-vars`. Review it before you add it to group_vars."]
    for row in report["cure"]:
        if row["findings"]:
            text = "may be set, for" if row["proposed"] else "cures"
            lines.append(f"# {text} {', '.join(sorted(set(row['findings'])))}")
        if row["note"]:
            lines.append(f"# {row['note']}")
        line = yaml.safe_dump({row["name"]: row["value"]}, width=1000, default_flow_style=True).strip()[1:-1]
        lines.append(f"# {line}" if row["proposed"] else line)
    return "\n".join(lines) + "\n" + _SECRET_NOTE


@click.command()
@site_options
@format_option
@all_option("all courses, notes and cache servers")
@click.option(
    "--rebuild", is_flag=True, help="Also time the rebuild of three courses; as slow as for a learner, stores nothing."
)
@click.option("--write-vars", is_flag=True, help="Print only the group_vars that fix the site.")
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False, path_type=Path), help="File for the group_vars or the JSON."
)
@overwrite_option
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show a diagnosis saved with --format json instead of contacting the site.",
)
def command(
    site: Site,
    form: str,
    everything: bool,
    rebuild: bool,
    write_vars: bool,
    path: Path | None,
    overwrite: bool,
    report: Path | None,
) -> None:
    """Report what is wrong, what it costs, and what fixes it. Changes nothing.

    Boots the LMS once per LMS host. Needs only the hosts.

    \b
    Examples:
      block-structure diagnose -i inventory/production
      block-structure diagnose -i inventory/production --rebuild --format json | jq '.findings[] | .id'
      block-structure diagnose -i inventory/production --write-vars -o inventory/production/group_vars/all/cure.yml
    """
    if path:
        unclaimed(path, overwrite)
    found = load_diagnosis(report) if report else play_for_report("diagnose", site, __block_structure_rebuild=rebuild)
    with used(report):
        _print(found, form, everything, write_vars, path)
    if needs_attention(found["findings"]):
        raise SystemExit(exits.ATTENTION)


def _print(found: dict[str, Any], form: str, everything: bool, write_vars: bool, path: Path | None) -> None:
    if path:
        output.write(path, group_vars(found) if write_vars else output.as_json(found))
    if write_vars and not path:
        click.echo(group_vars(found), nl=False)
    elif form == "json" and not path:
        output.print_json(found)
    elif form == "csv":
        output.print_csv(found["courses"])
    elif form == "table" and not write_vars:
        show(found, everything=everything)
