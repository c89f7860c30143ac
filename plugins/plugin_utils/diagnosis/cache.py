"""The cache in front of storage: which limit rejects a structure, what was evicted, and which alias holds structures."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.decisions import memcached_restart
from ...module_utils.decisions.candidate import hash_cure
from ...module_utils.decisions.memcached_sizing import (
    ITEM_OVERHEAD_BYTES,
    MIB,
    UNBOUNDED_ITEM_BYTES,
    item_size_flag,
)
from ...module_utils.decisions.releases import Release
from ...module_utils.host import memcached_client
from . import redis
from .snapshot import (
    Server,
    Snapshot,
    courses_in_words,
    effective_release,
    is_loopback,
)

_ITEM_SIZE = "block_structure_memcached_item_size"
_MEMORY = "block_structure_memcached_memory_mb"
_TENANTS = "block_structure_memcached_other_tenants_mb"


def refused_by(
    size: int | None, release: Release, survey: dict[str, Any], item_size_bytes: int | None
) -> tuple[str, str] | None:
    """Return (limit, message) of the first limit that keeps a structure of this size out of the cache, None when it fits.

    limit: `cap` of the release, `client` before it asks the server, `item-size` of memcached, `timeout` of the row.
    item_size_bytes: -I of the memcached that serves the site, None when unknown.
    """
    cap = release.cache_cap_bytes
    if cap and size is not None and size >= cap:
        return "cap", f"{release.name} never caches {item_size_flag(cap)} or more"
    client = effective_release(release, survey).client_item_limit_bytes
    if client and size is not None and size >= client:
        return "client", f"{release.cache_client} refuses values over {client} bytes before asking the server"
    if item_size_bytes and size is not None and size + ITEM_OVERHEAD_BYTES > item_size_bytes:
        return "item-size", f"memcached refuses items over {item_size_flag(item_size_bytes)} (-I)"
    timeout = survey["row"]["cache_timeout_in_seconds"]
    if timeout is not None and timeout <= 0:
        return "timeout", f"cache_timeout_in_seconds is {timeout}: nothing is ever cached"
    return None


def lost(server: Server, timeout: int | None) -> int:
    """Return how many evicted items may have been structures.

    `evicted_nonzero` counts only items that had an expiry, so it stays 0 for structures that never expire (facts, section E);
    their evictions are the difference.
    """
    evicted, expiring = server.total("evicted"), server.total("evicted_nonzero")
    return evicted - expiring if timeout is None else expiring


def history(snapshot: Snapshot) -> str:
    """Return the likely reasons why a structure that fits is not cached."""
    if snapshot.survey.get("cache_server"):
        return redis.history(snapshot.survey["cache_server"])
    timeout = snapshot.survey["row"]["cache_timeout_in_seconds"]
    down = [server.name for server in snapshot.cache_servers if server.error]
    if down:
        return f"memcached at {', '.join(down)} does not answer"
    could = ["not yet read"]
    asked = [server for server in snapshot.cache_servers if server.stats]
    evicted = sum(lost(server, timeout) for server in asked)
    if evicted or not asked:
        could.insert(0, f"evicted ({evicted} evictions)" if evicted else "evicted")
    if timeout is not None:
        could.insert(0, "expired")
    if len(could) == 1:
        return f"not yet read since memcached started or was flushed (at most {max(s.uptime_seconds for s in asked)} s ago)"
    return f"{', '.join(could[:-1])} or {could[-1]}"


def _missing(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the courses that fit but are not cached."""
    return [
        entry
        for entry in snapshot.courses
        if not entry["cached"]
        and entry["bytes"]
        and not refused_by(entry["bytes"], snapshot.release, snapshot.survey, snapshot.item_size_bytes)
    ]


def _limits(snapshot: Snapshot) -> list[Finding]:
    refused: dict[str, list[dict[str, Any]]] = {}
    for entry in snapshot.courses:
        report = refused_by(entry["bytes"], snapshot.release, snapshot.survey, snapshot.item_size_bytes)
        if report:
            refused.setdefault(report[0], []).append(entry)
    builders = {"cap": _over_cap, "client": _over_client, "item-size": _over_item_size}
    return [build(snapshot, refused[limit]) for limit, build in builders.items() if limit in refused]


def _largest(entries: list[dict[str, Any]]) -> int:
    return max(int(entry["bytes"]) for entry in entries)


def _rounded_up(size: int) -> int:
    """Return the next whole MiB that takes an item of this size."""
    return -(-(size + ITEM_OVERHEAD_BYTES) // MIB) * MIB


def _over_cap(snapshot: Snapshot, entries: list[dict[str, Any]]) -> Finding:
    cap = snapshot.release.cache_cap_bytes or 0
    cost, text = snapshot.costs.miss(entries)
    return Finding(
        "cache-cap",
        "info",
        f"{courses_in_words(entries)}: {snapshot.release.name} never caches structures of {item_size_flag(cap)} or more.",
        "no setting changes this; use a storage near the LMS, or make the course smaller.",
        evidence={"largest_bytes": _largest(entries), "cap_bytes": cap, "courses": [entry["key"] for entry in entries]},
        cost_ms=cost,
        cost=text,
    )


def _limit_severity(entries: list[dict[str, Any]]) -> str:
    """Return the severity of a limit that the role cannot raise: info if storage serves the courses, else warning."""
    return "warning" if any(entry["tier_when_cold"] == "modulestore" for entry in entries) else "info"


def _over_client(snapshot: Snapshot, entries: list[dict[str, Any]]) -> Finding:
    limit = effective_release(snapshot.release, snapshot.survey).client_item_limit_bytes
    wanted = item_size_flag(max(_rounded_up(_largest(entries)), MIB))
    cost, text = snapshot.costs.miss(entries)
    return Finding(
        "cache-client-limit",
        _limit_severity(entries),
        f"{courses_in_words(entries)}: {snapshot.release.cache_client} drops values over {limit} bytes silently, "
        "without asking memcached; no counter of the server moves.",
        f"set OPTIONS: {{server_max_value_length: {_rounded_up(_largest(entries))}}} for the alias default of CACHES in the "
        f"settings of LMS and Studio, and {_ITEM_SIZE} to {wanted}.",
        _ITEM_SIZE,
        evidence={"largest_bytes": _largest(entries), "limit_bytes": limit, "courses": [entry["key"] for entry in entries]},
        value=wanted,
        cost_ms=cost,
        cost=text,
    )


_WAITS = f"nothing: the item size grows with the next start of memcached; or set {memcached_restart.VARIABLE} to always."


def _waits(snapshot: Snapshot, entries: list[dict[str, Any]]) -> bool:
    """Return whether a larger item size waits for the next start: storage serves the courses, and a restart is not worth it."""
    holds = memcached_restart.holds_sessions(snapshot.survey["settings"])
    served = all(entry["tier_when_cold"] == "storage" for entry in entries)
    gain = snapshot.costs.fetch(entries)[0] if entries else None
    return served and not memcached_restart.is_worth(snapshot.memcached_restart, holds, gain)


def _over_item_size(snapshot: Snapshot, entries: list[dict[str, Any]]) -> Finding:
    cap = snapshot.release.cache_cap_bytes
    computed = cap + MIB if cap else max(UNBOUNDED_ITEM_BYTES, _rounded_up(_largest(entries)))
    # Prefer the plan of the deploy, which considers the effective client's limit.
    wanted = item_size_flag(
        max((server.plan["item_size_bytes"] for server in snapshot.cache_servers if server.plan), default=computed)
    )
    cost, text = snapshot.costs.miss(entries)
    waits = _waits(snapshot, entries)
    return Finding(
        "item-size-small",
        "info" if waits else "warning",
        f"{courses_in_words(entries)}: memcached refuses items over {item_size_flag(snapshot.item_size_bytes or 0)} (-I), but "
        "the LMS logs that they were cached.",
        _WAITS
        if waits
        else f"set {_ITEM_SIZE} to {wanted}, or leave it unset, and run openedx_operators.block_structure.deploy.",
        _ITEM_SIZE,
        evidence={
            "largest_bytes": _largest(entries),
            "item_size_bytes": snapshot.item_size_bytes,
            "store_too_large": sum(server.count("store_too_large") for server in snapshot.cache_servers),
            "courses": [entry["key"] for entry in entries],
        },
        value=wanted,
        cost_ms=cost,
        cost=text,
    )


def _others_mb(snapshot: Snapshot, server: Server) -> int:
    """Return the MiB of what is in a server now besides structures."""
    own = sum(int(entry["bytes"]) for entry in snapshot.courses if entry["cached"] and entry["bytes"])
    return max(0, server.count("bytes") - own // max(1, len(snapshot.cache_servers))) // MIB


def _evictions(snapshot: Snapshot, server: Server) -> list[Finding]:
    timeout = snapshot.survey["row"]["cache_timeout_in_seconds"]
    count = lost(server, timeout)
    if not count:
        return []
    missing = _missing(snapshot)
    wanted = (server.plan or {}).get("memory_mb") or 0
    others_mb = _others_mb(snapshot, server)
    cost, text = snapshot.costs.miss(missing) if missing else (0.0, "nothing now: every structure that fits is cached")
    if wanted > server.live["memory_mb"]:
        variable, value = _MEMORY, wanted
    else:
        # The structures alone would fit; other tenants push them out.
        variable, value = _TENANTS, max(2 * server.live["memory_mb"], others_mb)
    return [
        Finding(
            "cache-evictions",
            "warning" if missing else "info",
            f"memcached at {server.name} evicted {count} items that may have been structures in {server.uptime_seconds} s; "
            f"other tenants hold {others_mb} of its {server.live['memory_mb']} MiB.",
            f"set {variable} to {value} and run openedx_operators.block_structure.deploy.",
            variable,
            evidence={
                "evictions": server.count("evictions"),
                "evicted_without_expiry": server.total("evicted") - server.total("evicted_nonzero"),
                "evicted_with_expiry": server.total("evicted_nonzero"),
                "uptime_seconds": server.uptime_seconds,
                "courses_not_cached": [entry["key"] for entry in missing],
            },
            value=value,
            cost_ms=cost,
            cost=text,
        )
    ]


def _small(snapshot: Snapshot, server: Server) -> list[Finding]:
    """Return a finding for a memory that the structures and what others have in it now do not fit into."""
    wanted, memory = server.plan, server.live["memory_mb"]
    others_mb = _others_mb(snapshot, server)
    if not wanted or wanted["memory_mb"] <= memory or wanted["structures_mb"] + others_mb <= memory:
        return []
    return [
        Finding(
            "memcached-small",
            "warning",
            f"memcached at {server.name} runs with -m {memory}; the structures need {wanted['structures_mb']} MiB, with room "
            f"to grow, and others have {others_mb} MiB in it.",
            f"run openedx_operators.block_structure.deploy, or start it with "
            f"-m {wanted['memory_mb']} -I {wanted['item_size_flag']}.",
            _MEMORY,
            evidence=wanted["arithmetic"],
            value=wanted["memory_mb"],
            cost="see the findings about courses; without any, memory that growth will need",
        )
    ]


def _down(snapshot: Snapshot, server: Server) -> Finding:
    cost, text = snapshot.costs.miss(snapshot.courses)
    return Finding(
        "cache-unreachable",
        "error",
        f"memcached at {server.name} does not answer the LMS host: {(server.error or '').splitlines()[0]}",
        "start it, or correct LOCATION of the alias default in CACHES.",
        evidence=server.name,
        cost_ms=cost,
        cost=text,
    )


def _alias(snapshot: Snapshot) -> list[Finding]:
    """Whether course_structure_cache was enlarged instead of default, the alias that holds block structures."""
    caches = snapshot.survey["settings"].get("caches") or {}
    other, own = caches.get("course_structure_cache"), caches.get("default")
    if not other or not own:
        return []
    reasons = []
    if (other["client_limit_bytes"] or 0) > (own["client_limit_bytes"] or snapshot.release.client_item_limit_bytes or 0):
        reasons.append(f"OPTIONS server_max_value_length {other['client_limit_bytes']}")
    apart = [server for server in snapshot.servers if "default" not in server.aliases and server.live]
    for server in apart:
        for flag, name, unit in (("-m", "memory_mb", 1), ("-I", "item_size_bytes", MIB)):
            if any(server.live[name] > mine.live[name] for mine in snapshot.cache_servers if mine.live):
                reasons.append(f"{flag} {server.live[name] // unit}{'m' if unit == MIB else ''} at {server.name}")
    if not reasons:
        return []
    short = [entry for entry in snapshot.courses if not entry["cached"]]
    cost, text = snapshot.costs.miss(short) if short else (0.0, "nothing now: every structure is cached")
    return [
        Finding(
            "cache-alias-confusion",
            "warning",
            f"The alias course_structure_cache has more space ({'; '.join(reasons)}) than the alias default at "
            f"{', '.join(own['locations'])}, but default holds the block structures.",
            "apply these settings to the alias default; course_structure_cache holds documents of the modulestore.",
            evidence={"default": own["locations"], "course_structure_cache": other["locations"], "more": reasons},
            cost_ms=cost,
            cost=text,
        )
    ]


def _raises(snapshot: Snapshot) -> list[Finding]:
    cache = snapshot.survey["settings"]["cache"]
    # pymemcache raises by default (facts, section E); the settings of the platform and of `configuration` turn that off.
    if not str(cache.get("backend")).endswith("PyMemcacheCache") or (cache.get("options") or {}).get("ignore_exc"):
        return []
    refused = [
        entry
        for entry in snapshot.courses
        if (refused_by(entry["bytes"], snapshot.release, snapshot.survey, snapshot.item_size_bytes) or ("", ""))[0]
        == "item-size"
    ]
    now = f" This happens at each read of {courses_in_words(refused)}." if refused else ""
    return [
        Finding(
            "cache-raises",
            "error" if refused else "warning",
            "The alias default of CACHES has no OPTIONS: {ignore_exc: true}: a structure that memcached refuses, or a "
            f"memcached that is down, causes an error page instead of a read from storage.{now}",
            "set OPTIONS: {ignore_exc: true} for the alias default in the settings of LMS and Studio.",
            evidence={"options": cache.get("options"), "courses": [entry["key"] for entry in refused]},
            cost=f"HTTP 500 {'at each of these reads' if refused else 'when it happens'}",
        )
    ]


def _key_hash(snapshot: Snapshot) -> list[Finding]:
    problem = snapshot.survey.get("key_hash")
    if not problem:
        return []
    remedy, variable = hash_cure(snapshot.release)
    return [
        Finding(
            "cache-key-hash",
            "error" if snapshot.storage_in_use else "warning",
            f"With storage on, {snapshot.release.name} cannot make a cache key: {problem['message']}",
            remedy,
            variable,
            evidence=problem["type"],
            value=True if variable else None,
            cost="HTTP 500 at each request of a course once storage is on",
        )
    ]


def _open(server: Server) -> list[Finding]:
    """Whether others than the LMS may reach the server, as far as it tells where it listens (`inter` of `stats settings`)."""
    if server.name.startswith("unix:"):
        return []
    listens = [address.strip() for address in server.stats.get("inter", "127.0.0.1").split(",")]
    if server.stats.get("auth_enabled_sasl") == "yes" or all(is_loopback(address) for address in listens):
        return []
    here = is_loopback(memcached_client.address(server.name)[0])
    return [
        Finding(
            "cache-open",
            "warning" if here else "info",
            f"memcached at {server.name} listens on {', '.join(listens).replace('NULL', 'every address')} and asks for no "
            "password. It holds structures as unsigned pickles: who can write there runs code in the LMS.",
            "let it listen on 127.0.0.1 (-l in its configuration), since the LMS is on the same host."
            if here
            else "let a firewall or a private network keep everybody but the hosts of the LMS from it.",
            "block_structure_memcached_listen_host",
            evidence=listens,
            cost="no time; whoever reaches it can run code in the LMS",
        )
    ]


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject."""
    found = _key_hash(snapshot) + _raises(snapshot)
    for server in snapshot.cache_servers:
        if server.error:
            found += [_down(snapshot, server)]
        else:
            found += [*_evictions(snapshot, server), *_small(snapshot, server), *_open(server)]
    return found + _limits(snapshot) + _alias(snapshot)
