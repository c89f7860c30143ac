"""Objects that wait on a host for S3, where somebody wants to take away the only class that can upload them."""

from __future__ import annotations

from typing import Any

from ..common.errors import BlockStructureError

# The keys of STORAGE_KWARGS that say what a process uploads: the objects of its folder, for its bucket (storage.py, `place`).
_UPLOADER = ("local_directory", "endpoint_url", "bucket_name")


def leaves_objects(active: dict[str, Any], settings: dict[str, Any] | None) -> bool:
    """Say whether objects wait on a host that nobody would upload with other settings than those in force.

    in_force: `settings` of a survey. settings: BLOCK_STRUCTURES_SETTINGS as they will be, None for those of before the first
    deploy. Another prefix leaves nothing behind: an object waits under its whole name.
    """
    state = active.get("storage_state")
    if not state or not state["spool"]["files"]:
        return False
    return settings is None or _uploader(settings) != _uploader(active["block_structures"])


def _uploader(settings: dict[str, Any]) -> tuple[Any, ...]:
    kwargs = settings.get("STORAGE_KWARGS") or {}
    return (settings.get("STORAGE_CLASS"), *(kwargs.get(name) or None for name in _UPLOADER))


def counted(files: int) -> str:
    """Return how many objects wait, as the beginning of a sentence."""
    return "1 object waits" if files == 1 else f"{files} objects wait"


def require_empty(report: dict[str, Any]) -> None:
    """Raise BlockStructureError while objects are left after an upload.

    told: {"state", "drained"} as the probe's operation `spool` returns them.
    """
    state = report["state"]
    left = state["spool"]["files"]
    if not left:
        return
    problem = (report["drained"] or {}).get("problem")
    why = f"uploading fails: {problem}" if problem else "none of them is for the bucket in force"
    raise BlockStructureError(
        "spool-not-empty",
        f"{counted(left)} on this host for S3, and {why}.",
        f"mend S3 and run again; or delete the files in {state['local_directory']}/spool, which rebuilds their courses later.",
        "block_structure_storage_class",
    )
