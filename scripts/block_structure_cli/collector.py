"""The results of `scripts/dev/bench-runtime`, LMSs with and without the tuned garbage collector: tables and bars.

A system is one LMS of the comparison: {"tuned", "padded", "thresholds", "errors", "courses": {blocks: {"ms", "cpu_ms"}},
"rss_kb", "pss_kb", "peak_kb", "worst_pause_ms", "collections"}. ms: time of each outline request; cpu_ms: CPU time of the
workers during it.
"""

from __future__ import annotations

from typing import Any

from . import runs
from .tables import Column, Table, milliseconds

System = dict[str, Any]


def compared(measured: dict[str, Any]) -> list[tuple[str, System, System]]:
    """Return (heap, LMS without tuning, LMS with tuning) for each heap, the miniature's own first."""
    found = []
    for padded in (False, True):
        pair = {system["tuned"]: system for system in measured["systems"] if system["padded"] == padded}
        text = f"padded to {measured['objects']:,} objects" if padded else "the miniature's own"
        found.append((text, pair[False], pair[True]))
    return found


def pages(measured: dict[str, Any]) -> Table:
    """Return the times of outline requests, with and without tuning."""
    rows = []
    for heap, without, tuned in compared(measured):
        for blocks, slow in without["courses"].items():
            fast = tuned["courses"][blocks]
            times = {"without": slow["ms"], "with": fast["ms"], "cpu_without": slow["cpu_ms"], "cpu_with": fast["cpu_ms"]}
            row = {"heap": heap, "blocks": int(blocks), "requests": len(slow["ms"]) + len(fast["ms"])}
            row.update((f"p50_{name}", runs.percentile(values, 50)) for name, values in times.items())
            row.update((f"p95_{name}", runs.percentile(values, 95)) for name, values in times.items())
            row.update(ratio=ratio(slow["ms"], fast["ms"]), errors=without["errors"] + tuned["errors"])
            rows.append(row)
    names = ("p50_without", "p50_with", "p95_without", "p95_with", "p50_cpu_without", "p50_cpu_with")
    columns = (
        Column("heap", lambda row: row["heap"], number=False),
        Column("blocks", lambda row: f"{row['blocks']:,}"),
        *(Column(f"{name.replace('_', ' ')} ms", lambda row, name=name: milliseconds(row[name])) for name in names),
        Column("p50 ratio", lambda row: f"{row['ratio']:.2f}"),
        Column("requests", lambda row: row["requests"]),
        Column("errors", lambda row: row["errors"]),
    )
    return Table("Outline requests, warm cache, alternating between the LMSs", columns, rows)


def workers(measured: dict[str, Any]) -> Table:
    """Return memory and gc pauses of the workers after the same load."""
    rows = [
        {"heap": heap, "kind": kind, **system}
        for heap, without, tuned in compared(measured)
        for kind, system in (("default", without), ("tuned", tuned))
    ]
    columns = (
        Column("heap", lambda row: row["heap"], number=False),
        Column("gc", lambda row: row["kind"], number=False),
        Column("thresholds", lambda row: str(row["thresholds"]), number=False),
        *(
            Column(f"{text} MiB", lambda row, name=name: f"{row[name] / 1024:.0f}")
            for name, text in (("rss_kb", "resident"), ("pss_kb", "proportional"), ("peak_kb", "peak"))
        ),
        Column("worst pause ms", lambda row: milliseconds(row["worst_pause_ms"])),
        Column("collections", lambda row: "/".join(map(str, row["collections"]))),
    )
    return Table("Workers after the same load", columns, rows)


def bars(measured: dict[str, Any]) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """Return the rows for charts.pages: `before` is without tuning, `after` with it."""
    return [
        (
            f"{row['blocks']:,} blocks, heap {row['heap'].split(' objects')[0]}",
            {when: (row[f"p50_{kind}"], row[f"p95_{kind}"]) for when, kind in (("before", "without"), ("after", "with"))},
        )
        for row in pages(measured).rows
    ]


def ratio(without: list[float], tuned: list[float]) -> float:
    """Return the ratio of the medians, without / with tuning."""
    return float(runs.percentile(without, 50) or 0) / float(runs.percentile(tuned, 50) or 1)


def line(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the benchmark's summary: ratios of medians (without / with) and of memory (with / without), pauses, errors."""
    report: dict[str, Any] = {}
    for (_, without, tuned), suffix in zip(compared(measured), ("", "_padded_heap"), strict=True):
        for blocks, slow in without["courses"].items():
            fast = tuned["courses"][blocks]
            report[f"read_ratio_{blocks}_blocks{suffix}"] = round(ratio(slow["ms"], fast["ms"]), 3)
            report[f"cpu_ratio_{blocks}_blocks{suffix}"] = round(ratio(slow["cpu_ms"], fast["cpu_ms"]), 3)
        report[f"rss_ratio{suffix}"] = round(tuned["rss_kb"] / without["rss_kb"], 3)
        report[f"worst_pause_ms{suffix}"] = {"without": without["worst_pause_ms"], "with": tuned["worst_pause_ms"]}
    report["errors"] = sum(system["errors"] for system in measured["systems"])
    return report
