"""Tuning of Python's garbage collector in the LMS: which thresholds, whether they pay off, whether workers use them.

probe/operations/runtime.py measures gain and cost on the site itself, and proposes the thresholds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..common.errors import BlockStructureError
from .platforms import AUTO

THRESHOLDS_VARIABLE = "block_structure_runtime_gc_thresholds"
FREEZE_VARIABLE = "block_structure_runtime_gc_freeze"
# Platforms with tasks/platform/<name>/runtime.yml.
PLATFORMS = ("native", "tutor_local", "tutor_k8s")
# Below the minimum an LMS collects constantly; above the maximum a worker keeps hundreds of MB of garbage between collections.
YOUNG_RANGE = (700, 1_000_000)
OLDER_RANGE = (1, 1_000)
# A gain below both is unnoticeable to a learner: it is reported, but not recommended.
WORTH_MS, WORTH_PERCENT = 50.0, 10.0
# In a diagnosis: the same budget as for the timed reads of a survey; one round always runs.
INSPECT_SECONDS = 10


@dataclass(frozen=True)
class Wanted:
    """The wanted garbage collector settings of a worker.

    thresholds: the three of gc.set_threshold, None to leave them alone. freeze: whether to call gc.freeze() after the start.
    """

    thresholds: list[int] | None
    freeze: bool

    def __bool__(self) -> bool:
        return self.thresholds is not None or self.freeze

    def as_dict(self) -> dict[str, Any]:
        """Return it as data, with `wanted` (any tuning at all), and as text for `python` and for the environment."""
        text = [*map(str, self.thresholds or []), *(["freeze"] if self.freeze else [])]
        return {**asdict(self), "wanted": bool(self), "python": str(self.thresholds), "environment": ",".join(text)}


def wanted(variables: dict[str, Any]) -> Wanted:
    """Return the tuning that the public variables ask for.

    Raises BlockStructureError `gc-thresholds` for harmful values, `runtime-platform` where the role cannot apply them.
    """
    thresholds = variables[THRESHOLDS_VARIABLE]
    if thresholds is not None:
        check_thresholds(thresholds)
        thresholds = [int(value) for value in thresholds]
    want = Wanted(thresholds, bool(variables[FREEZE_VARIABLE]))
    platform = variables["block_structure_platform"]
    if want and platform not in (*PLATFORMS, AUTO):
        raise BlockStructureError(
            "runtime-platform",
            f"Tuning of the garbage collector is requested, and this role does not support it on the platform {platform} yet.",
            f"remove {THRESHOLDS_VARIABLE} and {FREEZE_VARIABLE}; supported are {', '.join(PLATFORMS)}.",
            THRESHOLDS_VARIABLE,
        )
    return want


def check_thresholds(thresholds: Any) -> None:
    """Raise BlockStructureError `gc-thresholds` unless these are three numbers that keep garbage collection enabled."""

    def refuse(why: str) -> BlockStructureError:
        return BlockStructureError(
            "gc-thresholds",
            f"{THRESHOLDS_VARIABLE} is {thresholds}: {why}.",
            f"set three integers, such as [50000, 20, 100]: the first from {YOUNG_RANGE[0]} to {YOUNG_RANGE[1]}, "
            f"the others from {OLDER_RANGE[0]} to {OLDER_RANGE[1]}; or leave it unset (null).",
            THRESHOLDS_VARIABLE,
        )

    if not isinstance(thresholds, (list, tuple)) or len(thresholds) != 3:
        raise refuse("gc.set_threshold takes three numbers")
    if any(isinstance(value, bool) or not isinstance(value, int) for value in thresholds):
        raise refuse("each must be an integer")
    if thresholds[0] == 0:
        raise refuse("zero disables garbage collection, and the memory of a worker would grow without limit")
    for value, (least, most) in zip(thresholds, (YOUNG_RANGE, OLDER_RANGE, OLDER_RANGE)):
        if not least <= value <= most:
            raise refuse(f"{value} is not between {least} and {most}")


def trial(want: Wanted) -> dict[str, Any]:
    """Return the probe's operation that tries the wanted settings in a fork, without reading a structure."""
    return {
        "op": "runtime",
        "thresholds": want.thresholds,
        "courses": [],
        "variants": ["both" if want.freeze else "thresholds"],
    }


def inspect(want: Wanted) -> dict[str, Any]:
    """Return the probe's operation that measures, on courses of the preceding survey, only what a finding needs."""
    tuned = ["thresholds", "both"] if want.freeze else ["thresholds"]
    return {"op": "runtime", "thresholds": want.thresholds, "variants": ["stock", *tuned, "off"], "seconds": INSPECT_SECONDS}


def check_possible(want: Wanted, measured: dict[str, Any]) -> None:
    """Raise BlockStructureError `freeze-impossible` or `gc-thresholds` for what the LMS's Python does not support."""
    if want.freeze and not measured["freeze_possible"]:
        raise BlockStructureError(
            "freeze-impossible",
            f"{FREEZE_VARIABLE} is true, and Python {measured['python']} of the LMS has no gc.freeze.",
            f"remove {FREEZE_VARIABLE}; it needs Python 3.7.",
            FREEZE_VARIABLE,
        )
    taken = measured["variants"]["both" if want.freeze else "thresholds"]["thresholds"]
    if want.thresholds is not None and not takes(want.thresholds, taken, measured["python"]):
        raise BlockStructureError(
            "gc-thresholds",
            f"Python {measured['python']} of the LMS turns the thresholds {want.thresholds} into {taken}.",
            f"set {THRESHOLDS_VARIABLE} to values that it accepts.",
            THRESHOLDS_VARIABLE,
        )


def recommend(
    measured: dict[str, Any], *, wants_freeze: bool = False, blocks: dict[str, int | None] | None = None
) -> dict[str, Any]:
    """Return what tuning would gain on this site, from the result of the probe's operation `runtime`.

    blocks: {course key: number of blocks}. Result: {"objects", "thresholds": the tried ones, "freeze", "worth_it": bool,
    "courses": [{"key", "blocks", "bytes", "stock_ms", "tuned_ms", "frozen_ms" or None, "floor_ms" (collector off), "saved_ms",
    "saved_percent"}], "pause_ms": {"stock", "tuned"}, "peak_kb": {"stock", "tuned"}}. Milliseconds are medians of deserializing
    one structure, in processor time.
    """
    tuned = "both" if wants_freeze and measured["freeze_possible"] else "thresholds"
    courses = []
    for course in measured["courses"]:
        stock, now = course["ms"]["stock"], course["ms"][tuned]
        courses.append(
            {
                "key": course["key"],
                "blocks": (blocks or {}).get(course["key"]),
                "bytes": course["bytes"],
                "stock_ms": stock,
                "tuned_ms": now,
                "frozen_ms": course["ms"].get("freeze"),
                "floor_ms": course["ms"]["off"],
                "saved_ms": round(stock - now, 1),
                "saved_percent": round(100 * (stock - now) / stock, 1) if stock else 0.0,
            }
        )
    kinds = measured["variants"]
    return {
        "objects": measured["objects"],
        "thresholds": measured["candidate"],
        "freeze": tuned == "both",
        "worth_it": any(one["saved_ms"] >= WORTH_MS and one["saved_percent"] >= WORTH_PERCENT for one in courses),
        "courses": courses,
        "pause_ms": {"stock": kinds["stock"]["worst_pause_ms"], "tuned": kinds[tuned]["worst_pause_ms"]} if courses else None,
        "peak_kb": {"stock": kinds["stock"]["peak_kb"], "tuned": kinds[tuned]["peak_kb"]} if courses else None,
    }


def takes(wanted_thresholds: list[int], live: list[int], python: str) -> bool:
    """Return whether an interpreter uses the thresholds. From Python 3.14 on it has no third and reports 0.

    Source: documentation of gc.set_threshold, "Changed in version 3.14".
    """
    if tuple(int(part) for part in python.split(".")[:2]) >= (3, 14):
        return live[:2] == wanted_thresholds[:2]
    return live == wanted_thresholds


def judge_workers(workers: list[dict[str, Any]], services: list[str], want: Wanted) -> list[str]:
    """Return the problems of the running workers, one line each; empty when all run as wanted.

    workers: {"pid", "service", "report"}; report is what the process wrote about itself, None for nothing.
    services: those that must have at least one worker.
    """
    problems = []
    if want:
        present = {worker["service"] for worker in workers}
        problems += [f"no worker of {name} is running" for name in services if name not in present]
    for worker in workers:
        pid = "" if worker["pid"] is None else f" {worker['pid']}"
        name, report = f"worker{pid} of {worker['service']}", worker["report"]
        if not want:
            if report:
                problems.append(f"{name} still runs with {report['thresholds']}")
        elif report is None:
            problems.append(f"{name} does not report its thresholds")
        elif want.thresholds is not None and not takes(want.thresholds, report["thresholds"], report["python"]):
            problems.append(f"{name} runs with {report['thresholds']}, wanted is {want.thresholds}")
        elif want.freeze and not report["frozen"]:
            problems.append(f"{name} has frozen nothing")
        elif not report["enabled"]:
            problems.append(f"{name} has garbage collection disabled")
    return problems
