"""Courses: whether each has a row, a readable object and the published version."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.decisions.candidate import meaning
from . import queues
from .snapshot import Snapshot, courses_in_words, names

_DEPLOY = "run openedx_operators.block_structure.deploy; it generates missing structures and reports why a course fails."
_FORBIDDEN = ("403", "AccessDenied")


def problem_of(entry: dict[str, Any], snapshot: Snapshot) -> str | None:
    """Return the id of the finding that explains why storage does not serve a course, None when it does."""
    if entry["tier_when_cold"] != "modulestore":
        return None
    if not entry["row"]:
        return "course-not-stored"
    problem = entry.get("object_error")
    if not problem:
        # The object is readable; only the switch is off, which is a finding of the storage.
        return None if not snapshot.storage_in_use else "course-not-stored"
    code, kind = str(problem.get("code")), problem["type"]
    if code in ("corrupt", "unreadable", "damaged", "garbled"):
        return "object-corrupt"
    if code in ("tampered", "other_key", "unsigned"):
        return "object-not-verified"
    if code in ("404", "NoSuchKey") or kind == "FileNotFoundError":
        return "object-missing"
    return "object-unreadable"


def in_words(entry: dict[str, Any]) -> str:
    """Return why storage does not serve a course."""
    problem = entry.get("object_error")
    if not entry["row"]:
        return "no row in block_structure"
    if problem:
        return f"the object cannot be read ({problem['type']}: {problem['message']})"
    return "storage is not in use (the switch is off)"


_MESSAGES = {
    "course-not-stored": ("Storage has nothing for {who}: {why}.", _DEPLOY),
    "object-missing": ("The stored object of {who} is gone: {why}.", _DEPLOY),
    "object-corrupt": ("The LMS cannot unpickle the stored object of {who}: {why}.", _DEPLOY),
    "object-not-verified": (
        "The LMS does not use the stored object of {who}, since nothing shows that this site wrote it: {why}.",
        "find who wrote it (the bucket's versions, its access log), then run openedx_operators.block_structure.deploy.",
    ),
    "object-unreadable": ("The LMS cannot read the stored object of {who}: {why}.", _DEPLOY),
}


def _unserved(snapshot: Snapshot, failed: set[str]) -> list[Finding]:
    by_problem: dict[str, list[dict[str, Any]]] = {}
    for entry in snapshot.courses:
        identifier = problem_of(entry, snapshot)
        if identifier and entry["key"] not in failed:
            by_problem.setdefault(identifier, []).append(entry)
    found = []
    for identifier, entries in by_problem.items():
        text, remedy = _MESSAGES[identifier]
        problem = entries[0].get("object_error")
        cost, cost_text = snapshot.costs.rebuild(entries)
        if identifier == "object-unreadable" and problem:
            # Only "not found" makes the platform rebuild; any other S3 error becomes an error page (facts: models.py).
            meant, better = meaning(problem)
            remedy = better or remedy
            if not snapshot.storage_failure_is_a_rebuild:
                cost, cost_text = None, f"HTTP 500 at each cold request{f': {meant}' if meant else ''}"
        found.append(
            Finding(
                identifier,
                "error",
                text.format(who=courses_in_words(entries), why=in_words(entries[0])),
                remedy,
                evidence=[entry["key"] for entry in entries],
                cost_ms=cost,
                cost=cost_text,
            )
        )
    return found


def drafts(survey: dict[str, Any]) -> list[str]:
    """Return the keys of the courses whose row has a draft's version, now or before this run generated them."""
    now = [entry["key"] for entry in survey["courses"] if entry.get("draft")]
    return sorted({*now, *(survey.get("drafts_before") or [])})


def _drafts(snapshot: Snapshot) -> list[Finding]:
    keys = drafts(snapshot.survey)
    if not keys:
        return []
    # As the workers report it; else the usual cause.
    known = queues.ways(snapshot)
    by = f" ({'; '.join(wrong for wrong, _ in known)})" if known else ""
    remedies = [remedy for _, remedy in known] or [queues.NO_QUEUE]
    return [
        Finding(
            "drafts-served",
            "error",
            f"Studio's worker stores structures instead of the LMS's{by}, with the author's unpublished edits: {names(keys)}.",
            f"{'; '.join(remedies).rstrip('.')}, which generates these courses.",
            evidence=keys,
            cost="no time; learners see unpublished drafts",
        )
    ]


def _stale(snapshot: Snapshot, failed: set[str]) -> list[Finding]:
    stale = [
        entry
        for entry in snapshot.courses
        if entry["fresh"] is False
        and not entry.get("draft")
        and entry["key"] not in failed
        and problem_of(entry, snapshot) is None
    ]
    if not stale:
        return []
    return [
        Finding(
            "course-stale",
            "warning",
            f"The stored version is older than the published one: {courses_in_words(stale)}.",
            "wait for the publish task, or run openedx_operators.block_structure.deploy, which regenerates stale courses.",
            evidence=[entry["key"] for entry in stale],
            cost="no time; learners see the older version of the course",
        )
    ]


def _unpublished(snapshot: Snapshot) -> list[Finding]:
    keys = snapshot.survey.get("unpublished")
    if not keys:
        return []
    return [
        Finding(
            "course-unpublished",
            "info",
            f"Never published, so unknown to the LMS and without a structure: {names(keys)}.",
            "publish it in Studio if learners should see it.",
            evidence=list(keys),
            cost="nothing; learners cannot open it",
        )
    ]


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject."""
    failed = {report["key"] for report in snapshot.failures}
    return [
        *(
            Finding(
                "generation-failed",
                "error",
                f"{report['key']} could not be generated: {report['type']}: {report['message']}",
                "fix the course or the cause in the message, then run openedx_operators.block_structure.deploy again.",
                evidence=report["key"],
                cost="each request fails to rebuild it: learners get an error page",
            )
            for report in snapshot.failures
        ),
        *_unserved(snapshot, failed),
        *_drafts(snapshot),
        *_stale(snapshot, failed),
        *_unpublished(snapshot),
    ]
