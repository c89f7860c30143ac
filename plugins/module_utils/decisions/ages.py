"""Decide which processes run with older settings, or another environment, than they would start with. No host is asked."""

from __future__ import annotations

from typing import Any

# The start of a process is known to the second, and it loads its settings later than that.
_TOLERANCE_SECONDS = 1


def outdated(processes: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return the processes (probe/engine/ages.py) that do not run with what they would be started with now.

    They were started before their settings were last written, or with other values of what this project exports.
    """
    return [one for one in processes or [] if one.get("environment_differs") or is_older(one)]


def is_older(process: dict[str, Any]) -> bool:
    """Return whether a process was started before its settings were last written."""
    return bool(process["started"] + _TOLERANCE_SECONDS < process["settings_written"])
