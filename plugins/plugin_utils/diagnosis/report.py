"""The whole diagnosis of a site as data: what the CLI shows, what a monitor reads, what the HTML report is made of."""

from __future__ import annotations

import time
from typing import Any

from ...module_utils.common.findings import SEVERITIES
from ...module_utils.decisions.memcached_sizing import MIB
from . import cure, local_storage, verdict
from .snapshot import Server, Snapshot

# Raised when a key changes its meaning or goes away; new keys leave it.
FORMAT = 1


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def server(asked: Server) -> dict[str, Any]:
    """Return a memcached as it is told: flags, use and the counters that matter."""
    if asked.error:
        return {"server": asked.name, "aliases": list(asked.aliases), "error": asked.error}
    return {
        "server": asked.name,
        "aliases": list(asked.aliases),
        "error": None,
        "memory_mb": asked.live["memory_mb"],
        "item_size_bytes": asked.live["item_size_bytes"],
        "used_mb": round(asked.count("bytes") / MIB, 1),
        "items": asked.count("curr_items"),
        "evictions": asked.count("evictions"),
        # Never-expiring structures count here and not in evicted_nonzero (facts, section E).
        "evicted_without_expiry": asked.total("evicted") - asked.total("evicted_nonzero"),
        "evicted_with_expiry": asked.total("evicted_nonzero"),
        "store_too_large": asked.count("store_too_large"),
        "flushes": asked.count("cmd_flush"),
        "hit_rate": _ratio(asked.count("get_hits"), asked.count("get_hits") + asked.count("get_misses")),
        "uptime_seconds": asked.uptime_seconds,
        "version": asked.stats.get("version"),
        "plan": asked.plan,
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
    """Return the diagnosis of a look.

    host: the LMS host that read the courses. boots: LMS starts by host. inventory: findings of the variables themselves.
    seconds: what the boot and the look took together on that host.
    """
    report = verdict.site(snapshot)
    findings = [*report["findings"], *(inventory or [])]
    survey = snapshot.survey
    examination = snapshot.examination or {}
    return {
        "format": FORMAT,
        "generated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "release": snapshot.release.name,
        "platform": platform,
        "host": host,
        "boots": boots,
        "seconds": {"boot_and_look": seconds, "survey": survey.get("seconds"), "examination": examination.get("seconds")},
        "counts": {severity: sum(finding["severity"] == severity for finding in findings) for severity in SEVERITIES},
        "findings": findings,
        "courses": report["courses"],
        "servers": [server(asked) for asked in snapshot.servers],
        "storage": survey.get("storage"),
        "local_storage": local_storage.states(snapshot, host),
        "settings": survey["settings"],
        "versions": survey["platform"],
        "switches": survey["switches"],
        "row": survey["row"],
        "workers": examination.get("workers"),
        "processes": examination.get("processes"),
        "runtime": snapshot.collector,
        "limits": {
            "cache_cap_bytes": snapshot.release.cache_cap_bytes,
            "client_item_limit_bytes": survey["settings"]["cache"].get("client_limit_bytes")
            or snapshot.release.client_item_limit_bytes,
            "item_size_bytes": snapshot.item_size_bytes,
        },
        "cure": cure.variables(snapshot, findings),
    }
