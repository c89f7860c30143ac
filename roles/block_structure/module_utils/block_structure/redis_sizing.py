"""Whether the Redis behind the LMS's cache can hold the measured structures. Read-only: Redis is sized where it is run."""

from __future__ import annotations

import math
from typing import Any

from .findings import Finding

MIB = 1024 * 1024
# Bytes that Redis adds to a value: its dictionary entry, key, object and allocator's rounding; generous.
_ITEM_OVERHEAD_BYTES = 512


def needed_bytes(sizes: list[int], growth_percent: int, other_tenants_mb: int) -> int:
    """Return the memory for structures of these compressed sizes, their growth, and everything else in the same Redis."""
    structures = sum(size + _ITEM_OVERHEAD_BYTES for size in sizes)
    return structures * (100 + growth_percent) // 100 + other_tenants_mb * MIB


def _mib(size: int) -> int:
    return math.ceil(size / MIB)


def findings(server: dict[str, Any] | None, sizes: list[int], growth_percent: int, other_tenants_mb: int) -> list[Finding]:
    """Return what is wrong with the Redis that the survey asked; nothing when the cache is no Redis.

    server: "cache_server" of the survey, with "maxmemory" and "maxmemory_policy" or with "error".
    """
    if server is None:
        return []
    if server.get("error"):
        return [
            Finding(
                "redis-unreachable",
                "error",
                f"The LMS cannot ask its Redis: {server['error']['type']}: {server['error']['message']}",
                "start Redis, or correct its address in Tutor's configuration (REDIS_HOST, REDIS_PORT).",
            )
        ]
    found = []
    limit, policy = server["maxmemory"], server["maxmemory_policy"]
    needed = needed_bytes(sizes, growth_percent, other_tenants_mb)
    if not limit:
        found.append(
            Finding(
                "redis-unlimited",
                "info",
                "Redis has no maxmemory: it grows until its host or pod has no memory left.",
                f"set `maxmemory {_mib(needed)}mb` or more and `maxmemory-policy allkeys-lru` by Tutor's patch redis-conf.",
                evidence=server,
            )
        )
    elif limit < needed:
        found.append(
            Finding(
                "redis-small",
                "warning",
                f"Redis holds at most {_mib(limit)} MiB (maxmemory), and structures with everything else need "
                f"{_mib(needed)} MiB.",
                f"set `maxmemory {_mib(needed)}mb` or more by Tutor's patch redis-conf.",
                evidence=server,
            )
        )
    if limit and not policy.startswith("allkeys-"):
        does = (
            "refuses to write once it is full"
            if policy == "noeviction"
            else "evicts only what expires, which no structure does"
        )
        found.append(
            Finding(
                "redis-policy",
                "warning",
                f"The maxmemory-policy of Redis is {policy}: it {does}.",
                "set `maxmemory-policy allkeys-lru` by Tutor's patch redis-conf.",
                evidence=server,
            )
        )
    return found
