"""`size`: the size of memcached or Redis for the measured structures, now and for a growing site."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import memcached_sizing, redis_sizing
from block_structure.module_utils.decisions.releases import Release, pick
from block_structure.plugin_utils.reports import screen

from .. import ROOT, exits, output
from ..options import Site, format_option, site_options
from ..runner import play_for_report
from ..saved import load_json, used

MIB = memcached_sizing.MIB
_NEEDED = ("release", "courses", "servers", "limits")
_REMEDY = "write it with `block-structure diagnose --format json`."


class Percent(click.IntRange):
    """An integer percentage, with or without the sign."""

    name = "percent"

    def __init__(self) -> None:
        super().__init__(0, 1000)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        return super().convert(str(value).removesuffix("%"), param, ctx)


def release_of(report: dict[str, Any]) -> Release:
    """Return the release of a report, with the effective limit of the site's cache client."""
    import yaml

    table = yaml.safe_load((ROOT / "roles" / "block_structure" / "vars" / "releases.yml").read_text())
    limit = report["limits"]["client_item_limit_bytes"]
    return pick(table["__block_structure_releases"], report["release"], {"client_item_limit_bytes": limit})


def structure_sizes(report: dict[str, Any], *, cached: bool = False) -> list[int]:
    """Return the bytes of the measured structures, or of those that the cache holds now."""
    return [course["bytes"] for course in report["courses"] if course["bytes"] and (course["cached"] or not cached)]


def measured(sizes: list[int]) -> dict[str, Any]:
    """Return what a plan was made of."""
    return {"courses": len(sizes), "bytes": sum(sizes), "largest_bytes": max(sizes, default=0)}


def other_tenants_mb(report: dict[str, Any]) -> int:
    """Return the MiB of slab memory that the fullest memcached of the alias default uses now for other items than structures.

    memcached counts the bytes of items; the slab chunks that hold them are larger.
    """
    own = [server for server in report["servers"] if "default" in server["aliases"] and not server["error"]]
    cached = sum(structure_sizes(report, cached=True))
    return math.ceil(memcached_sizing.SLAB_WASTE * max([0, *(server["used_mb"] - cached / MIB / len(own) for server in own)]))


def plan_for(
    report: dict[str, Any], *, courses: int | None, growth: int, servers: int | None, tenants: int | None
) -> dict[str, Any]:
    """Return the plan for a report with its input. Raises BlockStructureError if no plan is possible."""
    sizes = structure_sizes(report)
    own = [server for server in report["servers"] if "default" in server["aliases"]]
    count = servers or max(1, len(own))
    # A restarted server fills up with other items again, so plan for at least the role's default.
    others = tenants if tenants is not None else max(64, other_tenants_mb(report))
    planned = memcached_sizing.plan(
        memcached_sizing.scaled(sizes, courses) if courses is not None else sizes,
        release_of(report),
        unmeasured=0 if courses is not None else len(report["courses"]) - len(sizes),
        other_tenants_mb=others,
        growth_percent=growth,
        servers=count,
    )
    return {
        "plan": planned.as_dict(),
        "asked": {
            "courses": courses or len(report["courses"]),
            "growth_percent": growth,
            "servers": count,
            "other_tenants_mb": others,
        },
        "measured": measured(sizes),
        "live": [{name: server.get(name) for name in ("server", "memory_mb", "item_size_bytes", "used_mb")} for server in own],
    }


def plan_redis(report: dict[str, Any], *, courses: int | None, growth: int, tenants: int | None) -> dict[str, Any]:
    """Return the plan for a site whose cache is Redis. Raises BlockStructureError if no plan is possible."""
    redis = report["redis"]
    sizes = structure_sizes(report)
    cached = sum(structure_sizes(report, cached=True))
    others = tenants if tenants is not None else max(64, math.ceil((redis.get("used_bytes", 0) - cached) / MIB))
    planned = redis_sizing.plan(
        memcached_sizing.scaled(sizes, courses) if courses is not None else sizes,
        unmeasured=0 if courses is not None else len(report["courses"]) - len(sizes),
        other_tenants_mb=others,
        growth_percent=growth,
    )
    live = {
        "server": redis["server"],
        "memory_mb": math.ceil(redis["maxmemory_bytes"] / MIB) if not redis["error"] else None,
        "maxmemory_policy": redis.get("maxmemory_policy"),
        "used_mb": math.ceil(redis["used_bytes"] / MIB) if not redis["error"] else None,
    }
    return {
        "plan": planned.as_dict(),
        "asked": {"courses": courses or len(report["courses"]), "growth_percent": growth, "other_tenants_mb": others},
        "measured": measured(sizes),
        "live": [live],
    }


def planned_row(reported: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of one server with the names that the running servers have."""
    names = ("memory_mb", "item_size_bytes", "maxmemory_policy")
    return {name: reported["plan"][name] for name in names if name in reported["plan"]}


def show(reported: dict[str, Any]) -> None:
    """Print a plan: the flags, the running servers and the arithmetic."""
    planned = reported["plan"]
    rows = [
        ["planned for each server", planned["memory_mb"], planned["item_size_flag"], None],
        *(
            [
                f"{server['server']} now",
                server["memory_mb"],
                memcached_sizing.item_size_flag(server["item_size_bytes"]) if server["item_size_bytes"] else "does not answer",
                server["used_mb"],
            ]
            for server in reported["live"]
        ),
    ]
    output.print_table("memcached", ("server", "-m MiB", "-I", "used MiB"), rows, right=("-m MiB", "used MiB"))
    for line in planned["arithmetic"]:
        click.echo(line)
    output.print_lines(screen.findings(planned["findings"], output.medium(), everything=True))


def show_redis(reported: dict[str, Any]) -> None:
    """Print a plan for Redis: its two settings, what runs now, the arithmetic and Tutor's patch."""
    planned = reported["plan"]
    columns = ("server", "maxmemory MiB", "policy", "used MiB")
    rows = [["planned", planned["memory_mb"], planned["maxmemory_policy"], None]]
    for server in reported["live"]:
        answers = server["memory_mb"] is not None
        limit = (server["memory_mb"] or "no limit") if answers else "does not answer"
        rows.append([f"{server['server']} now", limit, server["maxmemory_policy"], server["used_mb"]])
    output.print_table("Redis", columns, rows, right=("maxmemory MiB", "used MiB"))
    for line in planned["arithmetic"]:
        click.echo(line)
    click.echo("\nTutor's patch redis-conf, which BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB of its plugin block-structure gives:")
    click.echo(planned["redis_conf"], nl=False)


@click.command()
@site_options
@format_option
@click.option("--courses", type=int, help="Plan for this number of courses of the same mix as now.")
@click.option("--growth", type=Percent(), default="30", show_default=True, help="Headroom for growth, as 30 or 30%.")
@click.option(
    "--servers", type=click.IntRange(1), help="Number of equal servers that share the structures. Default: as many as now."
)
@click.option("--other-tenants", type=click.IntRange(0), help="MiB per server for everything else. Default: as much as now.")
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use a diagnosis saved with `diagnose --format json` instead of contacting the site.",
)
def command(
    site: Site,
    form: str,
    courses: int | None,
    growth: int,
    servers: int | None,
    other_tenants: int | None,
    report: Path | None,
) -> None:
    """Plan memcached's -m and -I, or Redis's maxmemory, and show the arithmetic. Changes nothing.

    \b
    Examples:
      block-structure size -i inventory/production
      block-structure diagnose -i inventory/production --format json -o site.json
      block-structure size --report site.json --courses 5000 --growth 30 --servers 2
    """
    found = load_json(report, _NEEDED, "a diagnosis", _REMEDY) if report else play_for_report("diagnose", site)
    redis = bool(found.get("redis"))
    if redis and servers:
        raise exits.Failure("This site has one Redis.", "leave --servers out.", exits.USAGE)
    try:
        with used(report):
            if redis:
                reported = plan_redis(found, courses=courses, growth=growth, tenants=other_tenants)
            else:
                reported = plan_for(found, courses=courses, growth=growth, servers=servers, tenants=other_tenants)
    except BlockStructureError as error:
        raise exits.Failure(error.cause, error.remedy, exits.USAGE) from error
    if form == "json":
        output.print_json(reported)
    elif form == "csv":
        output.print_csv([{"server": "planned", **planned_row(reported)}, *reported["live"]])
    elif redis:
        show_redis(reported)
    else:
        show(reported)
