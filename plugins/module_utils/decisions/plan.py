"""Plan the work inside the LMS that brings a surveyed site to the desired state. Pure: survey in, operations out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..common.changes import Change
from ..probe.protocol import is_under
from . import signing
from .storage_settings import OWN_DEFAULTS

# The keys of STORAGE_KWARGS that decide where objects are stored.
_PLACE = ("bucket_name", "endpoint_url", "host", "port", "location")


@dataclass(frozen=True)
class Target:
    """The desired content of the LMS's database and storage.

    settings: the public BLOCK_STRUCTURES_SETTINGS. row: fields of BlockStructureConfiguration. switches: {name: on, off, or
    None to delete it}.
    switches_if_clean: switches to turn on only after a generation without failures. force: regenerate every course.
    moved: the objects were copied to the new location before the settings changed. sign: generate what is not signed yet.
    """

    settings: dict[str, Any]
    row: dict[str, Any]
    switches: dict[str, bool | None]
    switches_if_clean: dict[str, bool] = field(default_factory=dict)
    force: bool = False
    moved: bool = False
    sign: bool = False


@dataclass(frozen=True)
class Plan:
    """changes: for the diff; courses: those to generate (None: all); operations: the probe's work, in order."""

    changes: list[Change]
    courses: list[str] | None
    operations: list[dict[str, Any]]


def storage_place(settings: dict[str, Any]) -> dict[str, Any]:
    """Return where a BLOCK_STRUCTURES_SETTINGS stores its objects; equal places hold the same objects."""
    kwargs = settings.get("STORAGE_KWARGS") or {}
    # The same place, whether it is named or left to the library.
    place = {name: None if kwargs.get(name) == OWN_DEFAULTS.get(name) else kwargs.get(name) or None for name in _PLACE}
    return {**place, "in_s3": bool(settings.get("STORAGE_CLASS")), "prefix": settings.get("DIRECTORY_PREFIX") or ""}


def storage_moves(survey: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Return whether the desired settings store objects elsewhere than the active ones."""
    return storage_place(survey["settings"]["block_structures"]) != storage_place(settings)


def has_to_move(survey: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Return whether there are objects to move; without any, no LMS boot is needed for it."""
    return storage_moves(survey, settings) and any(course["row"] for course in survey["courses"])


def needs_generation(course: dict[str, Any]) -> bool:
    """Return whether a surveyed course lacks a row, or its object is missing, damaged or stale."""
    return not course["row"] or not course["object_exists"] or course["fresh"] is False


def _misplaced(survey: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """Return the courses whose row names an object outside of the prefix, as they are after a move."""
    prefix = settings.get("DIRECTORY_PREFIX") or ""
    return [course["key"] for course in survey["courses"] if course["object"] and not is_under(course["object"], prefix)]


def _switch_changes(survey: dict[str, Any], wanted: dict[str, bool | None]) -> list[Change]:
    """Return the switches to change or to delete; an absent one counts as off."""
    found = survey["switches"]
    return [
        Change(f"switch {name}", found.get(name), value)
        for name, value in sorted(wanted.items())
        if (found.get(name) is not None if value is None else bool(found.get(name)) != value)
    ]


def make(survey: dict[str, Any], desired: Target, generation: dict[str, Any] | None = None) -> Plan:
    """Return the plan; an empty list of changes means that the LMS need not be booted.

    generation: how to generate, as probe/generate.py's Options take it. Order: the row first, because it decides the cache
    timeout of what generation writes; then rows name the copies of a move; then generation, while the switch is still off; then
    the switches; then once more what went stale in between. After a move every object is read where it is now.
    """
    changes = []
    operations: list[dict[str, Any]] = []
    row = {name: value for name, value in desired.row.items() if survey["row"][name] != value}
    if row:
        changes += [Change(f"BlockStructureConfiguration.{name}", survey["row"][name], value) for name, value in row.items()]
        operations.append({"op": "configure", "row": desired.row})
    relocated = storage_moves(survey, desired.settings)
    misplaced = _misplaced(survey, desired.settings) if desired.moved else []
    if misplaced:
        changes.append(Change("objects", None, {"rename": misplaced}))
        operations.append({"op": "repoint"})
    everything = desired.force or (relocated and not desired.moved)
    wanted = [
        course["key"]
        for course in survey["courses"]
        if everything or needs_generation(course) or (desired.sign and signing.is_unsigned(course))
    ]
    if wanted:
        changes.append(Change("courses", None, {"generate": wanted}))
    shared = generation or {}
    if wanted:
        # The survey has read the objects, so the selection is final.
        select = {"courses": wanted, "force": True, "absent_is_gone": True}
        operations.append({"op": "generate", "select": select, **shared})
    turned = _switch_changes(survey, {**desired.switches, **desired.switches_if_clean})
    if turned:
        changes += turned
        operations.append({"op": "switches", "set": desired.switches, "set_if_clean": desired.switches_if_clean})
    moved = bool(misplaced) or (desired.moved and has_to_move(survey, desired.settings))
    if wanted or turned or moved:
        only = ["missing", "stale", "broken"] if moved else ["missing", "stale"]
        operations.append({"op": "generate", "select": {"only": only}, "except_failed": True, **shared})
    if operations:
        operations.append({"op": "survey", "read": True})
    return Plan(changes, wanted, operations)


def undo(survey: dict[str, Any], recorded: dict[str, Any]) -> Plan:
    """Return the plan that restores row and switches of a recorded survey; switches that were absent are deleted."""
    changes = []
    operations: list[dict[str, Any]] = []
    names = ("num_versions_to_keep", "cache_timeout_in_seconds")
    row = {name: recorded["row"][name] for name in names}
    if any(survey["row"][name] != row[name] for name in names):
        changes += [
            Change(f"BlockStructureConfiguration.{name}", survey["row"][name], row[name])
            for name in names
            if survey["row"][name] != row[name]
        ]
        operations.append({"op": "configure", "row": row})
    switches = {name: was for name, was in recorded["switches"].items() if survey["switches"].get(name) != was}
    if switches:
        changes += [Change(f"switch {name}", survey["switches"].get(name), was) for name, was in sorted(switches.items())]
        operations.append({"op": "switches", "set": switches})
    if operations:
        operations.append({"op": "survey", "read": False})
    return Plan(changes, [], operations)
