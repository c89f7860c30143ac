"""Run files of `benchmark`, and the statistics of one run or of two.

A run file keeps every single time, so that a comparison has confidence intervals. Its schema is schemas/run-1.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .exits import USAGE, Failure

SCHEMA = "block-structure-run"
VERSION = 1
Run = dict[str, Any]

_RESAMPLES = 1000
_MOST_RESAMPLED = 2000  # times per group; more would not narrow the interval visibly
_KEYS = ("state", "page", "nav_depth")


def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((Path(__file__).parent / "schemas" / f"run-{VERSION}.json").read_text())
    return schema


def load(path: Path) -> Run:
    """Return the content of a run file. Raises Failure (USAGE) if it is not one, or has another version."""
    import jsonschema

    remedy = "name a file that `block-structure benchmark --output` wrote."
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(f"{path} is not a run file: {error}.", remedy, USAGE) from error
    if not isinstance(run, dict) or run.get("schema") != SCHEMA:
        raise Failure(f'{path} is not a run file: it has no "schema": "{SCHEMA}".', remedy, USAGE)
    if run.get("version") != VERSION:
        raise Failure(
            f"{path} is a run file of version {run.get('version')}; this tool reads version {VERSION}.",
            "measure again, or use the tool that wrote it.",
            USAGE,
        )
    wrong = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(_schema()).iter_errors(run))
    if wrong is not None:
        raise Failure(f"{path} is damaged: {wrong.json_path}: {wrong.message[:200]}.", remedy, USAGE)
    return run


def save(run: Run, path: Path) -> None:
    """Validate and write a run file. Raises Failure (USAGE) if it cannot be written."""
    import jsonschema

    jsonschema.validate(run, _schema(), cls=jsonschema.Draft202012Validator)
    try:
        path.write_text(json.dumps(run, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", "name another file with --output.", USAGE) from error


def median(times: list[float]) -> float | None:
    """Return the median, None without times."""
    import numpy

    return float(numpy.median(times)) if times else None


def percentile(times: list[float], which: float) -> float | None:
    """Return a percentile, None without times."""
    import numpy

    return float(numpy.percentile(times, which)) if times else None


def tiers(course: dict[str, Any], storage_in_use: bool) -> dict[str, Any]:
    """Return the times of one course: the median of each step, and of a read with a warm and a cold cache.

    Keys: cache, storage, unpickle, rebuild, warm, cold (milliseconds or None), and warm_from, cold_from (tier or None). A read
    from cache or storage includes the unpickling.
    """
    report: dict[str, Any] = {name: median(course[f"{name}_ms"]) for name in ("cache", "storage", "unpickle", "rebuild")}
    unpickle = report["unpickle"] or 0.0
    if storage_in_use and report["storage"] is not None:
        report.update(cold=report["storage"] + unpickle, cold_from="storage")
    else:
        report.update(cold=report["rebuild"], cold_from="modulestore")
    if report["cache"] is not None:
        report.update(warm=report["cache"] + unpickle, warm_from="cache")
    else:
        report.update(warm=report["cold"], warm_from=report["cold_from"])
    return report


def ways(report: Run, before: Run | None = None) -> list[dict[str, Any]]:
    """Return the read time by tier of each course on which the choices for the workers' runtime were measured.

    report: a run or a diagnosis. before: a run that supplies a rebuild missing in `report`. Keys, in milliseconds or None:
    rebuild; storage and cache, each with the measured read; the cache (or storage if the cache has no time) with garbage
    collected out of band (out_of_band), and with hashes of keys kept as well (both); page_stock, page_out_of_band and
    page_both, the outline. saved_percent: of the outline, or of the read where that was not measured.
    """
    found = {course["key"]: course for course in report["courses"]}
    older = {course["key"]: course for course in (before or {"courses": []})["courses"]}

    def time_of(course: dict[str, Any], step: str) -> float | None:
        value = course.get(f"{step}_ms")
        return median(value) if isinstance(value, list) else value

    rows = []
    for measured in (report.get("runtime") or {"courses": []})["courses"]:
        course = found.get(measured["key"], {})
        fetched = {step: time_of(course, step) for step in ("storage", "cache")}
        times, page = measured["ms"], measured["page_ms"] or {}
        row = {name: measured[name] for name in ("key", "blocks", "bytes", "saved_percent")}
        row["rebuild"] = time_of(course, "rebuild") or time_of(older.get(measured["key"], {}), "rebuild")
        row.update((step, None if value is None else value + times["stock"]) for step, value in fetched.items())
        fetch = fetched["cache"] if fetched["cache"] is not None else fetched["storage"]
        for name in ("out_of_band", "both"):
            row[name] = None if fetch is None or name not in times else fetch + times[name]
        row.update((f"page_{name}", page.get(name)) for name in ("stock", "out_of_band", "both"))
        rows.append(row)
    return rows


def workers(run: Run) -> list[dict[str, Any]]:
    """Return one row per service: number, memory and what its live workers ran with after the load.

    Keys: service, workers, resident_kb (median), peak_kb (largest), collector and keys (of the first; None: not reported),
    worst_pause_ms (longest in a request; None: not reported).
    """
    rows = []
    for service in dict.fromkeys(worker["service"] for worker in run.get("workers_after", [])):
        own = [worker for worker in run["workers_after"] if worker["service"] == service]
        pauses = [worker["worst_pause_ms"] for worker in own if worker["worst_pause_ms"] is not None]
        rows.append(
            {
                "service": service,
                "workers": len(own),
                "resident_kb": median([worker["resident_kb"] for worker in own]),
                "peak_kb": max(worker["peak_kb"] for worker in own),
                **{name: own[0].get(name) for name in ("collector", "keys")},
                "worst_pause_ms": max(pauses, default=None),
            }
        )
    return rows


def page_name(page: str, nav_depth: int | None) -> str:
    """Return the display name of a page."""
    return page if nav_depth is None else f"{page}, nav_depth {nav_depth}"


def pages(run: Run, courses: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return one row per state, page and nav_depth over the given courses (default all): n, errors, p50, p95, p99, times."""
    wanted = None if courses is None else set(courses)
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for sample in (run["http"] or {"samples": []})["samples"]:
        if wanted is not None and sample["course"] not in wanted:
            continue
        key = tuple(sample[name] for name in _KEYS)
        group = groups.setdefault(key, {**dict(zip(_KEYS, key, strict=True)), "times": [], "errors": 0, "first_error": None})
        group["times"] += sample["ms"]
        group["errors"] += sample["errors"]
        group["first_error"] = group["first_error"] or sample["first_error"]
    rows = []
    for key in sorted(groups, key=lambda names: (names[0], names[1] != "outline", names[2] or 0)):
        group = groups[key]
        group.update(n=len(group["times"]), **{f"p{which}": percentile(group["times"], which) for which in (50, 95, 99)})
        rows.append(group)
    return rows


def ratio(before: list[float], after: list[float]) -> dict[str, float] | None:
    """Return how many times faster the median of `after` is, with its 95 % bootstrap interval; None without times.

    The resampling is seeded, so the same times give the same interval.
    """
    import numpy

    if not before or not after or not numpy.median(after):
        return None
    generator = numpy.random.default_rng(0)

    def medians(times: list[float]) -> Any:
        kept = numpy.asarray(times, dtype=float)
        if len(kept) > _MOST_RESAMPLED:
            kept = generator.choice(kept, _MOST_RESAMPLED, replace=False)
        return numpy.median(generator.choice(kept, (_RESAMPLES, len(kept))), axis=1)

    spread = medians(before) / numpy.maximum(medians(after), 1e-9)
    low, high = numpy.percentile(spread, [2.5, 97.5])
    return {"times_faster": float(numpy.median(before) / numpy.median(after)), "low": float(low), "high": float(high)}


def compare(before: Run, after: Run) -> dict[str, Any]:
    """Return {"courses": rows, "pages": rows} of what both runs measured.

    A course row has `before` and `after` as `tiers` returns them, and `cold`, `warm`: times faster or None. A page row has both
    as `pages` returns them, and the ratio with its interval; it counts only courses that both runs visited.
    """
    then, now = ({course["key"]: course for course in run["courses"]} for run in (before, after))
    courses = []
    for key in (key for key in then if key in now):
        was, is_now = (
            tiers(found[key], run["configuration"]["storage_in_use"]) for found, run in ((then, before), (now, after))
        )
        row = {
            "key": key,
            "blocks": now[key]["blocks"] or then[key]["blocks"],
            "bytes": now[key]["bytes"] or then[key]["bytes"],
        }
        row.update(before=was, after=is_now)
        row.update((state, was[state] / is_now[state] if was[state] and is_now[state] else None) for state in ("cold", "warm"))
        courses.append(row)
    visited = [{sample["course"] for sample in (run["http"] or {"samples": []})["samples"]} for run in (before, after)]
    shared = visited[0] & visited[1]
    later = {tuple(row[name] for name in _KEYS): row for row in pages(after, shared)}
    rows = []
    for row in pages(before, shared):
        other = later.get(tuple(row[name] for name in _KEYS))
        if other:
            rows.append(
                {
                    **{name: row[name] for name in _KEYS},
                    "before": row,
                    "after": other,
                    "ratio": ratio(row["times"], other["times"]),
                }
            )
    return {"courses": sorted(courses, key=lambda row: (row["blocks"] or 0, row["key"])), "pages": rows}
