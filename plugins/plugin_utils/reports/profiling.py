"""Attribute the stacks and functions of a profile to parts of the work, and sum them up by module."""

from __future__ import annotations

from typing import Any

# Part -> [(suffix of the file's path, functions)]. Paths of edx-platform
# openedx/core/djangoapps/content/block_structure (read at 2023-03, 2024-09, 2025-08) and of the libraries behind the storage.
_STORE = "content/block_structure/store.py"
PARTS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "collection": [
        ("content/block_structure/manager.py", ("_update_collected",)),
        ("content/block_structure/factory.py", ("create_from_modulestore",)),
        ("content/block_structure/transformers.py", ("collect",)),
        (_STORE, ("_serialize",)),
    ],
    "storage": [
        ("content/block_structure/models.py", ("get_serialized_data", "update_or_create", "_prune_files")),
        (_STORE, ("_get_from_store", "_update_or_create_model")),
    ],
    "cache": [(_STORE, ("_get_from_cache", "_add_to_cache"))],
    "unpickle": [(_STORE, ("_deserialize",)), ("openedx/core/lib/cache_utils.py", ("zunpickle",))],
    "transformers": [("content/block_structure/transformers.py", ("transform", "_transform_with_filters"))],
}
REST = "rest"
_BUILT_IN = "(built in)"
# The probe itself, and built-ins, which are called from everywhere and belong to their callers.
_NOT_THE_PLATFORM = (_BUILT_IN, "block_structure_probe")
WORDS = {
    "collection": "collecting the structure from the modulestore",
    "storage": "reading or writing the stored object",
    "cache": "reading or writing the cache",
    "unpickle": "unpickling",
    "transformers": "transformers for this user",
    REST: "everything else: middleware, view, serialization",
}


def part_of(filename: str, name: str) -> str | None:
    """Return the part that a function belongs to, None if it belongs to no specific part."""
    for part, places in PARTS.items():
        if any(filename.endswith(place) and name in names for place, names in places):
            return part
    return None


def part_of_stack(stack: list[tuple[str, str]]) -> str:
    """Return the part of a stack of (file, function), the outermost first: that of its innermost function with a part.

    So an object that is written during collection counts as storage.
    """
    for filename, name in reversed(stack):
        part = part_of(filename, name)
        if part:
            return part
    return REST


def parts(profile: dict[str, Any]) -> list[dict[str, Any]]:
    """Return [{"part", "words", "share", "ms"}] of a profile's samples, in the order of PARTS; ms of one request."""
    counts = dict.fromkeys([*PARTS, REST], 0)
    frames = [(filename, name) for filename, name in profile["frames"]]
    for indices, samples in profile["stacks"]:
        counts[part_of_stack([frames[index] for index in indices])] += samples
    total = sum(counts.values()) or 1
    milliseconds = profile["sampled_ms"] / max(1, profile["sampled_requests"])
    return [
        {"part": part, "words": WORDS[part], "share": count / total, "ms": milliseconds * count / total}
        for part, count in counts.items()
    ]


def reads_structure(profile: dict[str, Any]) -> bool:
    """Return whether the page read the course's structure; it does not for a user without access to the course."""
    return any("content/block_structure/" in function[0] for function in profile["functions"])


def module_of(filename: str) -> str:
    """Return the dotted module of a file path from the probe; built-in functions are one module."""
    if filename in ("~", "") or filename.startswith("<"):
        return _BUILT_IN
    return filename.rsplit(".py", 1)[0].strip("/").replace("/", ".").replace(".__init__", "")


def modules(profile: dict[str, Any]) -> list[dict[str, Any]]:
    """Return [{"module", "parts", "calls", "own_ms", "cumulative_ms"}] from cProfile, the highest cumulative_ms first.

    Cumulative is the time of calls that enter a module from another one. cProfile slows Python down, so use these only to
    compare modules; `parts` has the cost of a request.
    """
    functions = profile["functions"]
    found: dict[str, dict[str, Any]] = {}
    for filename, _line, name, calls, own, _cumulative in functions:
        entry = found.setdefault(
            module_of(filename), {"module": module_of(filename), "parts": [], "calls": 0, "own_ms": 0.0, "cumulative_ms": 0.0}
        )
        part = part_of(filename, name)
        if part and part not in entry["parts"]:
            entry["parts"].append(part)
        entry["calls"] += calls
        entry["own_ms"] += own * 1000
    called: set[int] = set()
    total = max((function[5] for function in functions), default=0.0) * 1000
    for caller, callee, _calls, seconds in profile["edges"]:
        called.add(callee)
        outer, inner = module_of(functions[caller][0]), module_of(functions[callee][0])
        if outer != inner:
            found[inner]["cumulative_ms"] += seconds * 1000
    for number, function in enumerate(functions):
        if number not in called:
            found[module_of(function[0])]["cumulative_ms"] += function[5] * 1000
    for entry in found.values():
        entry["cumulative_ms"] = min(entry["cumulative_ms"], total)
    report = [entry for entry in found.values() if entry["module"].split(".")[0] not in _NOT_THE_PLATFORM]
    return sorted(report, key=lambda entry: (-entry["cumulative_ms"], entry["module"]))
