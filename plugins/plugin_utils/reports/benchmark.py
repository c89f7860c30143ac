"""Build block_structure_benchmark_result from the answers of the probe, the servers and the workers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ...module_utils.decisions import runtime
from ...module_utils.decisions.releases import from_named_row

# Counters of `stats` that show whether structures stay in a server. store_too_large is new in memcached 1.6.
_COUNTERS = (
    "evictions",
    "curr_items",
    "bytes",
    "limit_maxbytes",
    "get_hits",
    "get_misses",
    "store_too_large",
    "store_no_memory",
    "uptime",
)


def servers(checked: list[Any]) -> list[dict[str, Any]]:
    """Return address, effective flags and counters of each memcached that the module memcached queried."""
    return [
        {
            "address": str(entry["__block_structure_item"]),
            "memory_mb": entry["live"]["memory_mb"],
            "item_size_bytes": entry["live"]["item_size_bytes"],
            "counters": {name: int(entry["stats"][name]) for name in _COUNTERS if name in entry["stats"]},
        }
        for entry in checked
    ]


def workers(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return memory, and what each live worker from worker_info reports that it runs with (None: no report)."""
    reported = []
    for worker in found:
        report = worker["report"] or {}
        reported.append(
            {
                **{name: worker[name] for name in ("service", "pid", "resident_kb", "peak_kb")},
                **{name: (report.get(name) or {}).get("mode") for name in ("collector", "keys")},
                "worst_pause_ms": max(report["worst_pause_ms"]) if report else None,
            }
        )
    return reported


def limits(release: dict[str, Any], settings: dict[str, Any], seen: list[dict[str, Any]]) -> dict[str, int | None]:
    """Return every limit, in bytes, that can keep a structure out of the cache; None where there is no such limit.

    release: named row of the release table. settings: as the probe's settings_facts. seen: as returned by `servers`.
    """
    row = from_named_row(release)
    return {
        "item_size": min((server["item_size_bytes"] for server in seen), default=None),
        "release_cap": row.cache_cap_bytes,
        "client": settings["cache"]["client_limit_bytes"] or row.client_item_limit_bytes,
    }


def base_url(addresses: list[str]) -> str | None:
    """Return scheme://host:port of the first heartbeat URL, the LMS's; None if the list is empty."""
    if not addresses:
        return None
    parts = urlsplit(addresses[0])
    return f"{parts.scheme}://{parts.netloc}"


def benchmark(
    measured: dict[str, Any],
    desired: dict[str, Any],
    checked: list[Any],
    live: list[dict[str, Any]],
    connection: str,
    address: str,
    heartbeats: list[str],
) -> dict[str, Any]:
    """Return block_structure_benchmark_result: tiers per course, servers, workers, limits, configuration, where the LMS is.

    `runtime` is the gain of each choice for the runtime (runtime.recommend), None if no course is large enough.

    measured: what measure returned. live: workers as worker_info returned them.
    connection, address: how Ansible reaches the LMS host.
    """
    reported, forks = measured["results"][:2]
    seen = servers(checked)
    return {
        "release": desired["release"]["name"],
        "platform": desired["platform"],
        "courses": reported["courses"],
        "runtime": runtime.recommend(forks, {course["key"]: course["blocks"] for course in reported["courses"]})
        if forks["courses"]
        else None,
        "servers": seen,
        "workers": workers(live),
        "limits": limits(desired["release"], reported["settings"], seen),
        "configuration": {name: reported[name] for name in ("settings", "switches", "row", "storage_in_use")},
        "forgotten": [key for entry in measured["results"] for key in entry.get("forgotten", [])],
        "boots": measured["boots"],
        "lms": {"connection": connection, "address": address, "url": base_url(heartbeats), "host": reported["host"]},
    }
