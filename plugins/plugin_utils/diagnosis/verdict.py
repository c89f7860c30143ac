"""Which tier serves each course and why, and all findings of a site. Shared by the role and the CLI."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.findings import order
from . import (
    cache,
    courses,
    database,
    local_storage,
    pods,
    queues,
    redis,
    runtime,
    settings,
    storage,
)
from .snapshot import Snapshot

# Order of findings with equal weight: causes before their effects.
_SUBJECTS = (storage, local_storage, database, cache, redis, courses, queues, settings, runtime, pods)
_REPORTED = (
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
    """Return why a structure is not in the cache: the first limit that it exceeds, else its likely history."""
    refused = cache.refused_by(entry["bytes"], snapshot.release, snapshot.survey, snapshot.item_size_bytes)
    return refused[1] if refused else cache.history(snapshot)


def course(entry: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """Return the report of a course: its facts, the tier that serves it now and when cold, and why (`reason`)."""
    report = {name: entry.get(name) for name in _REPORTED}
    if entry["tier"] == "cache":
        report["reason"] = "in the cache"
    elif entry["error"]:
        report["reason"] = f"the cache cannot be read ({entry['error']['type']}: {entry['error']['message']})"
    elif entry["tier"] == "storage":
        report["reason"] = f"read from storage: {why_not_cached(entry, snapshot)}"
    else:
        report["reason"] = f"rebuilt in the request: {courses.in_words(entry)}; {why_not_cached(entry, snapshot)}"
    return report


def site(snapshot: Snapshot) -> dict[str, Any]:
    """Return {"courses": [course verdict], "findings": [finding as data]} of a snapshot."""
    found = [finding for subject in _SUBJECTS for finding in subject.find(snapshot)]
    return {
        "courses": [course(entry, snapshot) for entry in snapshot.courses],
        "findings": [finding.as_dict() for finding in order(found)],
    }
