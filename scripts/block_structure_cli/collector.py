"""The results of `scripts/dev/bench-runtime`, LMSs with each choice for the workers' runtime: tables and bars.

A system is one LMS of the comparison: {"choice": stock, out_of_band or both, "errors", "pages": [{"page", "blocks", "ms",
"cpu_ms"}], "rss_kb", "pss_kb", "peak_kb", "worst_pause_ms", "collections"}. ms: time of each request; cpu_ms: CPU time of the
workers during it, without what they collect after it.
"""

from __future__ import annotations

from typing import Any

from . import runs
from .tables import Column, Table, milliseconds

System = dict[str, Any]

CHOICES = {"stock": "stock", "out_of_band": "out of band", "both": "with key hashes"}
# The series of the chart, by their colours.
CALLED = dict(zip(("before", "muted", "after"), CHOICES.values(), strict=True))


def systems(measured: dict[str, Any]) -> dict[str, System]:
    """Return the systems by their choice."""
    return {system["choice"]: system for system in measured["systems"]}


def page_rows(measured: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row per page and course: p50, p95, worst and p50 of the CPU time by choice, and the ratio stock / both."""
    found = systems(measured)
    rows = []
    for number, page in enumerate(found["stock"]["pages"]):
        each = {choice: system["pages"][number] for choice, system in found.items()}
        row: dict[str, Any] = {"page": page["page"], "blocks": page["blocks"]}
        for choice, times in each.items():
            row[choice] = {name: runs.percentile(times["ms"], which) for name, which in (("p50", 50), ("p95", 95))}
            row[choice].update(worst=max(times["ms"]), cpu=runs.percentile(times["cpu_ms"], 50))
        row["ratio"] = row["stock"]["p50"] / row["both"]["p50"]
        row["requests"] = sum(len(times["ms"]) for times in each.values())
        rows.append(row)
    return rows


def pages(measured: dict[str, Any]) -> Table:
    """Return the times of requests with each choice."""
    shown = [(choice, figure) for figure in ("p50", "worst", "cpu") for choice in CHOICES]
    columns = (
        Column("page", lambda row: row["page"], number=False),
        Column("blocks", lambda row: f"{row['blocks']:,}"),
        *(
            Column(
                f"{figure} {CHOICES[choice]} ms", lambda row, choice=choice, figure=figure: milliseconds(row[choice][figure])
            )
            for choice, figure in shown
        ),
        Column("p50 ratio", lambda row: f"{row['ratio']:.2f}"),
        Column("requests", lambda row: row["requests"]),
    )
    same = "the same bytes from each" if measured["identical"] else "NOT the same bytes from each"
    return Table(f"Pages, warm cache, alternating between the LMSs; {same}", columns, page_rows(measured))


def workers(measured: dict[str, Any]) -> Table:
    """Return memory and gc pauses of the workers after the same load."""
    columns = (
        Column("workers", lambda row: CHOICES[row["choice"]], number=False),
        *(
            Column(f"{text} MiB", lambda row, name=name: f"{row[name] / 1024:.0f}")
            for name, text in (("rss_kb", "resident"), ("pss_kb", "proportional"), ("peak_kb", "peak"))
        ),
        Column("worst pause ms", lambda row: milliseconds(row["worst_pause_ms"])),
        Column("collections in requests", lambda row: "/".join(map(str, row["collections"]))),
        Column("errors", lambda row: row["errors"]),
    )
    return Table("Workers after the same load", columns, list(systems(measured).values()))


def bars(measured: dict[str, Any]) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """Return the rows for charts.pages, with the series of CALLED."""
    return [
        (
            f"{row['page']}, {row['blocks']:,} blocks",
            {colour: (row[choice]["p50"], row[choice]["p95"]) for colour, choice in zip(CALLED, CHOICES, strict=True)},
        )
        for row in page_rows(measured)
    ]


def line(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the benchmark's summary: ratios of medians (stock / both) and of memory (both / stock), same bytes, errors."""
    found = systems(measured)
    report: dict[str, Any] = {
        f"{row['page']}_ratio_{row['blocks']}_blocks": round(row["ratio"], 3) for row in page_rows(measured)
    }
    report["rss_ratio"] = round(found["both"]["rss_kb"] / found["stock"]["rss_kb"], 3)
    report["worst_pause_ms"] = {choice: system["worst_pause_ms"] for choice, system in found.items()}
    report["identical"] = measured["identical"]
    report["errors"] = sum(system["errors"] for system in measured["systems"])
    return report
