"""What a move of objects comes to: the report that role and tools show, and the exit code that it deserves. Pure."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.errors import BlockStructureError
from ...module_utils.decisions import candidate
from . import generation

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
        message = "{type}: {message}".format(**result["problem"])
        return BlockStructureError(
            "move-target-unusable",
            f"The storage to move to cannot be made: {message}",
            "correct the block_structure_storage_ variables that it names; nothing was copied.",
        )
    try:
        candidate.judge_canary(result["canary"] or {})
    except BlockStructureError as error:
        return error
    return None


def report(done: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a move from what the module run returned.

    run; objects [{"key", "from", "name", "done", "bytes", "problem"}], failed ones last; counts {outcome: number}; bytes: of
    what is, or would be, copied; seconds; ended: done, outage, stopped, failed; error: as data, or None; exit_code.
    """
    reported: dict[str, Any] = {"run": done.get("run"), "objects": [], "counts": {}, "bytes": 0, "seconds": None, "error": None}
    reported["ended"] = done.get("ended") or "failed"
    if done.get("failed") or "results" not in done:
        reported["error"] = generation.broken(done, _AGAIN)
        reported["exit_code"] = generation.ENVIRONMENT
        return reported
    if reported["ended"] == "stopped":
        reported["error"] = BlockStructureError("run-stopped", "The move was stopped.", _AGAIN).as_dict()
        reported["exit_code"] = generation.INTERRUPTED
        return reported
    result = done["results"][-1]
    reported.update(
        objects=sorted(result["objects"], key=lambda one: (OUTCOMES.index(one["done"]), one["key"])),
        seconds=result.get("seconds"),
    )
    reported["counts"] = {
        outcome: number for outcome in OUTCOMES if (number := sum(one["done"] == outcome for one in reported["objects"]))
    }
    reported["bytes"] = sum(one["bytes"] or 0 for one in reported["objects"] if one["done"] in ("copy", "copied", "replaced"))
    refused = _refused(result)
    if refused:
        reported["error"] = refused.as_dict()
        reported["exit_code"] = generation.ENVIRONMENT
    elif result["outage"]:
        reported["error"] = BlockStructureError(
            "service-away",
            f"The {result['outage']} does not answer; {reported['counts'].get('left', 0)} objects are left.",
            "mend it, then start again; what is there already is only compared.",
        ).as_dict()
        reported["exit_code"] = generation.ENVIRONMENT
    else:
        reported["exit_code"] = generation.FAILED if reported["counts"].get("failed") else generation.OK
    return reported


def summary(reported: dict[str, Any]) -> list[str]:
    """Return the lines that sum a report up."""
    if not reported["objects"]:
        return ["there is no object to move"]
    counted = ", ".join(f"{number} {_WORDS[outcome]}" for outcome, number in reported["counts"].items())
    return [
        f"{len(reported['objects'])} objects: {counted} ({reported['bytes'] / 1024 / 1024:.1f} MiB)",
        "nothing is deleted where they come from",
    ]


def failure_text(reported: dict[str, Any]) -> str:
    """Return why the play of a move must fail, failed objects by name; empty when all is well."""
    lines = [reported["error"]["message"]] if reported["error"] else []
    failed = [one for one in reported["objects"] if one["done"] == "failed"]
    for one in failed[:_SHOWN_FAILURES]:
        meant = candidate.meaning(one["problem"])[0]
        message = "{type}: {message}".format(**one["problem"])
        lines.append(f"{one['from']} could not be copied: {f'{meant} ({message})' if meant else message}")
    if len(failed) > _SHOWN_FAILURES:
        lines.append(f"So it was with {len(failed) - _SHOWN_FAILURES} more.")
    if failed and not reported["error"]:
        lines.append(
            "Remedy: mend what the messages name and run again, or set block_structure_manage_move to false, and every course "
            "is generated at the new place; the settings were not changed."
        )
    return "\n".join(lines)
