"""The complete diagnosis of a site as data, for the CLI, monitoring and the HTML report."""

from __future__ import annotations

import time
from typing import Any

from ...module_utils.common.findings import SEVERITIES
from ...module_utils.decisions.memcached_sizing import MIB
from . import cure, local_storage, redis, verdict
from .snapshot import Server, Snapshot, ratio

# Incremented when a key changes its meaning or is removed; adding a key does not change it.
FORMAT = 1


def server(status: Server) -> dict[str, Any]:
    """Return the report of one memcached: flags, usage and counters."""
    if status.error:
        return {"server": status.name, "aliases": list(status.aliases), "error": status.error}
    return {
        "server": status.name,
        "aliases": list(status.aliases),
        "error": None,
        "memory_mb": status.live["memory_mb"],
        "item_size_bytes": status.live["item_size_bytes"],
        "used_mb": round(status.count("bytes") / MIB, 1),
        "items": status.count("curr_items"),
        "evictions": status.count("evictions"),
        # Never-expiring structures count here and not in evicted_nonzero (facts, section E).
        "evicted_without_expiry": status.total("evicted") - status.total("evicted_nonzero"),
        "evicted_with_expiry": status.total("evicted_nonzero"),
        "store_too_large": status.count("store_too_large"),
        "flushes": status.count("cmd_flush"),
        "hit_rate": ratio(status.count("get_hits"), status.count("get_hits") + status.count("get_misses")),
        "uptime_seconds": status.uptime_seconds,
        "version": status.stats.get("version"),
        "plan": status.plan,
    }


def of(
    snapshot: Snapshot,
    *,
    platform: str,
    host: str,
    boots: dict[str, int],
    inventory: list[dict[str, Any]] | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Return the diagnosis of a snapshot.

    host: the LMS host that read the courses. boots: LMS boots per host. inventory: findings about the variables.
    seconds: duration of the LMS boot and the survey on that host.
    """
    report = verdict.site(snapshot)
    findings = [*report["findings"], *(inventory or [])]
    survey = snapshot.survey
    examination = snapshot.examination or {}
    return {
        "format": FORMAT,
        "generated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "site": survey.get("site"),
        "release": snapshot.release.name,
        "platform": platform,
        "host": host,
        "boots": boots,
        "seconds": {"boot_and_look": seconds, "survey": survey.get("seconds"), "examination": examination.get("seconds")},
        "counts": {severity: sum(finding["severity"] == severity for finding in findings) for severity in SEVERITIES},
        "findings": findings,
        "courses": report["courses"],
        "servers": [server(status) for status in snapshot.servers],
        "redis": redis.report(snapshot),
        "storage": survey.get("storage"),
        "local_storage": local_storage.states(snapshot, host),
        "settings": survey["settings"],
        "versions": survey["platform"],
        "switches": survey["switches"],
        "row": survey["row"],
        "workers": examination.get("workers"),
        "processes": examination.get("processes"),
        "runtime": snapshot.gains,
        "limits": {
            "cache_cap_bytes": snapshot.release.cache_cap_bytes,
            "client_item_limit_bytes": survey["settings"]["cache"].get("client_limit_bytes")
            or snapshot.release.client_item_limit_bytes,
            "item_size_bytes": snapshot.item_size_bytes,
        },
        "cure": cure.variables(snapshot, findings),
    }
