"""Flame graph and call graph of a profile, each an SVG document with the parts of the request marked."""

from __future__ import annotations

import io
import marshal
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
_WIDTH, _ROW = 1200, 18
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
    """Return the samples as a tree: {"samples", "children": {frame: tree}}."""
    root: dict[str, Any] = {"samples": 0, "children": {}}
    frames = [tuple(frame) for frame in profile["frames"]]
    for indices, samples in profile["stacks"]:
        node = root
        node["samples"] += samples
        for index in indices:
            node = node["children"].setdefault(frames[index], {"samples": 0, "children": {}})
            node["samples"] += samples
    return root


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
                message = f"{module.rsplit('.', 1)[-1]}.{frame[1]}"
                letters = int((width - 6) / _LETTER)
                share = child["samples"] / tree["samples"]
                boxes.append(
                    {
                        "x": round(start, 1),
                        "y": depth * _ROW,
                        "width": round(width, 1),
                        "fill": COLOURS[inner],
                        "label": message if len(message) <= letters else message[: letters - 1] + "…" if letters > 3 else "",
                        "title": f"{module}.{frame[1]}: {share * milliseconds:.1f} ms, {share:.1%}, {inner}",
                    }
                )
                waiting.append((child, start, depth + 1, inner))
            start += width
    return boxes


def flamegraph(profile: dict[str, Any], name: str = "flame") -> str:
    """Return the flame graph of a profile's samples, outermost calls at the top. name: prefix of its ids on a page."""
    tree = _tree(profile)
    milliseconds = profile["sampled_ms"] / max(1, profile["sampled_requests"])
    boxes = _boxes(tree, _WIDTH / max(1, tree["samples"]), milliseconds)
    report = ", ".join(f"{entry['part']} {entry['share']:.0%}" for entry in profiling.parts(profile) if entry["share"] >= 0.005)
    return environment.get_template("flamegraph.svg.j2").render(
        title=f"Flame graph of the outline of {profile['course']}, {'cold' if profile['cold'] else 'warm'}",
        text=f"{milliseconds:.0f} ms per request: {report}.",
        name=name,
        boxes=boxes,
        width=_WIDTH,
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
    return done.stdout[done.stdout.index("<svg") :]
