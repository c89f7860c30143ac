"""The Redis that a Tutor site has for a cache: whether it holds the structures. Read-only: Redis is sized where it is run."""

from __future__ import annotations

import math
from typing import Any

from ...module_utils.common.findings import Finding
from .snapshot import MIB, Snapshot

# Bytes that Redis adds to a value: its dictionary entry, key, object and allocator's rounding; generous.
_ITEM_OVERHEAD_BYTES = 512


def needed_bytes(sizes: list[int], growth_percent: int, other_tenants_mb: int) -> int:
    """Return the memory for structures of these compressed sizes, their growth, and everything else in the same Redis."""
    structures = sum(size + _ITEM_OVERHEAD_BYTES for size in sizes)
    return structures * (100 + growth_percent) // 100 + other_tenants_mb * MIB


def _mib(size: int) -> int:
    return math.ceil(size / MIB)


def history(server: dict[str, Any]) -> str:
    """Return why a structure that would fit is not there, as far as this Redis can tell."""
    if server.get("error"):
        return "Redis does not answer"
    # Of every key in it, since Redis was started: it does not count by the kind of key.
    return f"evicted ({server['evicted_keys']} evictions) or not yet read" if server["evicted_keys"] else "not yet read"


def _unreachable(snapshot: Snapshot, server: dict[str, Any]) -> Finding:
    cost, text = snapshot.costs.miss(snapshot.courses)
    return Finding(
        "redis-unreachable",
        "error",
        f"The LMS cannot ask its Redis: {server['error']['type']}: {server['error']['message']}",
        "start Redis, or correct its address in Tutor's configuration (REDIS_HOST, REDIS_PORT).",
        cost_ms=cost,
        cost=text,
    )


def _limit(snapshot: Snapshot, server: dict[str, Any], needed: int) -> list[Finding]:
    limit = server["maxmemory"]
    if not limit:
        return [
            Finding(
                "redis-unlimited",
                "info",
                "Redis has no maxmemory: it grows until its host or pod has no memory left.",
                f"set `maxmemory {_mib(needed)}mb` or more and `maxmemory-policy allkeys-lru` by Tutor's patch redis-conf.",
                evidence=server,
                cost="nothing while there is memory; then Redis is killed, and every course is read cold",
            )
        ]
    if limit >= needed:
        return []
    missing = [entry for entry in snapshot.courses if entry["bytes"] and not entry["cached"]]
    cost, text = snapshot.costs.miss(missing) if missing else (0.0, "nothing now: every structure is in the cache")
    return [
        Finding(
            "redis-small",
            "warning",
            f"Redis holds at most {_mib(limit)} MiB (maxmemory), and structures with everything else need {_mib(needed)} MiB.",
            f"set `maxmemory {_mib(needed)}mb` or more by Tutor's patch redis-conf.",
            evidence=server,
            cost_ms=cost,
            cost=text,
        )
    ]


def _policy(server: dict[str, Any]) -> list[Finding]:
    policy = server["maxmemory_policy"]
    if not server["maxmemory"] or policy.startswith("allkeys-"):
        return []
    does = "refuses to write once it is full" if policy == "noeviction" else "evicts only what expires, which no structure does"
    return [
        Finding(
            "redis-policy",
            "warning",
            f"The maxmemory-policy of Redis is {policy}: it {does}.",
            "set `maxmemory-policy allkeys-lru` by Tutor's patch redis-conf.",
            evidence=server,
            cost="nothing until it is full; then new structures are not cached, or everything but they is evicted",
        )
    ]


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject; none when the cache is no Redis."""
    server = snapshot.survey.get("cache_server")
    if server is None:
        return []
    if server.get("error"):
        return [_unreachable(snapshot, server)]
    sizes = [entry["bytes"] for entry in snapshot.courses if entry["bytes"]]
    needed = needed_bytes(sizes, snapshot.headroom.growth_percent, snapshot.headroom.other_tenants_mb)
    return _limit(snapshot, server, needed) + _policy(server)
