"""Where the structures of a site were before the first deploy, and which courses a rollback leaves to be rebuilt."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ..module_utils.common.redact import is_secret_name
from ..module_utils.decisions.releases import from_named_row

KEY = "BLOCK_STRUCTURES_SETTINGS"
# Outcomes of an object that its former storage then has (reports/move.py).
_THERE = ("copy", "copied", "replaced", "present")


def _recorded(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return the recorded settings, {} for the platform's own, None if they cannot be told from the record."""
    if "tutor" in record:
        return {} if record["tutor"]["plugin"] is None else None
    raw = record["settings"]["lms"]
    if raw is None:
        return {}
    try:
        found = json.loads(f"{{{raw}}}") if raw.lstrip().startswith('"') else yaml.safe_load(raw)
    except (ValueError, yaml.YAMLError):
        return None
    value = found.get(KEY) if isinstance(found, dict) else None
    return value if isinstance(value, dict) else None


def storage(record: dict[str, Any], release: dict[str, Any]) -> dict[str, Any]:
    """Return {"settings", "secrets", "reads"} of the storage before the first deploy, the secrets nested as in the settings.

    reads: whether the site read structures from it at all; False also if the record does not say where it was.
    """
    found = _recorded(record)
    kwargs = (found or {}).get("STORAGE_KWARGS") or {}
    secrets = {name: value for name, value in kwargs.items() if is_secret_name(name) and value is not None}
    switch = from_named_row(release).storage_switch
    return {
        "settings": {
            **(found or {}),
            "STORAGE_CLASS": (found or {}).get("STORAGE_CLASS"),
            "STORAGE_KWARGS": {name: value for name, value in kwargs.items() if name not in secrets},
        },
        "secrets": {"STORAGE_KWARGS": secrets} if secrets else {},
        "reads": found is not None and (not switch or bool(record["survey"]["switches"].get(switch))),
    }


def rebuilt(survey: dict[str, Any], moved: dict[str, Any], reads: bool) -> list[str]:
    """Return the courses that are rebuilt when a learner next opens them and the cache does not have them.

    moved: registered result of the move back. reads: whether the former site read from its storage.
    """
    keys = [course["key"] for course in survey["courses"]]
    if not reads or "moves" not in moved:  # it was skipped
        return keys
    if not moved["moves"]:
        return []
    there = {one["key"] for one in moved["report"]["objects"] if one["done"] in _THERE}
    return [key for key in keys if key not in there]


def left_text(left: dict[str, Any]) -> list[str]:
    """Return what a rollback leaves, as lines. left: the result of the filter left_behind."""
    lines = [f"stays: {path}" for path in (*left["backups"], *left["files"])]
    rebuilt = left["rebuilt"]
    if rebuilt:
        lines.append(
            f"courses that are rebuilt in the request of the learner who next opens them, once the cache does not have them "
            f"({len(rebuilt)}): {', '.join(rebuilt[:10])}{' ...' if len(rebuilt) > 10 else ''}. To spare learners that, run "
            "openedx_operators.block_structure.regenerate now."
        )
    return [*lines, "stays: the bucket with its objects; nothing there is ever deleted by a rollback"]
