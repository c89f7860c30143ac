"""Which tier serves a course and why, and what is not as it should be on a site. The same words for role and tools."""

from __future__ import annotations

from typing import Any

from .findings import Finding
from .memcached_sizing import ITEM_OVERHEAD_BYTES, item_size_flag
from .releases import Release


def why_not_cached(size: int | None, release: Release, survey: dict[str, Any], item_size_bytes: int | None) -> str:
    """Return why a structure of this size is not in the cache, the firmest limit first.

    item_size_bytes: -I of the memcached that serves the site, None when unknown.
    """
    cap = release.cache_cap_bytes
    if cap and size is not None and size >= cap:
        return f"{release.name} never caches {item_size_flag(cap)} or more"
    client = survey["settings"]["cache"]["client_limit_bytes"] or release.client_item_limit_bytes
    if client and size is not None and size >= client:
        return f"{release.cache_client} refuses values over {client} bytes before asking the server"
    if item_size_bytes and size is not None and size + ITEM_OVERHEAD_BYTES > item_size_bytes:
        return f"memcached refuses items over {item_size_flag(item_size_bytes)} (-I)"
    timeout = survey["row"]["cache_timeout_in_seconds"]
    if timeout is not None and timeout <= 0:
        return f"cache_timeout_in_seconds is {timeout}: nothing is ever cached"
    return "expired, evicted or not yet read" if timeout is not None else "evicted or not yet read"


def fits_cache(size: int | None, release: Release, survey: dict[str, Any], item_size_bytes: int | None) -> bool:
    """Return whether the cache could hold a structure of this size at all."""
    return "evicted" in why_not_cached(size, release, survey, item_size_bytes)


def _storage_words(entry: dict[str, Any]) -> str:
    if not entry["row"]:
        return "it has no row in block_structure"
    problem = entry.get("object_error")
    if problem:
        return f"its object cannot be read ({problem['type']}: {problem['message']})"
    return "storage is not in use (the switch is off)"


def course(
    entry: dict[str, Any], release: Release, survey: dict[str, Any], item_size_bytes: int | None = None
) -> dict[str, Any]:
    """Return {"key", "blocks", "bytes", "tier", "tier_when_cold", "reason", "fresh", "cache_ms", "storage_ms"}."""
    told = {
        name: entry[name] for name in ("key", "blocks", "bytes", "tier", "tier_when_cold", "fresh", "cache_ms", "storage_ms")
    }
    if entry["tier"] == "cache":
        told["reason"] = "in the cache"
    elif entry["error"]:
        told["reason"] = f"the cache cannot be asked ({entry['error']['type']}: {entry['error']['message']})"
    elif entry["tier"] == "storage":
        told["reason"] = f"read from storage: {why_not_cached(entry['bytes'], release, survey, item_size_bytes)}"
    else:
        told["reason"] = f"rebuilt in the request: {_storage_words(entry)}"
    return told


def _course_findings(courses: list[dict[str, Any]], survey: dict[str, Any]) -> list[Finding]:
    findings = []
    for told, entry in zip(courses, survey["courses"]):
        if told["tier_when_cold"] == "modulestore":
            findings.append(
                Finding(
                    "course-not-stored",
                    "error",
                    f"{told['key']} has no storage behind the cache: {_storage_words(entry)}.",
                    "run playbooks/deploy.yml; it generates what is missing and says why a course fails.",
                    evidence=told["key"],
                )
            )
        elif entry["fresh"] is False:
            findings.append(
                Finding(
                    "course-stale",
                    "warning",
                    f"{told['key']} is stored in an older version than the one published.",
                    "wait for the publish task, or run playbooks/deploy.yml, which regenerates stale courses.",
                    evidence=told["key"],
                )
            )
    return findings


def site(
    survey: dict[str, Any],
    release: Release,
    desired: dict[str, Any],
    *,
    item_size_bytes: int | None = None,
    failures: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return {"courses": [course verdict], "findings": [finding]} for a survey against what is desired.

    desired: {"settings", "row", "switches"} as validated. failures: reports of courses that generation could not do.
    """
    courses = [course(entry, release, survey, item_size_bytes) for entry in survey["courses"]]
    findings = [
        Finding(
            "generation-failed",
            "error",
            f"{report['key']} could not be generated: {report['type']}: {report['message']}",
            "mend the course or what the message names, then run playbooks/deploy.yml again.",
            evidence=report["key"],
        )
        for report in failures or []
    ]
    failed = {report["key"] for report in failures or []}
    findings += [finding for finding in _course_findings(courses, survey) if finding.evidence not in failed]
    live = survey["settings"]["block_structures"]
    for name, value in desired["settings"].items():
        shown = {key: live.get(name, {}).get(key) for key in value} if name == "STORAGE_KWARGS" else live.get(name)
        if shown != value:
            findings.append(
                Finding(
                    "settings-differ",
                    "error",
                    f"BLOCK_STRUCTURES_SETTINGS['{name}'] in force is {shown}, wanted is {value}.",
                    "run playbooks/deploy.yml.",
                )
            )
    for name, value in desired["row"].items():
        if survey["row"][name] != value:
            findings.append(
                Finding(
                    "row-differs",
                    "error",
                    f"BlockStructureConfiguration.{name} in force is {survey['row'][name]}, wanted is {value}.",
                    "run playbooks/deploy.yml.",
                )
            )
    for name, value in desired["switches"].items():
        if bool(survey["switches"].get(name)) != value:
            findings.append(
                Finding(
                    "switch-differs",
                    "error",
                    f"The switch {name} is {'off' if value else 'on'}, wanted is {'on' if value else 'off'}.",
                    "run playbooks/deploy.yml.",
                )
            )
    for name in release.inert_switches:
        if survey["switches"].get(name) is not None:
            findings.append(
                Finding(
                    "switch-inert",
                    "info",
                    f"The switch {name} is still there; nothing in {release.name} reads it.",
                    f"remove it with `manage.py lms waffle_delete --switches {name}`.",
                )
            )
    return {"courses": courses, "findings": [finding.as_dict() for finding in findings]}
