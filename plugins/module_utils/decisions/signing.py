"""When stored objects are signed, when unsigned ones are refused, and who must share the key.

Structures are pickles: who can write one to the bucket runs code in every LMS that reads it. The resilient class signs objects
with a key derived from SECRET_KEY (files/block_structure_storage, signing.py). A site that has unsigned objects accepts them
until a generation has signed them all; then it refuses them, within the same deploy.
"""

from __future__ import annotations

from typing import Any

from ..common.errors import BlockStructureError

# The values of `signing` in STORAGE_KWARGS of the resilient class, and of block_structure_storage_signing.
REQUIRE, ACCEPT_UNSIGNED, OFF = "require", "accept_unsigned", "off"
MODES = (REQUIRE, ACCEPT_UNSIGNED, OFF)
# The status that the class gives an object whose signature matches name and bytes.
VALID = "valid"
VARIABLE = "block_structure_storage_signing"


def mode(settings: dict[str, Any]) -> str | None:
    """Return what a BLOCK_STRUCTURES_SETTINGS says of signatures; None for a class that does not sign."""
    found = (settings.get("STORAGE_KWARGS") or {}).get("signing")
    return None if found is None else str(found)


def active_mode(settings: dict[str, Any]) -> str | None:
    """Return what the running storage class does; None for a class that does not sign. settings: of a survey."""
    found = ((settings.get("storage_state") or {}).get("signing") or {}).get("mode")
    return None if found is None else str(found)


def is_unsigned(course: dict[str, Any]) -> bool:
    """Return whether a surveyed course has a readable object that is not known to be signed by this site."""
    return bool(course["row"] and course["object_exists"] and course.get("signature") != VALID)


def unsigned(survey: dict[str, Any]) -> list[str]:
    """Return the keys of these courses."""
    return [course["key"] for course in survey["courses"] if is_unsigned(course)]


def with_mode(settings: dict[str, Any], wanted: str) -> dict[str, Any]:
    """Return a BLOCK_STRUCTURES_SETTINGS with another mode."""
    return {**settings, "STORAGE_KWARGS": {**settings["STORAGE_KWARGS"], "signing": wanted}}


def for_now(settings: dict[str, Any], survey: dict[str, Any]) -> dict[str, Any]:
    """Return the BLOCK_STRUCTURES_SETTINGS that a site can bear now: like the wanted ones, or with unsigned objects accepted.

    A site that refuses them already goes on to do so: what is unsigned there was written by somebody else.
    """
    if mode(settings) != REQUIRE or active_mode(survey["settings"]) == REQUIRE or not unsigned(survey):
        return settings
    return with_mode(settings, ACCEPT_UNSIGNED)


def begins(settings: dict[str, Any], active: dict[str, Any]) -> bool:
    """Return whether a BLOCK_STRUCTURES_SETTINGS begins to sign, so that LMS and Studio must be shown to share the key.

    active: settings of a survey.
    """
    return mode(settings) in (REQUIRE, ACCEPT_UNSIGNED) and active_mode(active) in (None, OFF)


def check_keys(lms: list[str], studio: list[str], who: str = "Studio") -> None:
    """Raise BlockStructureError unless two processes verify what the other signs.

    lms, studio: short names of the keys of each, the one that signs first (facts.signing_keys of the probe).
    """
    if lms and studio and lms[0] in studio and studio[0] in lms:
        return
    raise BlockStructureError(
        "signing-keys-differ",
        f"The LMS and {who} have different values of SECRET_KEY, so neither would read what the other signs.",
        "give both the same SECRET_KEY, or name the other's in SECRET_KEY_FALLBACKS of each; or set "
        "block_structure_storage_signing to off. Nothing was changed.",
        VARIABLE,
    )
