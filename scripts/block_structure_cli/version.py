"""The version of what is installed or checked out; galaxy.yml is its only source."""

from __future__ import annotations

from . import ROOT

GALAXY = ROOT / "galaxy.yml"


def version() -> str:
    """Return the version, such as `0.1.0`. Raises OSError without galaxy.yml, ValueError if it has no version."""
    for line in GALAXY.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == "version":
            return value.strip()
    raise ValueError(f"{GALAXY.name} has no version.")
