"""Decide which kind of Open edX installation a host has, and whether it is the named one. Nothing here contacts a host."""

from __future__ import annotations

from ..common.errors import BlockStructureError

AUTO = "auto"  # detect the platform
VARIABLE = "block_structure_platform"


def _as_text(shown: dict[str, str]) -> str:
    return " and ".join(f"{name} ({text})" for name, text in shown.items())


def decide(named: str, evidence: dict[str, str | None]) -> str:
    """Return the platform of a host.

    named: the inventory's, or AUTO. evidence: {platform: what was found of it as text, None for nothing}.
    Raises BlockStructureError `platform-differs`, `platform-undetected`, `platform-ambiguous`. A named platform is accepted
    on a host that shows none at all: later checks then report exactly what is missing (detect.yml).
    """
    shown = {name: text for name, text in evidence.items() if text}
    if named != AUTO:
        if named in shown or not shown:
            return named
        raise BlockStructureError(
            "platform-differs",
            f"{VARIABLE} is '{named}', and this host runs {_as_text(shown)}.",
            f"set {VARIABLE} to the installed platform or to auto; if it is {named}, correct the block_structure_native_ or "
            "block_structure_tutor_ variables that locate it.",
            VARIABLE,
        )
    if not shown:
        raise BlockStructureError(
            "platform-undetected",
            "No Open edX was found on this host: no native installation at the block_structure_native_ paths, "
            "and no LMS that Tutor or kubectl can reach as block_structure_tutor_user.",
            f"start the site; or set {VARIABLE}, and the next run reports what is missing.",
            VARIABLE,
        )
    if len(shown) > 1:
        raise BlockStructureError(
            "platform-ambiguous",
            f"This host has more than one Open edX: {_as_text(shown)}.",
            f"set {VARIABLE} to the one to manage.",
            VARIABLE,
        )
    return next(iter(shown))
