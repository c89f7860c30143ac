"""Which way of installing Open edX a host shows, and whether it is the one that was named. Nothing here looks at a host."""

from __future__ import annotations

from ..common.errors import BlockStructureError

# In place of a platform's name: find it out.
AUTO = "auto"
VARIABLE = "block_structure_platform"


def _in_words(shown: dict[str, str]) -> str:
    return " and ".join(f"{name} ({text})" for name, text in shown.items())


def decide(named: str, evidence: dict[str, str | None]) -> str:
    """Return the platform of a host.

    named: of the inventory, or AUTO. evidence: what the host shows of each platform in words, None where it shows nothing.
    Raises BlockStructureError `platform-differs`, `platform-undetected`, `platform-ambiguous`. A named platform of which
    nothing is seen, on a host that shows no other, is taken: what is missing of it is then told by name (detect.yml).
    """
    shown = {name: text for name, text in evidence.items() if text}
    if named != AUTO:
        if named in shown or not shown:
            return named
        raise BlockStructureError(
            "platform-differs",
            f"{VARIABLE} is '{named}', and what runs on this host is {_in_words(shown)}.",
            f"set {VARIABLE} to the installed platform or to auto; if it is {named}, correct the block_structure_native_ or "
            "block_structure_tutor_ variables that lead to it.",
            VARIABLE,
        )
    if not shown:
        raise BlockStructureError(
            "platform-undetected",
            "No Open edX was found on this host: no native installation where the block_structure_native_ variables say, "
            "and no LMS that Tutor or kubectl reaches as block_structure_tutor_user.",
            f"start the site; or set {VARIABLE}, and a run says what is missing of it.",
            VARIABLE,
        )
    if len(shown) > 1:
        raise BlockStructureError(
            "platform-ambiguous",
            f"This host shows more than one Open edX: {_in_words(shown)}.",
            f"name the one to work on in {VARIABLE}.",
            VARIABLE,
        )
    return next(iter(shown))
