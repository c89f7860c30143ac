"""The tables of measurements as data: the terminal and the HTML report show the same columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from block_structure.plugin_utils.diagnosis import trend
from block_structure.plugin_utils.reports import layout, profiling
from block_structure.plugin_utils.reports.layout import Column, milliseconds

from . import output, runs

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table: title, columns, one dictionary per row, and the sentence that says that there is none (empty: say nothing)."""

    title: str
    columns: tuple[Column, ...]
    rows: list[Row]
    empty: str = ""

    def cells(self) -> list[list[str]]:
        """Return the text of each cell; None shows as `-`."""
        return [[layout.shown(column.cell(row)) for column in self.columns] for row in self.rows]

    def without_empty_columns(self) -> Table:
        """Return the table without the columns in which no row has a value."""
        kept = tuple(column for column in self.columns if any(column.cell(row) is not None for row in self.rows))
        return Table(self.title, kept, self.rows)

    def show(self) -> None:
        """Print the table, or the sentence that says that there is none."""
        headings = [column.heading for column in self.columns]
        right = [column.heading for column in self.columns if column.number]
        if self.rows or self.empty:
            output.print_table(self.title, headings, self.cells(), right=right, empty=self.empty)


def _factor(value: float) -> tuple[str, str] | None:
    """Return (factor, faster or slower) of a ratio; None where it rounds to 1.0, which is no change."""
    factor = f"{value if value >= 1 else 1 / value:,.1f}"
    return None if factor == "1.0" else (factor, "faster" if value >= 1 else "slower")


def times(value: float | None) -> str | None:
    """Return a ratio of times as a cell."""
    if value is None:
        return None
    found = _factor(value)
    return f"{found[0]}x {found[1]}" if found else "the same"


def in_words(value: float) -> str:
    """Return a ratio of times as the end of a sentence."""
    found = _factor(value)
    return f"{found[0]} times {found[1]}" if found else "no difference"


def _count(name: str) -> Callable[[Row], str | None]:
    return lambda row: None if row[name] is None else f"{row[name]:,}"


_COURSE = Column("course", lambda row: row["key"], number=False)
_BLOCKS = Column("blocks", _count("blocks"))
_BYTES = Column("bytes", _count("bytes"))
_STATE = Column("cache", lambda row: row["state"], number=False)
_PAGE = Column("page", lambda row: runs.page_name(row["page"], row["nav_depth"]), number=False)


def tiers(run: runs.Run) -> Table:
    """Return the time of each tier for each course inside the LMS."""
    in_use = run["configuration"]["storage_in_use"]
    rows = [{**course, **runs.tiers(course, in_use)} for course in run["courses"]]
    steps = ("cache", "storage", "unpickle", "rebuild")
    columns = (
        *(_COURSE, _BLOCKS, _BYTES),
        *(Column(f"{name} ms", lambda row, name=name: milliseconds(row[name])) for name in steps),
        Column("warm from", lambda row: row["warm_from"], number=False),
        Column("warm ms", lambda row: milliseconds(row["warm"])),
        Column("cold from", lambda row: row["cold_from"], number=False),
        Column("cold ms", lambda row: milliseconds(row["cold"])),
    )
    title = f"Tiers inside the LMS ({run['release']}), medians; warm and cold include unpickling"
    return Table(title, columns, sorted(rows, key=lambda row: (row["blocks"] or 0, row["key"])))


def collector(report: runs.Run, before: runs.Run | None = None) -> Table:
    """Return the read times of large courses with each choice for the workers' runtime, next to those of each tier.

    report: a run or a diagnosis; without the measurement there are no rows. before: as for runs.ways.
    """
    steps = {
        "rebuild": "rebuild",
        "storage": "storage",
        "cache": "cache",
        "out_of_band": "out of band",
        "both": "with key hashes",
        "page_stock": "outline",
        "page_out_of_band": "outline out of band",
        "page_both": "outline with key hashes",
    }
    columns = (
        *(_COURSE, _BLOCKS),
        *(Column(f"{text} ms", lambda row, name=name: milliseconds(row[name])) for name, text in steps.items()),
        Column("saved", lambda row: f"{row['saved_percent']:.0f} %"),
    )
    rows = runs.ways(report, before)
    if not rows:
        return Table("What each choice for the workers' runtime brings", columns, [])
    stock, tuned = (report["runtime"]["variants"][name] for name in ("stock", report["runtime"]["tuned"]))
    title = (
        "What each choice for the workers' runtime brings: resident memory "
        f"{stock['resident_mb']} -> {tuned['resident_mb']} MiB, longest pause in a read "
        f"{stock['worst_pause_ms']:.0f} -> {tuned['worst_pause_ms']:.0f} ms"
    )
    return Table(title, columns, rows)


def pages(run: runs.Run) -> Table:
    """Return the response times of pages."""
    columns = (
        _STATE,
        _PAGE,
        Column("requests", lambda row: row["n"]),
        *(Column(f"p{which} ms", lambda row, which=which: milliseconds(row[f"p{which}"])) for which in (50, 95, 99)),
        Column("errors", lambda row: row["errors"]),
        Column("first error", lambda row: row["first_error"], number=False),
    )
    users = run["http"]["users"] if run["http"] else 0
    return Table(f"Pages over HTTP: cold one at a time, warm by {users} learners", columns, runs.pages(run))


def workers(measured: list[runs.Run]) -> Table:
    """Return the memory of the LMS's workers after the load of one or more runs, the latest last, and what they ran with."""
    columns = (
        Column("run", lambda row: row["run"], number=False),
        Column("service", lambda row: row["service"], number=False),
        Column("workers", lambda row: row["workers"]),
        Column("resident MiB", lambda row: f"{row['resident_kb'] / 1024:.0f}"),
        Column("peak MiB", lambda row: f"{row['peak_kb'] / 1024:.0f}"),
        Column("garbage", lambda row: (row["collector"] or "stock").replace("_", " "), number=False),
        Column("key hashes", lambda row: (row["keys"] or "stock").replace("_", " "), number=False),
        Column("worst pause ms", lambda row: milliseconds(row["worst_pause_ms"])),
    )
    rows = [{"run": run["label"] or run["started"], **row} for run in measured for row in runs.workers(run)]
    return Table("Workers after the load: median resident memory, largest peak, longest gc pause in a request", columns, rows)


def _before_and_after(cell: Callable[[Row], Any]) -> Callable[[Row], str]:
    """Return a function that puts both sides of a comparison into one cell, so that the table fits a screen."""
    return lambda row: " → ".join(str(cell(row[when])) for when in ("before", "after"))


def compared_tiers(report: dict[str, Any]) -> Table:
    """Return the courses of a comparison: cold and warm, before and after."""

    def read(state: str) -> Callable[[Row], str]:
        return lambda side: f"{milliseconds(side[state]) or '-'} ({side[f'{state}_from']})"

    columns: tuple[Column, ...] = (_COURSE, _BLOCKS)
    for state in ("cold", "warm"):
        columns += (
            Column(f"{state} ms", _before_and_after(read(state))),
            Column(f"{state} change", lambda row, s=state: times(row[s])),
        )
    return Table(
        "Reading a structure inside the LMS, before → after",
        columns,
        report["courses"],
        "The two runs have no course in common; measure the same ones with --course.",
    )


def compared_pages(report: dict[str, Any]) -> Table:
    """Return the pages of a comparison: percentiles before and after, and the ratio of medians with its interval."""

    def spread(row: Row) -> str | None:
        return f"{row['ratio']['low']:.1f} to {row['ratio']['high']:.1f}" if row["ratio"] else None

    def waits(which: str) -> Column:
        return Column(f"{which} ms", _before_and_after(lambda side: milliseconds(side[which]) or "-"))

    columns = (
        *(_STATE, _PAGE),
        *(waits(which) for which in ("p50", "p95", "p99")),
        Column("p50 change", lambda row: times(row["ratio"]["times_faster"]) if row["ratio"] else None),
        Column("95 % interval", spread),
        Column("requests", _before_and_after(lambda side: side["n"])),
        Column("errors", _before_and_after(lambda side: side["errors"])),
    )
    return Table("Pages over HTTP, before → after", columns, report["pages"])


def history(records: list[Row]) -> Table:
    """Return the diagnoses of a site over time, oldest first."""
    several = len({record["site"] for record in records}) > 1
    columns = (
        Column("when, UTC", lambda row: row["when"][:16].replace("T", " "), number=False),
        *([Column("site", lambda row: row["site"], number=False)] if several else []),
        Column("verdict", trend.verdict, number=False),
        *(Column(name, _count(name)) for name in ("courses", "rebuilt", "missing", "stale")),
        *(Column(f"{name} ms", lambda row, name=name: milliseconds(row[f"{name}_ms"])) for name in ("worst", "p95")),
    )
    return Table("Diagnoses over time", columns, records)


def profile_parts(profile: dict[str, Any]) -> Table:
    """Return the time of each part of a request."""
    columns = (
        Column("part", lambda row: row["part"], number=False),
        Column("what it does", lambda row: row["words"], number=False),
        Column("ms", lambda row: milliseconds(row["ms"])),
        Column("share", lambda row: f"{row['share']:.1%}"),
    )
    request, state = profile["request"], "cold" if profile["cold"] else "warm"
    title = f"Outline of {profile['course']}, {state}: {request['ms']:,.0f} ms, {request['queries']:,} SQL queries"
    return Table(title, columns, profiling.parts(profile))


def profile_apps(profile: dict[str, Any], top: int) -> Table:
    """Return the apps of the platform with the most time of their own."""
    columns = (
        Column("app", lambda row: row["app"], number=False),
        Column("part", lambda row: ", ".join(row["parts"]) or None, number=False),
        Column("own ms", lambda row: milliseconds(row["own_ms"])),
        Column("share", lambda row: f"{row['share']:.1%}"),
        Column("with calls ms", lambda row: milliseconds(row["total_ms"])),
    )
    rows = profiling.apps(profile)[:top]
    return Table("Apps and libraries with the most time, from the view on", columns, rows)
