"""What a missing tier costs a learner's request, from the times that the survey measured on this site and nowhere else."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

Entry = dict[str, Any]


def _median(values: Iterable[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return statistics.median(measured) if measured else None


def measured_ms(entry: Entry, name: str) -> float | None:
    """Return a time of a course: the one of a survey, or the median of a benchmark's rounds; None if it was not measured."""
    value = entry.get(name)
    return _median(value) if isinstance(value, list) else value


class Costs:
    """The measured medians of a site."""

    def __init__(self, courses: list[Entry]) -> None:
        self.courses = courses
        self.cache_ms = _median(measured_ms(entry, "cache_ms") for entry in courses)
        self.storage_ms = _median(measured_ms(entry, "storage_ms") for entry in courses)
        self.rebuild_ms_per_block = _median(
            rebuild_ms / entry["blocks"]
            for entry in courses
            if (rebuild_ms := measured_ms(entry, "rebuild_ms")) and entry.get("blocks")
        )

    def fetch(self, entries: list[Entry]) -> tuple[float | None, str]:
        """Return the extra cost of reading these courses from storage instead of the cache."""
        storage = _median(measured_ms(entry, "storage_ms") for entry in entries) or self.storage_ms
        if storage is None:
            return None, "a read from storage per request; not measured"
        more = max(0.0, storage - (self.cache_ms or 0.0))
        against = f"cache {self.cache_ms:.1f} ms" if self.cache_ms is not None else "cache not measured"
        return round(more, 1), f"{more:,.0f} ms more per request of such a course (storage {storage:.1f} ms, {against})"

    def rebuild(self, entries: list[Entry]) -> tuple[float | None, str]:
        """Return the cost of a rebuild in the request for the largest of these courses."""
        measured = [(milliseconds, entry["key"]) for entry in entries if (milliseconds := measured_ms(entry, "rebuild_ms"))]
        if measured:
            milliseconds, key = max(measured)
            return milliseconds, f"{milliseconds:,.0f} ms for a rebuild in the request (measured on {key})"
        blocks = max((entry["blocks"] for entry in entries if entry.get("blocks")), default=None)
        if self.rebuild_ms_per_block and blocks:
            milliseconds = round(self.rebuild_ms_per_block * blocks, 1)
            return milliseconds, (
                f"about {milliseconds:,.0f} ms for a rebuild in the request of {blocks:,} blocks "
                f"({self.rebuild_ms_per_block:.2f} ms per block, measured on other courses)"
            )
        return None, "a rebuild in the request, which takes seconds; not measured (`block-structure diagnose --rebuild` does)"

    def miss(self, entries: list[Entry]) -> tuple[float | None, str]:
        """Return the cost of a cache miss for these courses: a rebuild where storage does not have them, else a fetch."""
        rebuilt = [entry for entry in entries if entry["tier_when_cold"] == "modulestore"]
        return self.rebuild(rebuilt) if rebuilt else self.fetch(entries)
