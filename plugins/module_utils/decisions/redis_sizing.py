"""How much memory a Redis needs for the measured structures, and the lines of its configuration that give it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import BlockStructureError
from .memcached_sizing import MEMORY_STEP_MB, MIB, UNMEASURED_BYTES

# Upper estimate of the bytes that Redis adds to a value: dictionary entry, key, object header, allocator rounding.
_ITEM_OVERHEAD_BYTES = 512
# Structures never expire, so only a policy of all keys evicts them (Redis documentation, "Key eviction"); Tutor's own default.
POLICY = "allkeys-lru"
LEAST_MB = 64


@dataclass(frozen=True)
class RedisPlan:
    """What `maxmemory` should be, in MiB, and why."""

    memory_mb: int
    arithmetic: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as data. redis_conf: text of Tutor's patch of that name."""
        return {
            "memory_mb": self.memory_mb,
            "maxmemory_policy": POLICY,
            "redis_conf": configuration(self.memory_mb),
            "arithmetic": self.arithmetic,
            "findings": [],
        }


def check(name: str, memory_mb: int | None) -> None:
    """Raise BlockStructureError `redis-memory` for less than what is left to everything else. name: of the setting."""
    if memory_mb is not None and memory_mb < LEAST_MB:
        raise BlockStructureError(
            "redis-memory",
            f"{name} is {memory_mb}: a Redis that full evicts sessions and Celery's queues too.",
            f"set it to {LEAST_MB} or more; `block-structure size` and the job block-structure-diagnose say how much.",
            name,
        )


def configuration(memory_mb: int) -> str:
    """Return the lines of redis.conf for so much memory; of two lines of one name Redis takes the last."""
    return f"maxmemory {memory_mb}mb\nmaxmemory-policy {POLICY}\n"


def needed_bytes(sizes: list[int], growth_percent: int, other_tenants_mb: int) -> int:
    """Return the memory for structures of these compressed sizes with growth, plus everything else in the same Redis."""
    structures = sum(size + _ITEM_OVERHEAD_BYTES for size in sizes)
    return structures * (100 + growth_percent) // 100 + other_tenants_mb * MIB


def plan(sizes: list[int], *, unmeasured: int = 0, growth_percent: int = 30, other_tenants_mb: int = 64) -> RedisPlan:
    """Return the plan for structures of these compressed sizes; unmeasured: number of the others."""
    everything = [*sizes, *[UNMEASURED_BYTES] * unmeasured]
    exact = math.ceil(needed_bytes(everything, growth_percent, other_tenants_mb) / MIB)
    memory_mb = max(1, math.ceil(exact / MEMORY_STEP_MB)) * MEMORY_STEP_MB
    arithmetic = (
        f"memory: {len(everything)} structures ({unmeasured} not measured yet) have {sum(everything)} bytes; with their keys, "
        f"{growth_percent}% growth and {other_tenants_mb} MiB for everything else {exact} MiB, in steps of {MEMORY_STEP_MB}: "
        f"maxmemory {memory_mb}mb"
    )
    return RedisPlan(memory_mb, [arithmetic])
