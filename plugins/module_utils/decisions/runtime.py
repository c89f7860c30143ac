"""Decisions about the collector of the LMS's Python: which thresholds, whether they pay, whether workers run with them.

What there is to gain and to lose is measured by probe/runtime.py on the site itself, which also proposes the thresholds.
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
# Below the first an LMS collects all day; above the last a worker keeps garbage by the hundred megabytes between collections.
YOUNG_RANGE = (700, 1_000_000)
OLDER_RANGE = (1, 1_000)
# A gain below both is noise to a learner: it is told, and not recommended.
WORTH_MS, WORTH_PERCENT = 50.0, 10.0
# A diagnosis takes no longer for this than for its reads of the tiers (probe/survey.py), unless a single round does.
LOOK_SECONDS = 10


@dataclass(frozen=True)
class Wanted:
    """What a worker is to run with.

    thresholds: the three of gc.set_threshold, None to leave them alone. freeze: whether to call gc.freeze() after the start.
    """

    thresholds: list[int] | None
    freeze: bool

    def __bool__(self) -> bool:
        return self.thresholds is not None or self.freeze

    def as_dict(self) -> dict[str, Any]:
        """Return it as data, with `wanted` (whether there is anything to do) and as Python and the environment write it."""
        text = [*map(str, self.thresholds or []), *(["freeze"] if self.freeze else [])]
        return {**asdict(self), "wanted": bool(self), "python": str(self.thresholds), "environment": ",".join(text)}


def wanted(variables: dict[str, Any]) -> Wanted:
    """Return what the public variables ask for.

    Raises BlockStructureError `gc-thresholds` for what would hurt a worker, `runtime-platform` where the role cannot do it.
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
            f"The collector is to be tuned, and this role does not tune workers of the platform {platform} yet.",
            f"remove {THRESHOLDS_VARIABLE} and {FREEZE_VARIABLE}; the role does it on {', '.join(PLATFORMS)}.",
            THRESHOLDS_VARIABLE,
        )
    return want


def check_thresholds(thresholds: Any) -> None:
    """Raise BlockStructureError `gc-thresholds` unless these are three numbers that keep the collector at work."""

    def refuse(why: str) -> BlockStructureError:
        return BlockStructureError(
            "gc-thresholds",
            f"{THRESHOLDS_VARIABLE} is {thresholds}: {why}.",
            f"give three integers, such as [50000, 20, 100]: the first from {YOUNG_RANGE[0]} to {YOUNG_RANGE[1]}, "
            f"the others from {OLDER_RANGE[0]} to {OLDER_RANGE[1]}; or leave it unset (null).",
            THRESHOLDS_VARIABLE,
        )

    if not isinstance(thresholds, (list, tuple)) or len(thresholds) != 3:
        raise refuse("gc.set_threshold takes three numbers")
    if any(isinstance(value, bool) or not isinstance(value, int) for value in thresholds):
        raise refuse("each must be an integer")
    if thresholds[0] == 0:
        raise refuse("zero switches the collector off, and a worker would never give its garbage back")
    for value, (least, most) in zip(thresholds, (YOUNG_RANGE, OLDER_RANGE, OLDER_RANGE)):
        if not least <= value <= most:
            raise refuse(f"{value} is not from {least} to {most}")


def trial(want: Wanted) -> dict[str, Any]:
    """Return the probe's operation that tries in a fork what is wanted, and reads nothing."""
    return {
        "op": "runtime",
        "thresholds": want.thresholds,
        "courses": [],
        "variants": ["both" if want.freeze else "thresholds"],
    }


def inspect(want: Wanted) -> dict[str, Any]:
    """Return the probe's operation that measures, on courses of the survey before it, only what a finding is made of."""
    tuned = ["thresholds", "both"] if want.freeze else ["thresholds"]
    return {"op": "runtime", "thresholds": want.thresholds, "variants": ["stock", *tuned, "off"], "seconds": LOOK_SECONDS}


def check_possible(want: Wanted, measured: dict[str, Any]) -> None:
    """Raise BlockStructureError for what the LMS's Python cannot do: `freeze-impossible`, `gc-thresholds`."""
    if want.freeze and not measured["freeze_possible"]:
        raise BlockStructureError(
            "freeze-impossible",
            f"{FREEZE_VARIABLE} is true, and Python {measured['python']} of the LMS has no gc.freeze.",
            f"remove {FREEZE_VARIABLE}; it takes Python 3.7.",
            FREEZE_VARIABLE,
        )
    taken = measured["variants"]["both" if want.freeze else "thresholds"]["thresholds"]
    if want.thresholds is not None and not takes(want.thresholds, taken, measured["python"]):
        raise BlockStructureError(
            "gc-thresholds",
            f"Python {measured['python']} of the LMS makes {taken} of the thresholds {want.thresholds}.",
            f"set {THRESHOLDS_VARIABLE} to what it takes.",
            THRESHOLDS_VARIABLE,
        )


def recommend(
    measured: dict[str, Any], *, wants_freeze: bool = False, blocks: dict[str, int | None] | None = None
) -> dict[str, Any]:
    """Return what tuning would bring on this site, from the answer of the probe's operation `runtime`.

    blocks: of each course by its key. Result: {"objects", "thresholds": the tried ones, "freeze", "worth_it": bool,
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
    """Return whether an interpreter runs with the thresholds. From Python 3.14 on it has no third and reports 0.

    Source: documentation of gc.set_threshold, "Changed in version 3.14".
    """
    if tuple(int(part) for part in python.split(".")[:2]) >= (3, 14):
        return live[:2] == wanted_thresholds[:2]
    return live == wanted_thresholds


def judge_workers(workers: list[dict[str, Any]], services: list[str], want: Wanted) -> list[str]:
    """Return what is wrong with the running workers, one line each; empty when all run as wanted.

    workers: {"pid", "service", "report"}; report is what the process said of itself, or None when it said nothing.
    services: every service that must have at least one worker.
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
            problems.append(f"{name} has its collector switched off")
    return problems
