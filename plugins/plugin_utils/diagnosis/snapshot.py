"""Everything that was asked of one site, in one place; what was not asked is None or empty, and then nothing is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ...module_utils.decisions.releases import Release
from ...module_utils.decisions.runtime import recommend
from .cost import Costs

MIB = 1024 * 1024


@dataclass(frozen=True)
class Server:
    """One memcached as it answered from the LMS host.

    name: as CACHES names it. aliases: the aliases of CACHES that use it. live: {"memory_mb", "item_size_bytes"}, empty when it
    did not answer. stats, items: `stats` and `stats items` as text values. plan: what the structures need. error: its words.
    """

    name: str
    aliases: tuple[str, ...] = ("default",)
    live: dict[str, int] = field(default_factory=dict)
    stats: dict[str, str] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    plan: dict[str, Any] | None = None
    error: str | None = None

    def count(self, name: str) -> int:
        """Return a counter of `stats`, 0 where this version of memcached has none of that name."""
        return int(self.stats.get(name, "0"))

    def total(self, name: str) -> int:
        """Return a counter of `stats items` summed over the slab classes (names are items:<class>:<counter>)."""
        return sum(int(value) for key, value in self.items.items() if key.endswith(f":{name}"))

    @property
    def uptime_seconds(self) -> int:
        """Seconds since it was started, which emptied it and set its counters to 0."""
        return self.count("uptime")


@dataclass(frozen=True)
class Headroom:
    """What a cache has to hold beside the structures: their growth, and MiB of everything else (the role's own variables)."""

    growth_percent: int = 30
    other_tenants_mb: int = 64


@dataclass(frozen=True)
class Snapshot:
    """What is known of a site.

    survey: the probe's. examination: the probe's `examine`, None when not asked. servers: every memcached of the aliases.
    bucket: bucket_info's, None when not read; bucket_problem: why not. desired: {"settings", "row", "switches"}
    as validated, None while the variables are not complete. failures: reports of courses that generation could not do.
    others: surveys of further LMS hosts by name. runtime: the probe's `runtime`, None when not asked. room: what the cache is
    to be measured by. pod_disk: whether what is not in S3 lies on the disk of the pod that wrote it.
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
    runtime: dict[str, Any] | None = None
    headroom: Headroom = Headroom()
    pod_disk: bool = False

    @property
    def courses(self) -> list[dict[str, Any]]:
        """The courses of the survey."""
        return list(self.survey["courses"])

    @cached_property
    def costs(self) -> Costs:
        """What was measured of the tiers."""
        return Costs(self.courses)

    @cached_property
    def collector(self) -> dict[str, Any] | None:
        """What tuning Python's collector would bring (runtime.recommend), None when it was not measured."""
        if self.runtime is None:
            return None
        asked = (self.desired or {}).get("runtime") or {}
        blocks = {entry["key"]: entry["blocks"] for entry in self.courses}
        return recommend(self.runtime, wants_freeze=bool(asked.get("freeze")), blocks=blocks)

    @property
    def storage_in_use(self) -> bool:
        """Whether a learner's request reads storage."""
        asked = (self.survey.get("storage") or {}).get("in_use")
        return asked if asked is not None else not self.release.storage_switch or self.switch(self.release.storage_switch)

    @property
    def storage_failure_is_a_rebuild(self) -> bool:
        """Whether whatever keeps an object from being read counts as "not found": the resilient class does that."""
        return bool(self.survey["settings"].get("storage_state"))

    @property
    def cache_servers(self) -> list[Server]:
        """The servers of the alias that block structures are kept in."""
        return [server for server in self.servers if "default" in server.aliases]

    @property
    def item_size_bytes(self) -> int | None:
        """The smallest -I of these servers, None when unknown."""
        return min((server.live["item_size_bytes"] for server in self.cache_servers if server.live), default=None)

    def switch(self, name: str) -> bool:
        """Return whether a switch is on; one that is absent is off."""
        return bool(self.survey["switches"].get(name))


def effective_release(release: Release, survey: dict[str, Any]) -> Release:
    """Return the release with the client's limit that this site has set, where its client has one at all."""
    limit = survey["settings"]["cache"].get("client_limit_bytes")
    if limit and release.client_item_limit_bytes:
        return replace(release, client_item_limit_bytes=int(limit))
    return release


def names(keys: list[str], most: int = 3) -> str:
    """Return some names of a list in words."""
    more = len(keys) - most
    return ", ".join(keys[:most]) + (f" and {more} more" if more > 0 else "")


def courses_in_words(entries: list[dict[str, Any]]) -> str:
    """Return how many courses and which, as the subject of a sentence."""
    keys = [entry["key"] for entry in entries]
    return keys[0] if len(keys) == 1 else f"{len(keys)} courses ({names(keys)})"
