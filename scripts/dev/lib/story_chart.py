"""The story of one course as an image for print and mail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from block_structure_cli.charts import seconds
from matplotlib.figure import Figure

_COLOURS = {"before": "#b35900", "after": "#1766b5"}


def draw(steps: list[dict[str, Any]], title: str, path: Path) -> None:
    """Write a bar for each measured step of scripts/dev/story."""
    steps = [step for step in steps if step["ms"]]
    figure = Figure(figsize=(8, 0.6 + 0.6 * len(steps)))
    axes = figure.add_subplot()
    for place, step in enumerate(steps):
        axes.barh(place, step["ms"] / 1000, color=_COLOURS[step["when"]])
        axes.annotate(f"  {seconds(step['ms'])}: {step['says']}", (step["ms"] / 1000, place), va="center", fontsize=9)
    axes.set_yticks(range(len(steps)), [f"{step['when']}: {step['what']}" for step in steps])
    axes.set_xlim(right=1.9 * max((step["ms"] / 1000 for step in steps), default=1))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="seconds that a learner waits", title=title)
    figure.savefig(path, dpi=100, bbox_inches="tight", facecolor="white")
