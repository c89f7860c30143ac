"""Charts of the report, as data that templates/charts.html.j2 draws: bars from zero, and lines with marked logarithmic axes.

Bars are lines of text, each with its value at its end, so that they fit any width and nothing is printed over anything. A line
chart is drawn twice, for a narrow and for a broad page. Colours are variables of the page, which follow light and dark mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import runs

_MIB = 1024 * 1024


def seconds(milliseconds: float) -> str:
    """Return a time as readable text."""
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"


def size(number: float) -> str:
    """Return a size as readable text."""
    if number >= _MIB:
        return f"{number / _MIB:.3g} MiB"
    return f"{number / 1024:.3g} KiB" if number >= 1024 else f"{number:.0f} B"


@dataclass(frozen=True)
class Bar:
    """One bar. percent: its length in percent of the longest. colour: variable of the page. slim: belongs to the bar above."""

    percent: float
    colour: str
    label: str
    slim: bool = False


@dataclass(frozen=True)
class Group:
    """The bars of one thing, below its name."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Bars:
    """A bar chart from zero. name: id on the page. text: the figures for screen readers. legend: (colour, meaning)."""

    name: str
    title: str
    text: str
    groups: tuple[Group, ...]
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Series:
    """A line of a line chart. dotted: a second line of the same colour."""

    name: str
    colour: str
    points: tuple[tuple[float, float], ...]
    dotted: bool = False


@dataclass(frozen=True)
class Axis:
    """One axis: the ends of its range, whether it is logarithmic, its ticks (value, text), and what it shows.

    Earlier ticks are kept where two would touch.
    """

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[tuple[float, str], ...]
    name: str

    def share(self, value: float) -> float:
        """Return where a value is between the ends, 0 to 1."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Drawing:
    """A line chart at one width, in units of its own: lines are (colour, dotted, [(x, y)]), ticks are (place, text)."""

    kind: str
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    lines: list[tuple[str, bool, list[tuple[float, float]]]]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class Lines:
    """A line chart. name: id on the page. text: the figures for screen readers."""

    name: str
    title: str
    text: str
    x_name: str
    y_name: str
    series: tuple[Series, ...]
    drawings: tuple[Drawing, ...]


_LETTER = 6.6  # width of a letter at the font size of the drawings
_BROAD, _NARROW = ("broad", 760, 340), ("narrow", 356, 280)


def _logarithmic(values: Iterable[float], written: Callable[[float], str], name: str) -> Axis:
    """Return a logarithmic axis around values above 0, with its ticks at 1, 2 and 5 times the powers of ten."""
    values = list(values)
    powers = range(math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values))) + 2)
    steps = [factor * 10.0**power for factor in (1, 2, 5) for power in powers]
    low = max(step for step in steps if step <= min(values))
    high = min(step for step in steps if step > max(values))
    ticks = tuple((step, written(step)) for step in steps if low <= step <= high)
    return Axis(low, high, True, ticks, f"{name} (logarithmic)")


def _counts(values: Iterable[float], name: str) -> Axis:
    """Return an axis of whole numbers from zero."""
    most = max(1, *values)
    power = 10 ** math.floor(math.log10(most))
    step = max(1, next(power * factor for factor in (0.2, 0.5, 1, 2) if most / (power * factor) <= 6))
    high = step * math.ceil(most / step)
    return Axis(0, high, False, tuple((step * n, f"{step * n:,.0f}") for n in range(round(high / step) + 1)), name)


_TIME_STEPS = tuple(60 * minutes for minutes in (1, 2, 5, 10, 30, 60, 120, 360, 720, 1440, 2880, 10080, 40320, 131040, 525600))
_DAY = 86400


def _moments(values: Sequence[float], name: str) -> Axis:
    """Return an axis of POSIX times, with at most six ticks."""
    low, high = min(values), max(*values, min(values) + 1)
    step = next((step for step in _TIME_STEPS if (high - low) / step <= 6), _TIME_STEPS[-1])
    form = "%H:%M" if step < _DAY else "%d %b"
    first = math.ceil(low / step)
    ticks = tuple(
        (float(n * step), f"{datetime.fromtimestamp(n * step, UTC):{form}}") for n in range(first, math.floor(high / step) + 1)
    )
    days = sorted({f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" for moment in (low, high)})
    return Axis(low, high, False, ticks, f"{name}, {' to '.join(days)}")


def _apart(ticks: Iterable[tuple[float, str]], least: Callable[[str], float]) -> list[tuple[float, str]]:
    """Return the ticks, in the order of their places, without those that would touch an earlier one."""
    kept: list[tuple[float, str]] = []
    for place, text in ticks:
        if all(abs(place - other) >= (least(text) + least(shown)) / 2 for other, shown in kept):
            kept.append((place, text))
    return sorted(kept)


def _drawn(kind: str, width: int, height: int, series: Iterable[Series], x: Axis, y: Axis) -> Drawing:
    left = 10 + _LETTER * max(len(text) for _, text in y.ticks)
    right, top, bottom = width - 28.0, 14.0, height - 26.0

    def across(value: float) -> float:
        return round(left + x.share(value) * (right - left), 1)

    def down(value: float) -> float:
        return round(bottom - y.share(value) * (bottom - top), 1)

    return Drawing(
        *(kind, width, height, round(left, 1), right, top, bottom),
        lines=[(entry.colour, entry.dotted, [(across(a), down(b)) for a, b in entry.points]) for entry in series],
        x_ticks=_apart([(across(value), text) for value, text in x.ticks], lambda text: 14 + _LETTER * len(text)),
        y_ticks=_apart([(down(value), text) for value, text in y.ticks], lambda _text: 22),
    )


def _lines(name: str, title: str, text: str, series: Sequence[Series], x: Axis, y: Axis) -> Lines:
    drawings = tuple(_drawn(*shape, series, x, y) for shape in (_BROAD, _NARROW))
    return Lines(name, title, text, x.name, y.name, tuple(series), drawings)


def tiers_by_size(series: list[tuple[str, str, list[tuple[int, float]]]]) -> Lines:
    """Return read time over course size. series: (label, "before" or "after", [(blocks, ms)]); cold lines are solid."""
    found = [
        Series(name, colour, tuple(sorted((float(a), b) for a, b in points)), dotted="cold" not in name)
        for name, colour, points in series
    ]
    x = _logarithmic((a for entry in found for a, _ in entry.points), lambda value: f"{value:,.0f}", "blocks of the course")
    y = _logarithmic((b for entry in found for _, b in entry.points), seconds, "time to read its structure")
    text = "; ".join(
        f"{entry.name}: " + ", ".join(f"{a:,.0f} blocks {seconds(round(b, 1))}" for a, b in entry.points) for entry in found
    )
    return _lines("tiers", "Time to read a course's structure, by its size", text, found, x, y)


def counters(points: dict[str, list[tuple[str, int]]]) -> Lines:
    """Return evictions over time. points: {server: [(ISO 8601 time, evictions)]}."""
    found = [
        Series(
            server,
            "after" if number % 2 else "before",
            tuple((datetime.fromisoformat(moment).timestamp(), float(count)) for moment, count in counted),
            dotted=number % 4 > 1,
        )
        for number, (server, counted) in enumerate(sorted(points.items()))
    ]
    x = _moments([a for entry in found for a, _ in entry.points], "time, UTC")
    y = _counts([b for entry in found for _, b in entry.points], "evictions since the start of the server")
    text = "; ".join(
        f"{server}: " + ", ".join(f"{moment} {count}" for moment, count in seen) for server, seen in points.items()
    )
    return _lines("evictions", "Evictions of each memcached over time", text, found, x, y)


def over_time(records: list[dict[str, Any]]) -> Lines | None:
    """Return the slowest course and the 95th percentile of each diagnosis over time, None if fewer than two were measured."""
    names = {"worst_ms": ("slowest course", "before", False), "p95_ms": ("95th percentile", "after", True)}
    measured = [(datetime.fromisoformat(record["when"]).timestamp(), record) for record in records if record["worst_ms"]]
    if len(measured) < 2:
        return None
    found = [
        Series(name, colour, tuple((moment, record[key]) for moment, record in measured if record[key]), dotted)
        for key, (name, colour, dotted) in names.items()
    ]
    x = _moments([moment for moment, _ in measured], "time, UTC")
    y = _logarithmic((value for entry in found for _, value in entry.points), seconds, "time to read a structure")
    text = "; ".join(
        f"{record['when']}: " + ", ".join(f"{name} {seconds(record[key])}" for key, (name, *_) in names.items() if record[key])
        for _, record in measured
    )
    return _lines("trend", "Reading a course's structure, diagnosis by diagnosis", text, found, x, y)


def pages(
    rows: list[tuple[str, dict[str, tuple[float, float]]]],
    name: str = "pages",
    title: str = "Time of each page",
    called: dict[str, str] | None = None,
) -> Bars:
    """Return median and 95th percentile of pages as bars. rows: (page, {series: (p50, p95)}).

    name: id of the chart, unique on the page. called: the series by their colours, in order, and what they are called; by
    default before and after.
    """
    called = called or {"before": "before", "after": "after"}
    longest = max(p95 for _, values in rows for _, p95 in values.values())
    groups = tuple(
        Group(
            page,
            tuple(
                bar
                for colour in called
                if colour in values
                for bar in (
                    Bar(100 * values[colour][0] / longest, colour, seconds(values[colour][0])),
                    Bar(100 * values[colour][1] / longest, colour, f"95 %: {seconds(values[colour][1])}", slim=True),
                )
            ),
        )
        for page, values in rows
    )
    text = "; ".join(
        f"{page}: " + ", ".join(f"{called[when]} {seconds(p50)}" for when, (p50, _) in values.items()) for page, values in rows
    )
    shown = {colour for _, values in rows for colour in values}
    legend = tuple((colour, meaning) for colour, meaning in called.items() if colour in shown)
    return Bars(name, f"{title}: median, and 95th percentile as the thin bar below it", text, groups, legend)


WAYS = {
    "rebuild": "rebuild",
    "storage": "storage",
    "cache": "cache",
    "out_of_band": "cache, out of band",
    "both": "cache, with key hashes",
    "page_stock": "outline",
    "page_out_of_band": "outline, out of band",
    "page_both": "outline, with key hashes",
}


def ways(rows: list[dict[str, Any]]) -> Bars:
    """Return the read time of each tier, and the outline's, as bars for some courses. rows: as runs.ways returns them."""
    found = [(row, way, row[way]) for row in rows for way in WAYS if row[way]]
    longest = max(value for _, _, value in found)
    groups = tuple(
        Group(
            f"{row['blocks']:,} blocks: {WAYS[way]}",
            (Bar(100 * value / longest, "before" if way in ("rebuild", "page_stock") else "after", seconds(value)),),
        )
        for row, way, value in found
    )
    text = "; ".join(f"{row['key']}, {row['blocks']:,} blocks, {WAYS[way]}: {seconds(value)}" for row, way, value in found)
    return Bars("ways", "Time to read a structure, by tier, and of the outline", text, groups)


def sizes(courses: list[tuple[str, int]], limits: list[tuple[str, int]]) -> Bars:
    """Return the size of each structure, and among them the limits. courses: (key, bytes)."""
    rows = [(number, "after", key) for key, number in courses] + [(limit, "limit", message) for message, limit in limits]
    rows.sort(key=lambda row: (-row[0], row[1] != "limit"))  # what is listed above a limit does not fit
    groups = tuple(Group(name, (Bar(100 * number / rows[0][0], colour, size(number)),)) for number, colour, name in rows)
    text = ", ".join(f"{key} {size(number)}" for key, number in courses)
    text += "; limits: " + ", ".join(f"{message} {size(limit)}" for message, limit in limits)
    legend = (("after", "compressed structure"), ("limit", "limit: what is above it is not cached"))
    return Bars("sizes", "Size of each structure against the limits of the cache", text, groups, legend[: 1 + bool(limits)])


def page_rows(compared: list[runs.Run]) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """Return the rows for `pages` from one or two runs, the later one last."""
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    for when, run in zip(("before", "after")[2 - len(compared) :], compared, strict=True):
        for row in runs.pages(run):
            if row["p50"] is not None:
                message = f"{row['state']}: {runs.page_name(row['page'], row['nav_depth'])}"
                rows.setdefault(message, {})[when] = (row["p50"], row["p95"])
    return list(rows.items())
