"""Protect objects that wait on a host for S3 from a change that would leave them without an uploader."""

from __future__ import annotations

from typing import Any

from ..common.errors import BlockStructureError

# STORAGE_KWARGS that decide what a process uploads: the objects of its folder, for its bucket (storage.py, `place`), with a
# signature or without.
_UPLOADER = ("local_directory", "endpoint_url", "bucket_name", "signing")


def leaves_objects(active: dict[str, Any], settings: dict[str, Any] | None) -> bool:
    """Return whether waiting objects would never be uploaded once the settings change.

    active: `settings` of a survey. settings: the new BLOCK_STRUCTURES_SETTINGS, None for those before the first deploy.
    Another prefix is harmless: an object waits under its full name.
    """
    state = active.get("storage_state")
    if not state or not state["spool"]["files"]:
        return False
    return settings is None or _uploader(settings) != _uploader(active["block_structures"])


def _uploader(settings: dict[str, Any]) -> tuple[Any, ...]:
    kwargs = settings.get("STORAGE_KWARGS") or {}
    return (settings.get("STORAGE_CLASS"), *(kwargs.get(name) or None for name in _UPLOADER))


def counted(files: int) -> str:
    """Return the number of waiting objects as the beginning of a sentence."""
    return "1 object waits" if files == 1 else f"{files} objects wait"


def require_empty(report: dict[str, Any]) -> None:
    """Raise BlockStructureError `spool-not-empty` while objects are left after an upload.

    report: {"state", "drained"} from the probe's operation `spool`.
    """
    state = report["state"]
    left = state["spool"]["files"]
    if not left:
        return
    problem = (report["drained"] or {}).get("problem")
    why = f"the upload fails: {problem}" if problem else "all of them are for another bucket"
    raise BlockStructureError(
        "spool-not-empty",
        f"{counted(left)} on this host for S3, and {why}.",
        f"fix S3 and run again; or delete the files in {state['local_directory']}/spool, which rebuilds their courses later.",
        "block_structure_storage_class",
    )
