"""Whether the Redis cache of a Tutor site can hold the structures. Read-only: the role does not configure Redis."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit

from ...module_utils.common.findings import Finding
from ...module_utils.decisions.redis_sizing import needed_bytes
from .snapshot import MIB, Snapshot, is_loopback, ratio


def _mib(size: int) -> int:
    return math.ceil(size / MIB)


def history(server: dict[str, Any]) -> str:
    """Return the likely reason why a structure that fits is not cached."""
    if server.get("error"):
        return "Redis does not answer"
    # evicted_keys counts all keys since Redis started, not only structures.
    return f"evicted ({server['evicted_keys']} evictions) or not yet read" if server["evicted_keys"] else "not yet read"


def _unreachable(snapshot: Snapshot, server: dict[str, Any]) -> Finding:
    cost, text = snapshot.costs.miss(snapshot.courses)
    return Finding(
        "redis-unreachable",
        "error",
        f"The LMS cannot connect to its Redis: {server['error']['type']}: {server['error']['message']}",
        "start Redis, or correct REDIS_HOST and REDIS_PORT in Tutor's configuration.",
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
                "Redis has no maxmemory: it grows until its host or pod runs out of memory.",
                f"set `maxmemory {_mib(needed)}mb` or more and `maxmemory-policy allkeys-lru` with Tutor's patch redis-conf.",
                evidence=server,
                cost="nothing while memory lasts; then Redis is killed and every read is cold",
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
            f"Redis holds at most {_mib(limit)} MiB (maxmemory); the structures and everything else need {_mib(needed)} MiB.",
            f"set `maxmemory {_mib(needed)}mb` or more with Tutor's patch redis-conf.",
            evidence=server,
            cost_ms=cost,
            cost=text,
        )
    ]


def _policy(server: dict[str, Any]) -> list[Finding]:
    policy = server["maxmemory_policy"]
    if not server["maxmemory"] or policy.startswith("allkeys-"):
        return []
    does = "rejects writes when it is full" if policy == "noeviction" else "evicts only what expires; structures never do"
    return [
        Finding(
            "redis-policy",
            "warning",
            f"The maxmemory-policy of Redis is {policy}: it {does}.",
            "set `maxmemory-policy allkeys-lru` with Tutor's patch redis-conf.",
            evidence=server,
            cost="nothing until Redis is full; then it either caches no new structures or evicts everything else",
        )
    ]


def _open(snapshot: Snapshot, server: dict[str, Any]) -> list[Finding]:
    """Whether others than the LMS may reach Redis, as far as it tells: an empty `bind` is every address (redis.conf)."""
    listens = server.get("listens")
    if listens is None or server.get("password"):
        return []
    # A dash before an address: it may be missing.
    addresses = [str(address).lstrip("-") for address in listens]
    if addresses and all(is_loopback(address) for address in addresses):
        return []
    address = _address(snapshot)
    here = is_loopback(address.rpartition(":")[0].strip("[]") or address)
    where = "every address" if not addresses or "*" in addresses else ", ".join(addresses)
    return [
        Finding(
            "redis-open",
            "warning" if here else "info",
            f"Redis at {address} listens on {where} and asks for no password. It "
            "holds structures as unsigned pickles: who can write there runs code in the LMS.",
            "let it listen on 127.0.0.1 (`bind` in its configuration), since the LMS is on the same host."
            if here
            else "let a firewall or a private network keep everybody but the LMS from it, or set REDIS_PASSWORD in Tutor.",
            evidence=addresses,
            cost="no time; whoever reaches it can run code in the LMS",
        )
    ]


def _address(snapshot: Snapshot) -> str:
    """Return host and port of the Redis, without what a URL may carry before them."""
    locations = snapshot.survey["settings"]["cache"].get("locations") or ["redis"]
    parts = urlsplit(str(locations[0]))
    return parts.netloc.rpartition("@")[2] or parts.path


def report(snapshot: Snapshot) -> dict[str, Any] | None:
    """Return limits, use and counters of the Redis behind the cache, None when the cache is not Redis.

    maxmemory_bytes: 0 without a limit. Its counters are those of all keys since Redis started.
    """
    server = snapshot.survey.get("cache_server")
    if server is None:
        return None
    found: dict[str, Any] = {"server": _address(snapshot), "error": None}
    if server.get("error"):
        return {**found, "error": f"{server['error']['type']}: {server['error']['message']}"}
    hits, misses = (server.get(name) or 0 for name in ("keyspace_hits", "keyspace_misses"))
    return {
        **found,
        "maxmemory_bytes": server["maxmemory"],
        "maxmemory_policy": server["maxmemory_policy"],
        "used_bytes": server["used_memory"],
        "evictions": server["evicted_keys"],
        "hit_rate": ratio(hits, hits + misses),
        "uptime_seconds": server.get("uptime_in_seconds"),
        "version": server["version"],
    }


def _evictions(snapshot: Snapshot, server: dict[str, Any], needed: int) -> list[Finding]:
    """Return a finding where a full Redis removed keys, which may have been structures: all of them count alike."""
    evicted = server["evicted_keys"]
    if not evicted:
        return []
    missing = [entry for entry in snapshot.courses if entry["bytes"] and not entry["cached"]]
    cost, text = snapshot.costs.miss(missing) if missing else (0.0, "nothing now: every structure is in the cache")
    since = f" in {server['uptime_in_seconds']} s" if server.get("uptime_in_seconds") else ""
    held = _mib(server.get("used_memory") or 0)
    more = max(needed, 2 * server["maxmemory"])
    return [
        Finding(
            "redis-evictions",
            "warning" if missing else "info",
            f"Redis evicted {evicted} keys{since}, which may have been structures; it holds {held} MiB now.",
            f"set `maxmemory {_mib(more)}mb` or more with Tutor's patch redis-conf.",
            evidence={**server, "courses_not_cached": [entry["key"] for entry in missing]},
            cost_ms=cost,
            cost=text,
        )
    ]


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings about Redis; empty when the cache is not Redis."""
    server = snapshot.survey.get("cache_server")
    if server is None:
        return []
    if server.get("error"):
        return [_unreachable(snapshot, server)]
    sizes = [entry["bytes"] for entry in snapshot.courses if entry["bytes"]]
    needed = needed_bytes(sizes, snapshot.headroom.growth_percent, snapshot.headroom.other_tenants_mb)
    return _limit(snapshot, server, needed) + _policy(server) + _evictions(snapshot, server, needed) + _open(snapshot, server)
