"""What a move of objects comes to: the report that role and tools show, and the exit code that it deserves. Pure."""

from __future__ import annotations

from typing import Any

from . import candidate, regeneration
from .errors import BlockStructureError

# What may become of an object, in the order in which it is told (probe/move.py); `copy` is of a dry run.
OUTCOMES = ("copy", "copied", "replaced", "present", "missing", "damaged", "failed", "left")
_WORDS = {
    "copy": "to be copied",
    "copied": "copied and read back",
    "replaced": "replaced, since other bytes were there",
    "present": "there already",
    "missing": "missing at the source, to be generated",
    "damaged": "damaged at the source, to be generated",
    "failed": "failed",
    "left": "left",
}
_AGAIN = "start it again; what is there already is only compared."
NOTHING = {"results": [{"problem": None, "canary": None, "objects": [], "ended": "done", "outage": None}], "ended": "done"}
_SHOWN_FAILURES = 10


def _refused(result: dict[str, Any]) -> BlockStructureError | None:
    """Return why nothing was copied, None when the storage to move to is good."""
    if result["problem"]:
        said = "{type}: {message}".format(**result["problem"])
        return BlockStructureError(
            "move-target-unusable",
            f"The storage to move to cannot be made: {said}",
            "correct the block_structure_storage_ variables that it names; nothing was copied.",
        )
    try:
        candidate.judge_canary(result["canary"] or {})
    except BlockStructureError as error:
        return error
    return None


def report(done: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a move from what the module block_structure_run returned.

    run; objects [{"key", "from", "name", "done", "bytes", "problem"}], failed ones last; counts {outcome: number}; bytes: of
    what is, or would be, copied; seconds; ended: done, outage, stopped, failed; error: as data, or None; exit_code.
    """
    told: dict[str, Any] = {"run": done.get("run"), "objects": [], "counts": {}, "bytes": 0, "seconds": None, "error": None}
    told["ended"] = done.get("ended") or "failed"
    if done.get("failed") or "results" not in done:
        told["error"] = regeneration.broken(done, _AGAIN)
        told["exit_code"] = regeneration.ENVIRONMENT
        return told
    if told["ended"] == "stopped":
        told["error"] = BlockStructureError("run-stopped", "The move was stopped.", _AGAIN).as_dict()
        told["exit_code"] = regeneration.INTERRUPTED
        return told
    result = done["results"][-1]
    told.update(
        objects=sorted(result["objects"], key=lambda one: (OUTCOMES.index(one["done"]), one["key"])),
        seconds=result.get("seconds"),
    )
    told["counts"] = {
        outcome: number for outcome in OUTCOMES if (number := sum(one["done"] == outcome for one in told["objects"]))
    }
    told["bytes"] = sum(one["bytes"] or 0 for one in told["objects"] if one["done"] in ("copy", "copied", "replaced"))
    refused = _refused(result)
    if refused:
        told["error"] = refused.as_dict()
        told["exit_code"] = regeneration.ENVIRONMENT
    elif result["outage"]:
        told["error"] = BlockStructureError(
            "service-away",
            f"The {result['outage']} does not answer; {told['counts'].get('left', 0)} objects are left.",
            "mend it, then start again; what is there already is only compared.",
        ).as_dict()
        told["exit_code"] = regeneration.ENVIRONMENT
    else:
        told["exit_code"] = regeneration.FAILED if told["counts"].get("failed") else regeneration.OK
    return told


def summary(told: dict[str, Any]) -> list[str]:
    """Return the lines that sum a report up."""
    if not told["objects"]:
        return ["there is no object to move"]
    counted = ", ".join(f"{number} {_WORDS[outcome]}" for outcome, number in told["counts"].items())
    return [
        f"{len(told['objects'])} objects: {counted} ({told['bytes'] / 1024 / 1024:.1f} MiB)",
        "nothing is deleted where they come from",
    ]


def words(told: dict[str, Any]) -> str:
    """Return why the play of a move must fail, failed objects by name; empty when all is well."""
    lines = [told["error"]["message"]] if told["error"] else []
    failed = [one for one in told["objects"] if one["done"] == "failed"]
    for one in failed[:_SHOWN_FAILURES]:
        meant = candidate.meaning(one["problem"])[0]
        said = "{type}: {message}".format(**one["problem"])
        lines.append(f"{one['from']} could not be copied: {f'{meant} ({said})' if meant else said}")
    if len(failed) > _SHOWN_FAILURES:
        lines.append(f"So it was with {len(failed) - _SHOWN_FAILURES} more.")
    if failed and not told["error"]:
        lines.append(
            "Remedy: mend what the messages name and run again, or set block_structure_manage_move to false, and every course "
            "is generated at the new place; the settings were not changed."
        )
    return "\n".join(lines)
