"""Charts of the report: SVG elements that take their colours from the page, so that they follow light and dark mode."""

from __future__ import annotations

import io
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from . import runs

# Placeholder colours that _svg replaces by CSS variables of the page.
_PLACES = {"ink": "#010101", "muted": "#020202", "before": "#030303", "after": "#040404", "limit": "#050505", "grid": "#060606"}
_STYLE = {
    "svg.fonttype": "none",  # keep text as text: it can be searched, and no font is embedded
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.edgecolor": _PLACES["muted"],
    "axes.labelcolor": _PLACES["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _PLACES["ink"],
    "xtick.color": _PLACES["ink"],
    "ytick.color": _PLACES["ink"],
    "grid.color": _PLACES["grid"],
    "legend.frameon": False,
}
_MIB = 1024 * 1024


def seconds(milliseconds: float, _position: Any = None) -> str:
    """Return a time as readable text."""
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"


def size(number: float, _position: Any = None) -> str:
    """Return a size as readable text."""
    if number >= _MIB:
        return f"{number / _MIB:.3g} MiB"
    return f"{number / 1024:.3g} KiB" if number >= 1024 else f"{number:.0f} B"


def _svg(figure: Figure, name: str, title: str, text: str) -> str:
    """Return a figure as one <svg> element with title and description for screen readers, and ids unique on the page."""
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    drawn = stream.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", drawn)
    for variable, colour in _PLACES.items():
        drawn = drawn.replace(colour, f"var(--{variable})")
    drawn = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r"font: 1?\d+(\.\d+)?px [^;\"]*", lambda found: found[0].split("px")[0] + "px sans-serif", drawn)
    message = f'<title id="{name}-title">{_escaped(title)}</title><desc id="{name}-text">{_escaped(text)}</desc>'
    start = f'<svg class="plot" role="img" aria-labelledby="{name}-title {name}-text"'
    return drawn.replace("<svg", start, 1).replace(">", f">{message}", 1)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _axes(height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, height))
    return figure, figure.add_subplot()


def _time_axis(axis: Any) -> None:
    axis.set_major_locator(LogLocator(10, numticks=12))
    axis.set_major_formatter(FuncFormatter(seconds))
    axis.set_minor_formatter(NullFormatter())


def _name_bars(axes: Any, names: list[str], xlabel: str) -> None:
    """Label horizontal bars of times, the first one on top."""
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel=xlabel)
    axes.set_xlim(right=axes.get_xlim()[1] * 2)
    _time_axis(axes.xaxis)
    axes.grid(visible=True, axis="x", which="major")
    axes.set_axisbelow(True)


def tiers_by_size(series: list[tuple[str, str, list[tuple[int, float]]]]) -> str:
    """Return read time over course size. series: (label, "before" or "after", [(blocks, ms)]); cold lines are solid."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(4)
        for message, colour, points in series:
            cold = "cold" in message
            axes.plot(
                *zip(*sorted(points), strict=True),
                label=message,
                color=_PLACES[colour],
                linestyle="-" if cold else ":",
                marker="o" if cold else "s",
                markersize=6 if cold else 5,
            )
        axes.set(xscale="log", yscale="log", xlabel="blocks of the course", ylabel="time to read its structure")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        _time_axis(axes.yaxis)
        axes.grid(visible=True, which="major")
        axes.legend()
        text = "; ".join(
            f"{message}: " + ", ".join(f"{x:,} blocks {seconds(round(y, 1))}" for x, y in sorted(p)) for message, _, p in series
        )
        return _svg(figure, "tiers", "Time to read a course's structure, by its size", text)


def pages(
    rows: list[tuple[str, dict[str, tuple[float, float]]]],
    name: str = "pages",
    title: str = "Time of each page",
    called: dict[str, str] | None = None,
) -> str:
    """Return median times of pages as bars, the 95th percentile as a whisker. rows: (page, {series: (p50, p95)}).

    name: id of the chart, unique on the page. called: the series by their colours, in order, and what they are called; by
    default before and after.
    """
    called = called or {"before": "before", "after": "after"}
    width = 0.8 / len(called)
    offsets = {when: (number - (len(called) - 1) / 2) * width for number, when in enumerate(called)}
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(0.9 + 0.275 * len(called) * len(rows))
        shown = set()
        for place, (_page, values) in enumerate(rows):
            for when, offset in offsets.items():
                if when not in values:
                    continue
                p50, p95 = values[when]
                axes.barh(
                    place + offset,
                    p50,
                    width * 0.9,
                    color=_PLACES[when],
                    label=None if when in shown else f"{called[when]} (line: 95th percentile)",
                )
                axes.plot([p50, p95], [place + offset] * 2, color=_PLACES["ink"], linewidth=1.2, marker="|", markevery=[1])
                axes.annotate(seconds(p50), (p95, place + offset), (8, 0), textcoords="offset points", va="center", fontsize=10)
                shown.add(when)
        _name_bars(axes, [page for page, _ in rows], "response time for a learner, median")
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.16), ncols=2)
        text = "; ".join(
            f"{page}: " + ", ".join(f"{called[when]} {seconds(p50)}" for when, (p50, _) in values.items())
            for page, values in rows
        )
        return _svg(figure, name, title, text)


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


def ways(rows: list[dict[str, Any]]) -> str:
    """Return the read time of each tier, and the outline's, as bars for some courses. rows: as runs.ways returns them."""
    bars = [(row, way, row[way]) for row in rows for way in WAYS if row[way]]
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(0.9 + 0.32 * len(bars))
        for place, (_row, way, value) in enumerate(bars):
            axes.barh(place, value, 0.7, color=_PLACES["before" if way in ("rebuild", "page_stock") else "after"])
            axes.annotate(seconds(value), (value, place), (6, 0), textcoords="offset points", va="center", fontsize=10)
        _name_bars(
            axes,
            [f"{row['blocks']:,} blocks: {WAYS[way]}" for row, way, _ in bars],
            "time to read the structure, and of its outline",
        )
        text = "; ".join(f"{row['key']}, {row['blocks']:,} blocks, {WAYS[way]}: {seconds(value)}" for row, way, value in bars)
        return _svg(figure, "ways", "Time to read a structure, by tier, and of the outline", text)


def sizes(courses: list[tuple[str, int]], limits: list[tuple[str, int]]) -> str:
    """Return the size of each structure as a bar, and the limits as lines. courses: (key, bytes), the largest first."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(1.2 + 0.3 * len(courses))
        axes.barh([key for key, _ in courses], [number for _, number in courses], color=_PLACES["after"])
        axes.invert_yaxis()
        for place, (message, limit) in enumerate(sorted(limits, key=lambda entry: entry[1])):
            axes.axvline(
                limit, color=_PLACES["limit"], linestyle=("--", "-.", ":")[place % 3], label=f"{message}: {size(limit)}"
            )
        axes.set_xscale("log", base=4)
        axes.set_xlabel("compressed bytes of the structure")
        axes.xaxis.set_major_formatter(FuncFormatter(size))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.6 / (1.2 + 0.3 * len(courses))), ncols=1)
        text = ", ".join(f"{key} {size(number)}" for key, number in courses)
        text += "; limits: " + ", ".join(f"{message} {size(limit)}" for message, limit in limits)
        return _svg(figure, "sizes", "Size of each structure against the limits of the cache", text)


def counters(points: dict[str, list[tuple[str, int]]]) -> str:
    """Return evictions over time. points: {server: [(ISO 8601 time, evictions)]}."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(3)
        for number, (server, series) in enumerate(sorted(points.items())):
            axes.plot(
                [datetime.fromisoformat(moment) for moment, _ in series],
                [count for _, count in series],
                label=server,
                color=_PLACES["after"] if number % 2 else _PLACES["before"],
                marker="o",
                linestyle=("-", "--", ":")[number % 3],
            )
        locator = AutoDateLocator(minticks=2, maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set(xlabel="UTC", ylabel="evictions since server start")
        most = max((count for series in points.values() for _, count in series), default=0)
        axes.set_ylim(0, max(1, 1.05 * most))  # without evictions: a flat line on a sane scale
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.grid(visible=True, axis="y")
        axes.legend()
        text = "; ".join(
            f"{server}: " + ", ".join(f"{moment} {count}" for moment, count in found) for server, found in points.items()
        )
        return _svg(figure, "evictions", "Evictions of each memcached over time", text)


def page_rows(compared: list[runs.Run]) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """Return the rows for `pages` from one or two runs, the later one last."""
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    for when, run in zip(("before", "after")[2 - len(compared) :], compared, strict=True):
        for row in runs.pages(run):
            if row["p50"] is not None:
                message = f"{row['state']}: {runs.page_name(row['page'], row['nav_depth'])}"
                rows.setdefault(message, {})[when] = (row["p50"], row["p95"])
    return list(rows.items())


def story(steps: list[dict[str, Any]], title: str, path: Path) -> None:
    """Write the story of one course as an image for print and mail: a bar for each measured step of scripts/dev/story."""
    colours = {"before": "#b35900", "after": "#1766b5"}
    steps = [step for step in steps if step["ms"]]
    figure, axes = _axes(0.6 + 0.6 * len(steps))
    for place, step in enumerate(steps):
        axes.barh(place, step["ms"] / 1000, color=colours[step["when"]])
        axes.annotate(f"  {seconds(step['ms'])}: {step['says']}", (step["ms"] / 1000, place), va="center", fontsize=9)
    axes.set_yticks(range(len(steps)), [f"{step['when']}: {step['what']}" for step in steps])
    axes.set_xlim(right=1.9 * max((step["ms"] / 1000 for step in steps), default=1))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="seconds that a learner waits", title=title)
    figure.savefig(path, dpi=100, bbox_inches="tight", facecolor="white")
