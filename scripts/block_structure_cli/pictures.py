"""Flame graph and call graph of a profile, each an SVG document with the parts of the request marked."""

from __future__ import annotations

import io
import marshal
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import gprof2dot
import jinja2
from block_structure.plugin_utils.reports import profiling

# Distinct for colour-blind readers (Okabe and Ito), and light enough for dark text.
COLOURS = {
    "collection": "#e69f00",
    "storage": "#56b4e9",
    "cache": "#7fd1b9",
    "unpickle": "#f0e442",
    "transformers": "#d99ec0",
    profiling.REST: "#c8c8c8",
}
BROAD, NARROW = 1000, 356  # a page on a desktop, and on a phone
_ROW = 18
_LEAST_WIDTH = 1.5  # narrower boxes are omitted
_LETTER = 6.2
_PERCENT_OF_NODE, _PERCENT_OF_EDGE = 1.0, 0.5

environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _tree(profile: dict[str, Any]) -> dict[str, Any]:
    """Return the samples from the view on as a tree: {"samples", "children": {frame: tree}}."""
    root: dict[str, Any] = {"samples": 0, "children": {}}
    for stack, count in profiling.samples(profile):
        node = root
        node["samples"] += count
        for frame in profiling.from_view(stack):
            node = node["children"].setdefault(frame, {"samples": 0, "children": {}})
            node["samples"] += count
    return root


def speedscope(profile: dict[str, Any]) -> dict[str, Any]:
    """Return the samples, all frames of one request, in the file format of the viewer speedscope."""
    frames = [{"name": f"{profiling.module_of(filename)}.{name}", "file": filename} for filename, name in profile["frames"]]
    sampled = sum(count for _, count in profile["stacks"])
    milliseconds = profile["sampled_ms"] / max(1, profile["sampled_requests"])
    name = f"{profile['course']}, {'cold' if profile['cold'] else 'warm'}"
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": name,
        "exporter": "block-structure profile",
        "shared": {"frames": frames},
        "profiles": [
            {
                "type": "sampled",
                "name": name,
                "unit": "milliseconds",
                "startValue": 0,
                "endValue": milliseconds,
                "samples": [indices for indices, _ in profile["stacks"]],
                "weights": [milliseconds * count / max(1, sampled) for _, count in profile["stacks"]],
            }
        ],
    }


def _boxes(tree: dict[str, Any], scale: float, milliseconds: float) -> list[dict[str, Any]]:
    boxes = []
    waiting: list[tuple[dict[str, Any], float, int, str]] = [(tree, 0.0, 0, profiling.REST)]
    while waiting:
        node, start, depth, part = waiting.pop()
        for frame, child in sorted(node["children"].items()):
            width = child["samples"] * scale
            inner = profiling.part_of(*frame) or part
            if width >= _LEAST_WIDTH:
                module = profiling.module_of(frame[0])
                message = f"{module.rsplit('.', 1)[-1]}.{frame[1]}".lstrip(".")
                letters = int((width - 6) / _LETTER)
                share = child["samples"] / tree["samples"]
                boxes.append(
                    {
                        "x": round(start, 1),
                        "y": depth * _ROW,
                        "width": round(width, 1),
                        "fill": COLOURS[inner],
                        "label": message if len(message) <= letters else message[: letters - 1] + "…" if letters > 3 else "",
                        "title": f"{module}.{frame[1]}".lstrip(".") + f": {share * milliseconds:.1f} ms, {share:.1%}, {inner}",
                    }
                )
                waiting.append((child, start, depth + 1, inner))
            start += width
    return boxes


def flamegraph(profile: dict[str, Any], name: str = "flame", width: int = BROAD) -> str:
    """Return the flame graph of a profile's samples from the view on, outermost calls at the top.

    name: prefix of its ids on a page. width: in units in which a row has 18.
    """
    tree = _tree(profile)
    milliseconds = profile["sampled_ms"] / max(1, profile["sampled_requests"])
    boxes = _boxes(tree, width / max(1, tree["samples"]), milliseconds)
    report = ", ".join(f"{entry['part']} {entry['share']:.0%}" for entry in profiling.parts(profile) if entry["share"] >= 0.005)
    return environment.get_template("flamegraph.svg.j2").render(
        title=f"Flame graph of the outline of {profile['course']}, {'cold' if profile['cold'] else 'warm'}",
        text=f"{milliseconds:,.0f} ms per request: {report}.",
        name=name,
        boxes=boxes,
        kind="broad" if width == BROAD else "narrow",
        width=width,
        height=max((box["y"] for box in boxes), default=0) + _ROW,
        row=_ROW,
    )


def _pstats(profile: dict[str, Any]) -> bytes:
    """Return the functions in cProfile's format; the entry function of a part has the part in its name."""
    keys = []
    for filename, line, name, *_numbers in profile["functions"]:
        part = profiling.part_of(filename, name)
        keys.append((filename, line, f"{name} [{part}]" if part else name))
    callers: list[dict[Any, Any]] = [{} for _ in keys]
    for caller, callee, calls, seconds in profile["edges"]:
        callers[callee][keys[caller]] = (calls, calls, seconds, seconds)
    numbers = [(calls, calls, own, cumulative) for _file, _line, _name, calls, own, cumulative in profile["functions"]]
    return marshal.dumps({key: (*number, found) for key, number, found in zip(keys, numbers, callers, strict=True)})


def dot(profile: dict[str, Any]) -> str:
    """Return the call graph in Graphviz's language, without functions below one percent of the time."""
    with tempfile.NamedTemporaryFile(suffix=".pstats") as stream:
        stream.write(_pstats(profile))
        stream.flush()
        parsed = gprof2dot.PstatsParser(stream.name).parse()
    parsed.prune(_PERCENT_OF_NODE / 100, _PERCENT_OF_EDGE / 100, [], False)
    drawn = io.StringIO()
    writer = gprof2dot.DotWriter(drawn)
    writer.strip = True
    writer.graph(parsed, gprof2dot.TEMPERATURE_COLORMAP)
    return drawn.getvalue()


def callgraph(profile: dict[str, Any]) -> str | None:
    """Return the call graph as SVG, None if Graphviz is not installed."""
    if not shutil.which("dot"):
        return None
    done = subprocess.run(["dot", "-Tsvg"], input=dot(profile), capture_output=True, text=True, check=True)
    return _fitted(done.stdout[done.stdout.index("<svg") :])


def _fitted(svg: str) -> str:
    """Return Graphviz's drawing no wider than the window: its own size begins with an empty corner."""
    return re.sub(r'width="([\d.]+pt)" height="[\d.]+pt"', r'style="width: 100%; max-width: \1; height: auto"', svg, count=1)
