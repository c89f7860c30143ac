"""Attribute the stacks of a profile to parts of the work, and to the apps of the platform."""

from __future__ import annotations

import sys
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
# What passes a request on to the view, and the probe that made the request.
_HANDLERS = ("django/core/handlers/", "django/utils/deprecation.py")
_WRAPPERS = (
    *_HANDLERS,
    "django/utils/decorators.py",
    "django/views/",
    "rest_framework/views.py",
    "openedx/core/lib/api/view_utils.py",
    "block_structure_probe",
)
MIDDLEWARE = ("", "middleware and dispatch")
# Beginning of a file's path -> number of its components that name the app; one for all others.
_APPS = (
    ("openedx/core/djangoapps/content/", 5),
    ("openedx/core/djangoapps/", 4),
    ("openedx/", 3),
    ("lms/djangoapps/", 3),
    ("cms/djangoapps/", 3),
    ("common/djangoapps/", 3),
    ("common/lib/xmodule/xmodule/", 5),
    ("xmodule/modulestore/", 2),
    ("django/", 2),
)
Frame = tuple[str, str]
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


def part_of_stack(stack: list[Frame]) -> str:
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
    for stack, count in samples(profile):
        counts[part_of_stack(stack)] += count
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
    if filename.startswith(("~", "<")):
        return "(built in)"
    return filename.rsplit(".py", 1)[0].strip("/").replace("/", ".").replace(".__init__", "")


def from_view(stack: list[Frame]) -> list[Frame]:
    """Return the frames of a stack from the view on, or from the middleware that was at work; [MIDDLEWARE] if none is left.

    The handlers call one middleware inside the other, so all frames up to the last handler only pass the request on.
    """
    start = max((number + 1 for number, frame in enumerate(stack) if frame[0].startswith(_HANDLERS)), default=0)
    while start < len(stack) and (stack[start][0].startswith(_WRAPPERS) or _is_library(stack[start][0])):
        start += 1
    return stack[start:] or [MIDDLEWARE]


def samples(profile: dict[str, Any]) -> list[tuple[list[Frame], int]]:
    """Return (stack, samples) of a profile; a frame is (file, function), the outermost first."""
    frames = [(filename, name) for filename, name in profile["frames"]]
    return [([frames[index] for index in indices], count) for indices, count in profile["stacks"]]


def _is_library(filename: str) -> bool:
    """Return whether a file is Python itself, whose work belongs to its callers."""
    return filename.startswith(("~", "<")) or filename.split("/", maxsplit=1)[0].removesuffix(".py") in sys.stdlib_module_names


def app_of(frame: Frame) -> str | None:
    """Return the app or package of a frame, such as `lms.djangoapps.course_blocks`; None for Python's own library."""
    filename = frame[0]
    if frame == MIDDLEWARE:
        return MIDDLEWARE[1]
    if _is_library(filename):
        return None
    depth = next((depth for start, depth in _APPS if filename.startswith(start)), 1)
    return ".".join(module_of(filename).split(".")[:depth])


def apps(profile: dict[str, Any]) -> list[dict[str, Any]]:
    """Return [{"app", "parts", "own_ms", "total_ms", "share"}] of the samples from the view on, the highest own_ms first.

    own_ms, share: what the app's code does itself, with Python's library. total_ms: with the apps that it calls. All are of one
    undisturbed request.
    """
    found: dict[str, dict[str, Any]] = {}
    seen = samples(profile)
    sampled = sum(count for _, count in seen) or 1
    one = profile["sampled_ms"] / max(1, profile["sampled_requests"]) / sampled
    for stack, count in seen:
        named = [app for app in map(app_of, from_view(stack)) if app] or [MIDDLEWARE[1]]
        for app in dict.fromkeys(named):
            row = found.setdefault(app, {"app": app, "parts": [], "own_ms": 0.0, "total_ms": 0.0, "share": 0.0})
            row["total_ms"] += count * one
        own, part = found[named[-1]], part_of_stack(stack)
        own["own_ms"] += count * one
        own["share"] += count / sampled
        if part != REST and part not in own["parts"]:
            own["parts"].append(part)
    return sorted(found.values(), key=lambda row: (-row["own_ms"], row["app"]))
