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
STOCK, OUT_OF_BAND, HASH_ONCE, BOTH = "stock", "out_of_band", "hash_once", "both"
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


def saved(course: dict[str, Any], before: str, after: str) -> tuple[str, float, float]:
    """Return (what, milliseconds, percent) that a choice saves of a course: of its outline if measured, else of its read.

    course: of the probe's operation `runtime`. before, after: names of variants.
    """
    what, times = ("outline", course["page_ms"]) if course["page_ms"] else ("read", course["ms"])
    gain = times[before] - times[after]
    return what, round(gain, 1), round(100 * gain / times[before], 1) if times[before] else 0.0


def _offer(courses: list[dict[str, Any]]) -> Wanted:
    """Return the choices that are worth it on at least one course: each alone or beside the other, else both together."""

    def gains(before: str, after: str) -> bool:
        measured = [saved(course, before, after) for course in courses if {before, after} <= set(course["ms"])]
        return any(gain >= WORTH_MS and percent >= WORTH_PERCENT for _, gain, percent in measured)

    collector = gains(STOCK, OUT_OF_BAND) or gains(HASH_ONCE, BOTH)
    keys = gains(STOCK, HASH_ONCE) or gains(OUT_OF_BAND, BOTH)
    together = not collector and not keys and gains(STOCK, BOTH)
    return Wanted(OUT_OF_BAND if collector or together else STOCK, HASH_ONCE if keys or together else STOCK)


def variant_of(want: Wanted) -> str:
    """Return the name of the measured variant of a choice: stock, out_of_band, hash_once or both."""
    if want.collector != STOCK and want.keys != STOCK:
        return BOTH
    return want.keys if want.collector == STOCK else want.collector


def recommend(measured: dict[str, Any], blocks: dict[str, int | None] | None = None) -> dict[str, Any]:
    """Return what each choice would gain on this site, from the result of the probe's operation `runtime`.

    blocks: {key: number of blocks} of the site's courses. Result: {"objects", "keys_why": why hashes of keys cannot be kept,
    or None, "offer": {"collector", "keys"}, "tuned": the variant that is offered, or else the most that is possible,
    "complete": whether all that could be gained was measured, the outline of each large course included, "courses": [{"key",
    "blocks", "bytes", "ms", "page_ms", "of" (outline or read), "saved_ms", "saved_percent"}], "page_problem",
    "variants": {name: {"worst_pause_ms", "collect_ms", "resident_mb"}}}. Milliseconds are processor time: of reading a
    structure and walking through it once (ms), and of its course's outline (page_ms).
    """
    known = blocks or {}
    offer = _offer(measured["courses"])
    tuned = variant_of(offer) if offer else (BOTH if measured["keys_why"] is None else OUT_OF_BAND)
    courses = []
    for course in measured["courses"]:
        of, milliseconds, percent = saved(course, STOCK, tuned)
        row = {name: course[name] for name in ("key", "bytes", "ms", "page_ms")}
        courses.append(
            {**row, "blocks": known.get(course["key"]), "of": of, "saved_ms": milliseconds, "saved_percent": percent}
        )
    pages_too = all(course["page_ms"] for course in courses)
    return {
        **{name: measured[name] for name in ("objects", "keys_why", "page_problem")},
        "offer": asdict(offer),
        "tuned": tuned,
        "complete": bool(courses) and pages_too and not measured["skipped"] and None not in known.values(),
        "courses": courses,
        "variants": {
            name: {figure: summary[figure] for figure in ("worst_pause_ms", "collect_ms", "resident_mb")}
            for name, summary in measured["variants"].items()
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
