"""The version of what is installed or checked out, and the address of its documents; galaxy.yml is their only source."""

from __future__ import annotations

from . import ROOT

GALAXY = ROOT / "galaxy.yml"


def _stated(name: str) -> str:
    for line in GALAXY.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    raise ValueError(f"{GALAXY.name} has no {name}.")


def version() -> str:
    """Return the version, such as `0.1.0`. Raises OSError without galaxy.yml, ValueError if it has no version."""
    return _stated("version")


def documentation() -> str:
    """Return the address of the documents. Raises as `version` does."""
    return _stated("documentation")
