"""Which waffle switches of block structures the operator's variables ask for, and whether the release has them."""

from __future__ import annotations

from typing import Any

from ..common.errors import BlockStructureError
from ..common.findings import Finding
from .releases import Release

INVALIDATE_SWITCH = "block_structure.invalidate_cache_on_publish"
RAISE_SWITCH = "block_structure.raise_error_when_not_found"


def desired_switches(variables: dict[str, Any], release: Release) -> tuple[dict[str, bool | None], dict[str, bool]]:
    """Return (switches, switches that need a clean generation first); raises `switch-gone` for one that the release lacks.

    None deletes the switch: those that nothing reads any more.
    """
    asked = {
        INVALIDATE_SWITCH: ("block_structure_invalidate_cache_on_publish", False),
        RAISE_SWITCH: ("block_structure_raise_error_when_not_found", True),
    }
    plain: dict[str, bool | None] = {release.storage_switch: True} if release.storage_switch else {}
    if variables["block_structure_delete_inert_switches"]:
        plain.update(dict.fromkeys(release.inert_switches))
    if_clean: dict[str, bool] = {}
    for switch, (variable, needs_clean) in asked.items():
        wanted = bool(variables[variable])
        if switch not in release.switches:
            if wanted:
                raise BlockStructureError(
                    "switch-gone",
                    f"{variable} is true, and {release.name} no longer has the switch {switch}.",
                    f"remove {variable}; the release behaves as if it were off.",
                    variable,
                )
        elif wanted and needs_clean:
            if_clean[switch] = True
        else:
            plain[switch] = wanted
    return plain, if_clean


def publish_findings(variables: dict[str, Any], release: Release) -> list[Finding]:
    """Return a finding where a switch would keep new courses out of the cache permanently."""
    variable = "block_structure_invalidate_cache_on_publish"
    if not (variables[variable] and INVALIDATE_SWITCH in release.switches and release.publish_needs_row):
        return []
    return [
        Finding(
            "publish-needs-row",
            "warning",
            f"{variable} is true, and on {release.name} publishing a course that is not stored yet fails: a new "
            "course is rebuilt in each request.",
            f"remove {variable}; a publish replaces the structure without it.",
            variable,
        )
    ]
