"""`diagnose`: what is wrong, what it costs on this site, and the variable that fixes it."""

from __future__ import annotations

from typing import Any

import click
import yaml
from block_structure.module_utils.common.findings import needs_attention
from block_structure.module_utils.decisions import memcached_sizing

from .. import exits, output, tables
from ..options import Site, format_option, site_options
from ..runner import play_for_report

_COURSES = (
    "course",
    "blocks",
    "bytes",
    "served from",
    "without cache",
    "fresh",
    "cache ms",
    "storage ms",
    "unpickle ms",
    "reason",
)
_COURSE_KEYS = ("key", "blocks", "bytes", "tier", "tier_when_cold", "fresh", "cache_ms", "storage_ms", "unpickle_ms", "reason")
_SERVERS = ("server", "aliases", "-m MiB", "-I", "used MiB", "items", "evicted", "of these never expiring", "too large")
_SERVER_KEYS = ("memory_mb", "item_size", "used_mb", "items", "evictions", "evicted_without_expiry", "store_too_large")
_FROM_STORAGE = "read from storage: "  # the column "served from" shows it
_LOCAL = ("host", "copies", "copies MiB", "waiting", "S3 is", "counted")
_SECRET_NOTE = """# Keep the site's S3 keys, if it has any, in a file encrypted with ansible-vault:
# block_structure_storage_access_key: "{{ vault_block_structure_access_key }}"
# block_structure_storage_secret_key: "{{ vault_block_structure_secret_key }}"
"""


def _shown(value: Any) -> Any:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


def _local_row(host: str, state: dict[str, Any]) -> list[Any]:
    """Return the state of the storage class on one host."""
    copies, counts = state["copies"], state["counters"]["counts"]
    asked = f"paused ({state['breaker']['cause']})" if state["breaker"]["open"] else "in use"
    counted = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return [host, copies["files"], f"{copies['bytes'] / 1048576:.1f}", state["spool"]["waiting"], asked, counted]


def _flags(server: dict[str, Any]) -> dict[str, Any]:
    """Return a server with its item size in the notation of -I."""
    return {**server, "item_size": memcached_sizing.item_size_flag(server["item_size_bytes"])}


def show(report: dict[str, Any]) -> None:
    """Print a diagnosis: courses, cache servers and, last because they matter most, the findings."""
    courses = [{**course, "reason": course["reason"].removeprefix(_FROM_STORAGE)} for course in report["courses"]]
    rows = [[_shown(course[name]) for name in _COURSE_KEYS] for course in courses]
    numbers = ("blocks", "bytes", "cache ms", "storage ms", "unpickle ms")
    output.print_table(f"{report['release']} on {report['platform']}, read by {report['host']}", _COURSES, rows, right=numbers)
    servers = [
        [
            server["server"],
            " ".join(server["aliases"]),
            *([_flags(server)[name] for name in _SERVER_KEYS] if not server["error"] else ["does not answer"]),
            f"{server['hit_rate']:.1%}" if server.get("hit_rate") is not None else None,
            server.get("uptime_seconds"),
        ]
        for server in report["servers"]
    ]
    tables.collector(report).show()
    output.print_table("memcached", (*_SERVERS, "hit rate", "uptime s"), servers, right=_SERVERS[2:])
    if report["local_storage"]:
        local = [_local_row(host, state) for host, state in report["local_storage"].items()]
        output.print_table("local copies and spool", _LOCAL, local, right=_LOCAL[1:4])
    output.print_findings(report["findings"])
    counts = report["counts"]
    output.stderr.print(f"{counts['error']} errors, {counts['warning']} warnings, {counts['info']} notes")


def group_vars(report: dict[str, Any]) -> str:
    """Return a group_vars file with the variables that fix the site, each with the findings it fixes."""
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
@click.option(
    "--rebuild", is_flag=True, help="Also time the rebuild of three courses; as slow as for a learner, stores nothing."
)
@click.option("--write-vars", is_flag=True, help="Print only the group_vars that fix the site.")
def command(site: Site, form: str, rebuild: bool, write_vars: bool) -> None:
    """Report what is wrong with a site, what it costs, and which variable fixes it. Changes nothing.

    Boots the LMS once per LMS host. Needs only block_structure_release and the hosts.

    \b
    Examples:
      scripts/block-structure diagnose -i inventory/production
      scripts/block-structure diagnose -i inventory/production --rebuild --format json | jq '.findings[] | .id'
      scripts/block-structure diagnose -i inventory/production --write-vars > inventory/production/group_vars/all/cure.yml
    """
    report = play_for_report("diagnose", site, __block_structure_rebuild=rebuild)
    if write_vars:
        click.echo(group_vars(report), nl=False)
    elif form == "json":
        output.print_json(report)
    else:
        show(report)
    if needs_attention(report["findings"]):
        raise SystemExit(exits.ATTENTION)
