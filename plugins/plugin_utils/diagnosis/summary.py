"""The summary of a diagnosis or of a verification: what a reader needs first, for every place that shows one. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.findings import SEVERITIES

TIERS = ("cache", "storage", "modulestore")
_NAMES = {"error": "error", "warning": "warning", "info": "note"}


@dataclass(frozen=True)
class Worst:
    """The course whose structure takes longest to read.

    ms: milliseconds from the tier that answers now; None where the slowest courses are rebuilt and nobody measured that.
    ms_cold: the same with a cold cache, None when not measured.
    """

    key: str
    blocks: int | None
    tier: str
    ms: float | None
    tier_when_cold: str
    ms_cold: float | None


@dataclass(frozen=True)
class Group:
    """Findings of one kind. same: what the others of the group are about, if they differ from the first by nothing else."""

    identifier: str
    severity: str
    findings: tuple[dict[str, Any], ...]
    same: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What a reader needs first.

    severity: the most urgent of the findings, None without any. counts: number of findings by severity. tiers, tiers_when_cold:
    number of courses by the tier that answers. stale: number of courses whose stored version is not the published one. needs:
    courses that somebody has to do something about. to_set: (variable, value) that cures findings and is not set yet.
    """

    severity: str | None
    counts: dict[str, int]
    courses: int
    tiers: dict[str, int]
    tiers_when_cold: dict[str, int]
    stale: int
    worst: Worst | None
    needs: tuple[dict[str, Any], ...]
    to_set: tuple[tuple[str, Any], ...]


def read_ms(course: dict[str, Any], tier: str) -> float | None:
    """Return the milliseconds that reading a course from a tier takes, None when not measured."""
    if tier == "modulestore":
        return course.get("rebuild_ms")
    fetch, unpickle = course.get(f"{tier}_ms"), course.get("unpickle_ms")
    return None if fetch is None else round(fetch + (unpickle or 0.0), 1)


def _worst(courses: list[dict[str, Any]]) -> Worst | None:
    """Return the slowest course: a rebuild that nobody measured is slower than every read that somebody did."""

    def slowness(course: dict[str, Any]) -> tuple[bool, float, int]:
        known = read_ms(course, course["tier"])
        return course["tier"] == "modulestore" and known is None, known or 0.0, course["blocks"] or 0

    measured = [course for course in courses if course["tier"] == "modulestore" or read_ms(course, course["tier"]) is not None]
    if not measured:
        return None
    # A measured rebuild says more than a presumed one.
    timed = [course for course in measured if course["tier"] == "modulestore" and course.get("rebuild_ms")]
    course = max(timed or measured, key=slowness)
    times = {tier: read_ms(course, tier) for tier in (course["tier"], course["tier_when_cold"])}
    return Worst(
        course["key"],
        course["blocks"],
        course["tier"],
        times[course["tier"]],
        course["tier_when_cold"],
        times[course["tier_when_cold"]],
    )


def needs_something(course: dict[str, Any]) -> bool:
    """Return whether a course is rebuilt in a learner's request, now or with a cold cache, or is outdated."""
    return "modulestore" in (course["tier"], course["tier_when_cold"]) or course.get("fresh") is False


def _count(courses: list[dict[str, Any]], name: str) -> dict[str, int]:
    return {tier: sum(course[name] == tier for course in courses) for tier in TIERS}


def of(report: dict[str, Any]) -> Summary:
    """Return the summary of block_structure_diagnosis or block_structure_result."""
    courses, findings = report["courses"], report["findings"]
    counts = {severity: sum(finding["severity"] == severity for finding in findings) for severity in SEVERITIES}
    cure = [row for row in report.get("cure") or [] if row["findings"] and not row["proposed"] and not row.get("given")]
    return Summary(
        severity=next((severity for severity in SEVERITIES if counts[severity]), None),
        counts=counts,
        courses=len(courses),
        tiers=_count(courses, "tier"),
        tiers_when_cold=_count(courses, "tier_when_cold"),
        stale=sum(course.get("fresh") is False for course in courses),
        worst=_worst(courses),
        needs=tuple(course for course in courses if needs_something(course)),
        to_set=tuple((row["name"], row["value"]) for row in cure if row["value"] is not None or not row["note"]),
    )


def many(number: int, thing: str) -> str:
    """Return a number of things as text, such as `1 course` and `2 courses`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def counted(counts: dict[str, int]) -> str:
    """Return the number of findings by severity as text, without those that there are none of."""
    return ", ".join(many(counts[severity], _NAMES[severity]) for severity in SEVERITIES if counts[severity]) or "no findings"


def verdict(summary: Summary) -> str:
    """Return the verdict in one line."""
    found = counted(summary.counts)
    if summary.severity == "error":
        return f"Needs action: {found}."
    if summary.severity == "warning":
        return f"Works, and something needs attention: {found}."
    return f"Nothing needs attention: {found}."


def _served(counts: dict[str, int]) -> str:
    words = {"cache": "from the cache", "storage": "from storage", "modulestore": "rebuilt in a learner's request"}
    return ", ".join(f"{counts[tier]:,} {words[tier]}" for tier in TIERS if counts[tier])


def _milliseconds(value: float | None, tier: str) -> str:
    if tier == "modulestore":
        return (
            "rebuilt in the request, not measured (`block-structure diagnose --rebuild` does)"
            if value is None
            else f"{value:,.0f} ms for a rebuild"
        )
    return f"{tier} not measured" if value is None else f"{value:,.0f} ms from {tier}"


def _shown(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def lines(summary: Summary) -> list[tuple[str, str]]:
    """Return the summary as (what, sentence), without the verdict; the first sentence needs no what."""
    if not summary.courses:
        return [("", "No course is published.")]
    found = [("", f"{many(summary.courses, 'course')}: {_served(summary.tiers)}.")]
    if summary.tiers_when_cold != summary.tiers:
        found.append(("With a cold cache", f"{_served(summary.tiers_when_cold)}."))
    if summary.stale:
        found.append(("Outdated", f"{many(summary.stale, 'course')}, older than what was published."))
    worst = summary.worst
    if worst:
        text = _milliseconds(worst.ms, worst.tier)
        if worst.tier_when_cold != worst.tier:
            text += f", {_milliseconds(worst.ms_cold, worst.tier_when_cold)}"
        found.append(("Slowest course", f"{text}: {worst.key}" + (f", {worst.blocks:,} blocks." if worst.blocks else ".")))
    return found


def set_lines(summary: Summary) -> list[str]:
    """Return the variables that cure findings, as lines of YAML."""
    return [f"{name}: {_shown(value)}" for name, value in summary.to_set]


def groups(findings: Iterable[dict[str, Any]]) -> list[Group]:
    """Return the findings by kind, in their order. Those that differ only in the variable that they name are one message."""
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for finding in findings:
        kinds.setdefault((finding["severity"], finding["id"]), []).append(finding)
    found = []
    for (severity, identifier), members in kinds.items():
        alike = {(_without_variable(one, "cause"), _without_variable(one, "remedy")) for one in members}
        same = tuple(str(one["variable"]) for one in members[1:]) if len(alike) == 1 and members[0]["variable"] else ()
        found.append(Group(identifier, severity, tuple(members), same))
    return sorted(found, key=lambda group: SEVERITIES.index(group.severity))


def _without_variable(finding: dict[str, Any], name: str) -> str:
    text = str(finding[name])
    return text.replace(finding["variable"], "…") if finding["variable"] else text
