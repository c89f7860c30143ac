"""How large memcached must be for the measured structures, with the arithmetic as text.

Facts (executed on memcached 1.6.18): -I must be a multiple of slab_chunk_max (512 KiB) and at most half of -m; it bounds
the whole item, some 309 bytes more than the value with a 250-byte key; larger items are stored in 512 KiB chunks; the
suffix g is not understood and `2.5m` silently becomes 2m.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import BlockStructureError
from ..common.findings import Finding
from .releases import Release

KIB = 1024
MIB = 1024 * 1024
SLAB_PAGE_BYTES = MIB
CHUNK_BYTES = 512 * KIB
ITEM_OVERHEAD_BYTES = 512  # header, CAS, key up to 250 bytes: 309 measured, rounded up
SLAB_WASTE = 1.15  # 192 values of 300 KB filled 57.6 of 64 MB: a seventh is lost to slab classes
STOCK_MEMORY_MB = 64
# Plans change in these steps, so that a better measurement of a course does not cause another restart.
MEMORY_STEP_MB = 64
# Estimate for a course until it is measured: some 2,500 blocks at 88 to 190 compressed bytes each.
UNMEASURED_BYTES = 250 * KIB
# -I where nothing else bounds a structure and none has been measured: the largest one seen (16,000 blocks) has 3 MB.
UNBOUNDED_ITEM_BYTES = 8 * MIB
STOCK_ITEM_BYTES = MIB
MAX_ITEM_BYTES = 1024 * MIB
# Not any digit of Unicode, and no number that only Python can hold.
_ITEM_SIZE = re.compile(r"([0-9]{1,12})([km]?)")


@dataclass(frozen=True)
class MemcachedPlan:
    """What -m (memory_mb, MiB) and -I (item_size_bytes) should be, and why.

    structures_mb: MiB that this server's share of the structures takes, with their growth and without other tenants.
    """

    memory_mb: int
    item_size_bytes: int
    structures_mb: int
    arithmetic: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def item_size_flag(self) -> str:
        """The value of -I in memcached's notation."""
        return item_size_flag(self.item_size_bytes)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as data."""
        return {
            "memory_mb": self.memory_mb,
            "item_size_bytes": self.item_size_bytes,
            "item_size_flag": self.item_size_flag,
            "structures_mb": self.structures_mb,
            "arithmetic": self.arithmetic,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def item_size_flag(size: int) -> str:
    """Return bytes in memcached's own notation: whole megabytes as m, else kilobytes as k."""
    return f"{size // MIB}m" if size % MIB == 0 else f"{size // KIB}k"


def parse_item_size(text: str) -> int:
    """Return the bytes of a -I value such as 3m or 1536k.

    Raises BlockStructureError `item-size-suffix` or `item-size-multiple`.
    """
    variable = "block_structure_memcached_item_size"
    match = _ITEM_SIZE.fullmatch(str(text).strip().lower())
    if not match:
        raise BlockStructureError(
            "item-size-suffix",
            f"{variable} '{text}' is not a whole number with suffix k or m: memcached would misread it.",
            "write whole megabytes such as 3m, or kilobytes such as 1536k.",
            variable,
        )
    size = int(match[1]) * {"": 1, "k": KIB, "m": MIB}[match[2]]
    if size < CHUNK_BYTES or size % CHUNK_BYTES or size > MAX_ITEM_BYTES:
        raise BlockStructureError(
            "item-size-multiple",
            f"{variable} '{text}' is not a multiple of 512 KiB between 512k and 1024m: memcached would not start.",
            f"use {item_size_flag(min(MAX_ITEM_BYTES, max(1, -(-size // CHUNK_BYTES)) * CHUNK_BYTES))}.",
            variable,
        )
    return size


def check_ratio(item_size_bytes: int, memory_mb: int) -> None:
    """Raise BlockStructureError `item-size-ratio` when an item may be more than half of the memory."""
    if item_size_bytes * 2 > memory_mb * MIB:
        raise BlockStructureError(
            "item-size-ratio",
            f"block_structure_memcached_item_size {item_size_flag(item_size_bytes)} is more than half of "
            f"block_structure_memcached_memory_mb {memory_mb}: memcached would not start.",
            f"set block_structure_memcached_memory_mb to {math.ceil(item_size_bytes * 2 / MIB)} or more.",
            "block_structure_memcached_memory_mb",
        )


def cacheable(sizes: list[int], release: Release) -> list[int]:
    """Return the sizes that the release would write to the cache at all."""
    cap = release.cache_cap_bytes
    return [size for size in sizes if cap is None or size < cap]


def stored_bytes(size: int) -> int:
    """Return the slab memory that a value of this size takes: header, and whole chunks above the chunk size."""
    item = size + ITEM_OVERHEAD_BYTES
    if item <= CHUNK_BYTES:
        return math.ceil(item * SLAB_WASTE)
    chunks, tail = divmod(item, CHUNK_BYTES)
    return chunks * CHUNK_BYTES + math.ceil(tail * SLAB_WASTE) + CHUNK_BYTES // 8


def item_size_findings(item_size_bytes: int, release: Release) -> list[Finding]:
    """Return warnings for an item size that has no effect on this release."""
    variable = "block_structure_memcached_item_size"
    flag = item_size_flag(item_size_bytes)
    cap, client = release.cache_cap_bytes, release.client_item_limit_bytes
    findings = []
    if cap and item_size_bytes > cap + MIB:
        findings.append(
            Finding(
                "item-size-over-cap",
                "warning",
                f"{variable} {flag} has no benefit over {item_size_flag(cap + MIB)}: {release.name} never caches a "
                f"structure of {cap // MIB} MiB or more.",
                f"use {item_size_flag(cap + MIB)}.",
                variable,
                item_size_bytes,
            )
        )
    if client and item_size_bytes > client:
        findings.append(
            Finding(
                "item-size-over-client",
                "warning",
                f"{variable} {flag} alone has no effect: {release.cache_client} of {release.name} refuses values over "
                f"{client} bytes before it contacts the server.",
                f"also set OPTIONS: {{server_max_value_length: {item_size_bytes}}} for the default cache in the LMS settings.",
                variable,
                client,
            )
        )
    return findings


def check_variables(variables: dict[str, Any], release: Release) -> list[Finding]:
    """Return findings for a given item size; raises BlockStructureError for sizes that memcached does not take."""
    size, memory = variables["block_structure_memcached_item_size"], variables["block_structure_memcached_memory_mb"]
    if size is None:
        return []
    item_bytes = parse_item_size(size)
    if memory is not None:
        check_ratio(item_bytes, memory)
    return item_size_findings(item_bytes, release)


def _item_size(sizes: list[int], release: Release, steps: list[str]) -> int:
    """Return the smallest -I that accepts every structure that the release and its client would send, now and later."""
    cap, limit = release.cache_cap_bytes, release.client_item_limit_bytes
    largest = max((size for size in cacheable(sizes, release) if limit is None or size < limit), default=0)
    needed = math.ceil((largest + ITEM_OVERHEAD_BYTES) / MIB) * MIB
    if cap:
        wanted = cap + MIB
        steps.append(
            f"item size: {release.name} caches up to {item_size_flag(cap)}; with the header that is -I {item_size_flag(wanted)}"
        )
    elif limit:
        wanted = max(STOCK_ITEM_BYTES, needed)
        steps.append(
            f"item size: {release.cache_client} sends at most {limit} bytes, the largest structure to send has {largest}: "
            f"-I {item_size_flag(wanted)}"
        )
    else:
        wanted = max(UNBOUNDED_ITEM_BYTES, needed)
        steps.append(f"item size: structures have no limit, the largest has {largest} bytes: -I {item_size_flag(wanted)}")
    return wanted


def scaled(sizes: list[int], courses: int) -> list[int]:
    """Return the sizes of a site with this number of courses: the measured ones, evenly repeated or sampled.

    The largest one is always included, because it decides -I. Raises BlockStructureError `sizes-missing` when nothing was
    measured, `courses-below-one` for fewer than one course.
    """
    if courses < 1:
        raise BlockStructureError(
            "courses-below-one", f"A site of {courses} courses cannot be planned.", "set --courses to 1 or more."
        )
    if not sizes:
        raise BlockStructureError(
            "sizes-missing",
            "No structure of this site has been measured yet, so there is nothing to scale.",
            "run openedx_operators.block_structure.deploy or a generation first.",
        )
    ordered = sorted(sizes, reverse=True)
    return [ordered[number * len(ordered) // courses] for number in range(courses)]


def plan(
    sizes: list[int],
    release: Release,
    *,
    unmeasured: int = 0,
    item_size: str | None = None,
    memory_mb: int | None = None,
    other_tenants_mb: int = 64,
    growth_percent: int = 30,
    servers: int = 1,
    memory_max_mb: int | None = None,
    live_memory_mb: int = 0,
    live_item_size_bytes: int = 0,
) -> MemcachedPlan:
    """Return -m and -I for one of `servers` equal servers.

    sizes: compressed bytes of every measured structure; unmeasured: number of the others. other_tenants_mb: MiB per server
    for sessions and everything else. growth_percent: headroom. memory_max_mb: the most that the host can spare; a plan above
    it is cut, with a finding.
    live_*: the running values; a computed value never goes below them, a value set by the operator may.
    Raises BlockStructureError for an item size or a ratio that memcached would refuse.
    """
    steps: list[str] = []
    findings: list[Finding] = []
    if item_size is not None:
        item_bytes = parse_item_size(item_size)
        findings += item_size_findings(item_bytes, release)
        steps.append(f"item size: block_structure_memcached_item_size is {item_size}")
    else:
        item_bytes = max(_item_size(sizes, release, steps), live_item_size_bytes)
    everything = [*sizes, *[UNMEASURED_BYTES] * unmeasured]
    kept = [size for size in cacheable(everything, release) if size + ITEM_OVERHEAD_BYTES <= item_bytes]
    structures = sum(stored_bytes(size) for size in kept)
    share = math.ceil(structures * (100 + growth_percent) / 100 / max(1, servers))
    # A slab class that holds one item still takes a page; some forty classes exist below the chunk size.
    pages = min(len(kept), 40) * SLAB_PAGE_BYTES if kept else 0
    structures_mb = math.ceil((share + pages) / MIB)
    exact = structures_mb + other_tenants_mb
    needed = math.ceil(exact / MEMORY_STEP_MB) * MEMORY_STEP_MB
    steps.append(
        f"memory: {len(kept)} structures ({unmeasured} not measured yet) take {structures} bytes in slabs; with "
        f"{growth_percent}% growth on {servers} server(s) {math.ceil(share / MIB)} MiB; {pages // MIB} MiB for slab pages; "
        f"{other_tenants_mb} MiB for other tenants"
    )
    computed = max(needed, STOCK_MEMORY_MB, live_memory_mb, math.ceil(2 * item_bytes / MIB))
    steps.append(
        f"memory: {exact} MiB in total, in steps of {MEMORY_STEP_MB}: {needed}; "
        f"not below {STOCK_MEMORY_MB} nor the running value ({live_memory_mb}): -m {computed}"
    )
    if memory_mb is None and memory_max_mb is not None and computed > max(memory_max_mb, live_memory_mb):
        findings.append(
            Finding(
                "memory-short",
                "warning",
                f"The structures need {computed} MiB of memcached, and this server may use {memory_max_mb}.",
                "raise block_structure_memcached_memory_max_mb, add a server, or accept reads from storage.",
                "block_structure_memcached_memory_max_mb",
                computed,
            )
        )
        computed = max(memory_max_mb, live_memory_mb)
        steps.append(f"memory: limited to block_structure_memcached_memory_max_mb: -m {computed}")
    chosen = memory_mb if memory_mb is not None else computed
    check_ratio(item_bytes, chosen)
    return MemcachedPlan(chosen, item_bytes, structures_mb, steps, findings)
