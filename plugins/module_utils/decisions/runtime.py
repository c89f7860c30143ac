"""What the LMS's workers run with: what is wanted, whether it pays off on this site, and whether live workers have it.

probe/operations/runtime.py measures gain and cost on the site itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..common.errors import BlockStructureError
from .platforms import AUTO

COLLECTOR_VARIABLE = "block_structure_runtime_collector"
KEYS_VARIABLE = "block_structure_runtime_keys"
STOCK, OUT_OF_BAND, HASH_ONCE = "stock", "out_of_band", "hash_once"
VARIABLES = {"collector": COLLECTOR_VARIABLE, "keys": KEYS_VARIABLE}
SUBJECTS = {"collector": "Garbage collection", "keys": "Hashing of opaque keys"}
# Platforms with tasks/platform/<name>/runtime.yml.
PLATFORMS = ("native", "tutor_local", "tutor_k8s")
# A gain below either is unnoticeable to a learner: it is reported, but not recommended.
WORTH_MS, WORTH_PERCENT = 50.0, 10.0
# In a diagnosis: the same budget as for the timed reads of a survey; one round always runs.
INSPECT_SECONDS = 10


@dataclass(frozen=True)
class Wanted:
    """What workers should run with. collector: stock or out_of_band. keys: stock or hash_once."""

    collector: str = STOCK
    keys: str = STOCK

    def __bool__(self) -> bool:
        return (self.collector, self.keys) != (STOCK, STOCK)

    def as_dict(self) -> dict[str, Any]:
        """Return it as data, with `wanted` (anything but stock), and as text for the environment (worker.parse)."""
        return {**asdict(self), "wanted": bool(self), "environment": f"collector={self.collector},keys={self.keys}"}


def wanted(variables: dict[str, Any]) -> Wanted:
    """Return what the public variables ask for.

    Raises BlockStructureError `runtime-platform` where the role cannot apply it.
    """
    want = Wanted(str(variables[COLLECTOR_VARIABLE]), str(variables[KEYS_VARIABLE]))
    platform = variables["block_structure_platform"]
    if want and platform not in (*PLATFORMS, AUTO):
        raise BlockStructureError(
            "runtime-platform",
            f"A runtime for the LMS's workers is requested, and this role does not support it on the platform {platform} yet.",
            f"remove {COLLECTOR_VARIABLE} and {KEYS_VARIABLE}; supported are {', '.join(PLATFORMS)}.",
            COLLECTOR_VARIABLE,
        )
    return want


def inspect() -> dict[str, Any]:
    """Return the probe's operation that measures, on courses of the preceding survey, what each choice would bring."""
    return {"op": "runtime", "seconds": INSPECT_SECONDS}


def _worth(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return False
    return before - after >= WORTH_MS and before - after >= before * WORTH_PERCENT / 100


def _offer(courses: list[dict[str, Any]]) -> Wanted:
    """Return the choices that are worth it: each alone or beside the other, else both together, on at least one course."""

    def gains(before: str, after: str) -> bool:
        return any(_worth(course["ms"].get(before), course["ms"].get(after)) for course in courses)

    together = gains(STOCK, "both") and not (gains(STOCK, OUT_OF_BAND) or gains(STOCK, HASH_ONCE))
    return Wanted(
        OUT_OF_BAND if together or gains(STOCK, OUT_OF_BAND) or gains(HASH_ONCE, "both") else STOCK,
        HASH_ONCE if together or gains(STOCK, HASH_ONCE) or gains(OUT_OF_BAND, "both") else STOCK,
    )


def variant_of(want: Wanted) -> str:
    """Return the name of the measured variant of a choice: stock, out_of_band, hash_once or both."""
    return "both" if all(choice != STOCK for choice in (want.collector, want.keys)) else _only(want)


def _only(want: Wanted) -> str:
    return want.keys if want.collector == STOCK else want.collector


def recommend(measured: dict[str, Any], blocks: dict[str, int | None] | None = None) -> dict[str, Any]:
    """Return what each choice would gain on this site, from the result of the probe's operation `runtime`.

    blocks: {course key: number of blocks}. Result: {"objects", "keys_why": why hashes of keys cannot be kept, or None,
    "offer": {"collector", "keys"}, "worth_it": bool, "complete": whether every large course was measured, "courses": [{"key",
    "blocks", "bytes", "stock_ms", "out_of_band_ms", "hash_once_ms", "both_ms" (None where keys are left alone), "tuned_ms" (the
    offer, or the most that is possible), "saved_ms", "saved_percent"}], "collect_ms", "pause_ms", "resident_kb": {variant: figure}}.
    Milliseconds are medians of reading one structure and walking through it once, in processor time.
    """
    known = blocks or {}
    offer = _offer(measured["courses"])
    best = variant_of(offer) if offer else ("both" if measured["keys_why"] is None else OUT_OF_BAND)
    courses = []
    for course in measured["courses"]:
        times = course["ms"]
        saved = times[STOCK] - times[best]
        courses.append(
            {
                "key": course["key"],
                "blocks": known.get(course["key"]),
                "bytes": course["bytes"],
                **{f"{name}_ms": times.get(name) for name in (STOCK, OUT_OF_BAND, HASH_ONCE, "both")},
                "tuned_ms": times[best],
                "saved_ms": round(saved, 1),
                "saved_percent": round(100 * saved / times[STOCK], 1) if times[STOCK] else 0.0,
            }
        )
    figures = {"collect_ms": "collect_ms", "pause_ms": "worst_pause_ms", "resident_kb": "resident_kb"}
    return {
        "objects": measured["objects"],
        "keys_why": measured["keys_why"],
        "offer": asdict(offer),
        "worth_it": bool(offer),
        "complete": not measured["skipped"] and None not in known.values(),
        "courses": courses,
        **{
            name: {variant: summary[figure] for variant, summary in measured["variants"].items()}
            for name, figure in figures.items()
        },
    }


@dataclass(frozen=True)
class Judged:
    """What the live workers report against what is wanted.

    problems: one line each, which a restart may fix. refusals: choices that workers left alone for a reason, one entry for
    each cause: {"choice": collector or keys, "why", "services", "workers": how many}.
    """

    problems: list[str]
    refusals: list[dict[str, Any]]


def judge_workers(workers: list[dict[str, Any]], services: list[str], want: Wanted) -> Judged:
    """Judge the running workers.

    workers: {"pid", "service", "report"}; report is what the process wrote about itself, None for nothing.
    services: those that must have at least one worker.
    """
    present = {worker["service"] for worker in workers}
    problems = [f"no worker of {name} is running" for name in services if name not in present] if want else []
    refusals: dict[tuple[str, str], dict[str, Any]] = {}
    for worker in workers:
        pid = "" if worker["pid"] is None else f" {worker['pid']}"
        name, report = f"worker{pid} of {worker['service']}", worker["report"]
        if report is None:
            problems += [f"{name} does not report what it runs with"] if want else []
            continue
        problems += [f"{name} {problem}" for problem in _problems(report, want)]
        for choice, why in _refused(report, want):
            entry = refusals.setdefault((choice, why), {"choice": choice, "why": why, "services": [], "workers": 0})
            entry["workers"] += 1
            if worker["service"] not in entry["services"]:
                entry["services"].append(worker["service"])
    return Judged(problems, list(refusals.values()))


def _chosen(report: dict[str, Any], choice: str) -> dict[str, Any]:
    """Return {"mode", "asked", "why"} of a report; that of another version of the package has none."""
    reported = report.get(choice)
    return reported if isinstance(reported, dict) else {"mode": None, "asked": None, "why": None}


def _refused(report: dict[str, Any], want: Wanted) -> list[tuple[str, str]]:
    """Return (choice, why) of each choice that this worker was asked for and left alone."""
    found = []
    for choice, value in asdict(want).items():
        reported = _chosen(report, choice)
        if reported["mode"] != value and reported["asked"] == value and reported["why"]:
            found.append((choice, str(reported["why"])))
    return found


def _problems(report: dict[str, Any], want: Wanted) -> list[str]:
    if not want:
        modes = " and ".join(f"{choice} {_chosen(report, choice)['mode']}" for choice in SUBJECTS)
        return [f"still runs with {modes}"]
    left_alone = {choice for choice, _ in _refused(report, want)}
    problems = [
        f"runs with {choice} {_chosen(report, choice)['mode']}, wanted is {value}"
        for choice, value in asdict(want).items()
        if choice not in left_alone and _chosen(report, choice)["mode"] != value
    ]
    collector = _chosen(report, "collector")
    if want.collector == OUT_OF_BAND and collector["mode"] == OUT_OF_BAND:
        young, bound = report["thresholds"][0], collector["bound"]
        if not report["enabled"]:
            problems.append("has garbage collection disabled")
        elif young != bound:
            problems.append(f"collects at {young} young objects, wanted is {bound}")
    return problems
