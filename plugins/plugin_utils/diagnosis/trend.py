"""What one diagnosis adds to the history of a site: a few figures that fit a line, so that years of them can be kept. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

from . import summary

# Key of a record -> its type. A record of a later version may have more keys.
_NUMBERS = ("errors", "warnings", "courses", "rebuilt", "missing", "stale")
_TIMES = ("worst_ms", "p95_ms")
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def record(report: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a diagnosis.

    when: UTC. rebuilt: courses that are rebuilt in a learner's request now; missing: those that are with a cold cache, since
    storage has nothing for them; stale: those stored in an older version than the published one. worst_ms, p95_ms:
    milliseconds to read a course from the tier that answers it now; None if nothing was measured, or if a rebuild that nobody
    measured is among the slowest.
    """
    found = summary.of(report)
    times = _times(report["courses"])
    return {
        "when": report["generated"],
        "site": report.get("site"),
        "errors": found.counts["error"],
        "warnings": found.counts["warning"],
        "courses": found.courses,
        "rebuilt": found.tiers["modulestore"],
        "missing": found.tiers_when_cold["modulestore"],
        "stale": found.stale,
        "worst_ms": _known(times, 1.0),
        "p95_ms": _known(times, 0.95),
    }


def _times(courses: list[dict[str, Any]]) -> list[float]:
    """Return the times to read each course now, sorted; a rebuild that nobody measured is slower than all of them."""
    known = [(course["tier"], summary.read_ms(course, course["tier"])) for course in courses]
    return sorted(math.inf if ms is None else ms for tier, ms in known if ms is not None or tier == "modulestore")


def _known(times: list[float], share: float) -> float | None:
    """Return the time within which a share of the courses is read, None if it is not known."""
    found = times[math.ceil(share * len(times)) - 1] if times else math.inf
    return None if math.isinf(found) else found


def is_record(found: Any) -> bool:
    """Return whether a value that was read from a file is a record: it has every key, each of its type."""
    if not isinstance(found, dict):
        return False
    try:
        moment(found)
    except (KeyError, TypeError, ValueError):
        return False
    whole = all(isinstance(found.get(name), int) and found[name] >= 0 for name in _NUMBERS)
    timed = all(name in found and (found[name] is None or isinstance(found[name], (int, float))) for name in _TIMES)
    return whole and timed and isinstance(found.get("site", 0), (str, type(None)))


def moment(found: dict[str, Any]) -> datetime:
    """Return when a record was made. Raises ValueError for another form of time."""
    return datetime.strptime(found["when"], _FORM).replace(tzinfo=timezone.utc)


def verdict(found: dict[str, Any]) -> str:
    """Return the verdict of a record in a word or two."""
    return "needs action" if found["errors"] else "attention" if found["warnings"] else "good"


def needs_attention(found: dict[str, Any]) -> bool:
    """Return whether a record needs attention, as a diagnosis does."""
    return bool(found["errors"] or found["warnings"])


_COMPARED = (
    ("rebuilt", "courses rebuilt for learners"),
    ("missing", "courses without a stored structure"),
    ("worst_ms", "slowest course in ms"),
    ("p95_ms", "95th percentile in ms"),
)


def change(records: list[dict[str, Any]]) -> str:
    """Return in a sentence what changed from the first record to the last one."""
    first, last = records[0], records[-1]
    if len(records) == 1:
        return f"One diagnosis, of {first['when'][:10]}: {verdict(first)}."
    parts = [
        f"{what} {first[key]:,.0f} → {last[key]:,.0f}"
        for key, what in _COMPARED
        if None not in (first[key], last[key]) and (first[key] or last[key])
    ]
    begun = f"{len(records)} diagnoses from {first['when'][:10]} to {last['when'][:10]}, the last one: {verdict(last)}"
    return f"{begun}; {', '.join(parts)}." if parts else f"{begun}."
