"""Which tier serves a course and why, and what is not as it should be on a site. The same words for role and tools."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.findings import order
from . import (
    cache,
    courses,
    database,
    local_storage,
    redis,
    runtime,
    settings,
    storage,
)
from .snapshot import Snapshot

# In this order the findings of equal weight are told: causes before what they bring about.
_SUBJECTS = (storage, local_storage, database, cache, redis, courses, settings, runtime)
_TOLD = (
    "key",
    "blocks",
    "bytes",
    "row",
    "object",
    "object_exists",
    "cached",
    "tier",
    "tier_when_cold",
    "fresh",
    "cache_ms",
    "storage_ms",
    "unpickle_ms",
    "rebuild_ms",
)


def why_not_cached(entry: dict[str, Any], snapshot: Snapshot) -> str:
    """Return why a course's structure is not in the cache: the firmest limit, else what may have happened to it."""
    refused = cache.refused_by(entry["bytes"], snapshot.release, snapshot.survey, snapshot.item_size_bytes)
    return refused[1] if refused else cache.history(snapshot)


def course(entry: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """Return the course as it is told: what it is, the tier that answers now, the one without cache, and why (`reason`)."""
    report = {name: entry.get(name) for name in _TOLD}
    if entry["tier"] == "cache":
        report["reason"] = "in the cache"
    elif entry["error"]:
        report["reason"] = f"the cache cannot be asked ({entry['error']['type']}: {entry['error']['message']})"
    elif entry["tier"] == "storage":
        report["reason"] = f"read from storage: {why_not_cached(entry, snapshot)}"
    else:
        report["reason"] = f"rebuilt in the request: {courses.in_words(entry)}; {why_not_cached(entry, snapshot)}"
    return report


def site(snapshot: Snapshot) -> dict[str, Any]:
    """Return {"courses": [course verdict], "findings": [finding as data]} of a look."""
    found = [finding for subject in _SUBJECTS for finding in subject.find(snapshot)]
    return {
        "courses": [course(entry, snapshot) for entry in snapshot.courses],
        "findings": [finding.as_dict() for finding in order(found)],
    }
