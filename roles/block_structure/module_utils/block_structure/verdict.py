"""Which tier serves a course and why, and what is not as it should be on a site. The same words for role and tools."""

from __future__ import annotations

from typing import Any

from .diagnosis import cache, courses, database, local_storage, redis, runtime, settings, storage
from .diagnosis.look import Look
from .findings import order

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


def why_not_cached(entry: dict[str, Any], look: Look) -> str:
    """Return why a course's structure is not in the cache: the firmest limit, else what may have happened to it."""
    refused = cache.refused_by(entry["bytes"], look.release, look.survey, look.item_size_bytes)
    return refused[1] if refused else cache.history(look)


def course(entry: dict[str, Any], look: Look) -> dict[str, Any]:
    """Return the course as it is told: what it is, the tier that answers now, the one without cache, and why (`reason`)."""
    told = {name: entry.get(name) for name in _TOLD}
    if entry["tier"] == "cache":
        told["reason"] = "in the cache"
    elif entry["error"]:
        told["reason"] = f"the cache cannot be asked ({entry['error']['type']}: {entry['error']['message']})"
    elif entry["tier"] == "storage":
        told["reason"] = f"read from storage: {why_not_cached(entry, look)}"
    else:
        told["reason"] = f"rebuilt in the request: {courses.in_words(entry)}; {why_not_cached(entry, look)}"
    return told


def site(look: Look) -> dict[str, Any]:
    """Return {"courses": [course verdict], "findings": [finding as data]} of a look."""
    found = [finding for subject in _SUBJECTS for finding in subject.find(look)]
    return {
        "courses": [course(entry, look) for entry in look.courses],
        "findings": [finding.as_dict() for finding in order(found)],
    }
