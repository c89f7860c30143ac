"""The collected facts of one site. Facts that were not queried are None or empty and produce no findings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ...module_utils.decisions.releases import Release
from ...module_utils.decisions.runtime import recommend
from .cost import Costs

MIB = 1024 * 1024


def ratio(part: int, whole: int) -> float | None:
    """Return a share of 0 to 1, None of nothing."""
    return round(part / whole, 4) if whole else None


@dataclass(frozen=True)
class Server:
    """One memcached as seen from the LMS host.

    name: as CACHES names it. aliases: the aliases of CACHES that use it. live: {"memory_mb", "item_size_bytes"}, empty when it
    did not answer. stats, items: `stats` and `stats items` as text values. plan: what the structures need. error: the message.
    """

    name: str
    aliases: tuple[str, ...] = ("default",)
    live: dict[str, int] = field(default_factory=dict)
    stats: dict[str, str] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    plan: dict[str, Any] | None = None
    error: str | None = None

    def count(self, name: str) -> int:
        """Return a counter of `stats`, 0 if this version of memcached lacks it."""
        return int(self.stats.get(name, "0"))

    def total(self, name: str) -> int:
        """Return a counter of `stats items` summed over the slab classes (names are items:<class>:<counter>)."""
        return sum(int(value) for key, value in self.items.items() if key.endswith(f":{name}"))

    @property
    def uptime_seconds(self) -> int:
        """Seconds since the start, which emptied the cache and reset the counters."""
        return self.count("uptime")


@dataclass(frozen=True)
class Headroom:
    """What a cache must hold besides today's structures: their growth in percent, and MiB of everything else."""

    growth_percent: int = 30
    other_tenants_mb: int = 64


@dataclass(frozen=True)
class Snapshot:
    """The facts of a site.

    survey: the probe's. examination: the probe's `examine`, None when not queried. servers: every memcached of the aliases.
    bucket: bucket_info's, None when not read; bucket_problem: why not. desired: {"settings", "row", "switches"}
    as validated, None while the variables are not complete. failures: reports of courses that could not be generated.
    others: surveys of further LMS hosts by name. processes: what holds settings in memory (probe/engine/ages.py). runtime: the
    probe's `runtime`, None when not queried. headroom: what the cache must hold besides. memcached_restart: when another
    item size is worth a restart. pod_disk: whether structures outside S3 are on the disk of the pod that wrote them.
    without_readiness: deployments of Kubernetes whose pods get learners while they start.
    """

    release: Release
    survey: dict[str, Any]
    servers: tuple[Server, ...] = ()
    desired: dict[str, Any] | None = None
    examination: dict[str, Any] | None = None
    bucket: dict[str, Any] | None = None
    bucket_problem: str | None = None
    failures: tuple[dict[str, Any], ...] = ()
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    processes: tuple[dict[str, Any], ...] = ()
    runtime: dict[str, Any] | None = None
    headroom: Headroom = Headroom()
    memcached_restart: str = "auto"
    pod_disk: bool = False
    without_readiness: tuple[str, ...] = ()

    @property
    def courses(self) -> list[dict[str, Any]]:
        """The courses of the survey."""
        return list(self.survey["courses"])

    @cached_property
    def costs(self) -> Costs:
        """Measured times of the tiers."""
        return Costs(self.courses)

    @cached_property
    def gains(self) -> dict[str, Any] | None:
        """What each choice for the workers' runtime would gain (runtime.recommend), None when it was not measured."""
        if self.runtime is None:
            return None
        return recommend(self.runtime, {entry["key"]: entry["blocks"] for entry in self.courses})

    @property
    def storage_in_use(self) -> bool:
        """Whether a learner's request reads storage."""
        asked = (self.survey.get("storage") or {}).get("in_use")
        return asked if asked is not None else not self.release.storage_switch or self.switch(self.release.storage_switch)

    @property
    def storage_failure_is_a_rebuild(self) -> bool:
        """Whether every failure to read an object counts as "not found", as with the resilient class."""
        return bool(self.survey["settings"].get("storage_state"))

    @property
    def cache_servers(self) -> list[Server]:
        """The servers of the alias default, which holds block structures."""
        return [server for server in self.servers if "default" in server.aliases]

    @property
    def item_size_bytes(self) -> int | None:
        """The smallest -I of these servers, None when unknown."""
        return min((server.live["item_size_bytes"] for server in self.cache_servers if server.live), default=None)

    def switch(self, name: str) -> bool:
        """Return whether a switch is on; one that is absent is off."""
        return bool(self.survey["switches"].get(name))


def effective_release(release: Release, survey: dict[str, Any]) -> Release:
    """Return the release with the client limit of this site's settings, if its client has one."""
    limit = survey["settings"]["cache"].get("client_limit_bytes")
    if limit and release.client_item_limit_bytes:
        return replace(release, client_item_limit_bytes=int(limit))
    return release


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address means the host itself."""
    return host in ("localhost", "::1") or host.startswith("127.")


def names(keys: list[str], most: int = 3) -> str:
    """Return the first names of a list and the number of the rest, as text."""
    more = len(keys) - most
    return ", ".join(keys[:most]) + (f" and {more} more" if more > 0 else "")


def courses_in_words(entries: list[dict[str, Any]]) -> str:
    """Return the number and the keys of courses, as the subject of a sentence."""
    keys = [entry["key"] for entry in entries]
    return keys[0] if len(keys) == 1 else f"{len(keys)} courses ({names(keys)})"
