"""Decide which processes run with older settings than their files have. Nothing here contacts a host."""

from __future__ import annotations

from typing import Any

# The start of a process is known to the second, and it loads its settings later than that.
_TOLERANCE_SECONDS = 1


def outdated(processes: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return the processes (probe/engine/ages.py) that were started before their settings were last written."""
    return [one for one in processes or [] if one["started"] + _TOLERANCE_SECONDS < one["settings_written"]]
