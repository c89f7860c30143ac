"""Report and exit code of a move of objects, for role and CLI. Pure."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.errors import BlockStructureError
from ...module_utils.decisions import candidate
from . import exit_codes, generation

# Outcomes of an object (probe/move.py), in the order of the report; `copy` occurs in a dry run only.
OUTCOMES = ("copy", "copied", "replaced", "present", "missing", "damaged", "unverified", "failed", "left")
_WORDS = {
    "copy": "to be copied",
    "copied": "copied and read back",
    "replaced": "replaced, since the target differed",
    "present": "already there",
    "missing": "missing at the source, to be generated",
    "damaged": "damaged at the source, to be generated",
    "unverified": "without a valid signature at the source, to be generated",
    "failed": "failed",
    "left": "left",
}
_AGAIN = "start it again; objects that are already there are only compared."
NOTHING = {"results": [{"problem": None, "canary": None, "objects": [], "ended": "done", "outage": None}], "ended": "done"}
_SHOWN_FAILURES = 10


def _refused(result: dict[str, Any]) -> BlockStructureError | None:
    """Return why nothing was copied, None if the target storage works."""
    if result["problem"]:
        message = "{type}: {message}".format(**result["problem"])
        return BlockStructureError(
            "move-target-unusable",
            f"The target storage cannot be created: {message}",
            "correct the block_structure_storage_ variables in the message; nothing was copied.",
        )
    try:
        candidate.judge_canary(result["canary"] or {})
    except BlockStructureError as error:
        return error
    return None


def report(done: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a move from what the module run returned.

    run; objects [{"key", "from", "name", "done", "bytes", "problem"}], failed ones last; counts {outcome: number}; bytes:
    copied, or to be copied; seconds; ended: done, outage, stopped, failed; error: as data, or None; exit_code.
    """
    reported: dict[str, Any] = {"run": done.get("run"), "objects": [], "counts": {}, "bytes": 0, "seconds": None, "error": None}
    reported["ended"] = done.get("ended") or "failed"
    if done.get("failed") or "results" not in done:
        reported["error"] = generation.broken(done, _AGAIN)
        reported["exit_code"] = exit_codes.ENVIRONMENT
        return reported
    if reported["ended"] == "stopped":
        reported["error"] = BlockStructureError("run-stopped", "The move was stopped.", _AGAIN).as_dict()
        reported["exit_code"] = exit_codes.INTERRUPTED
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
        reported["exit_code"] = exit_codes.ENVIRONMENT
    elif result["outage"]:
        reported["error"] = BlockStructureError(
            "service-away",
            f"The {result['outage']} does not answer; {reported['counts'].get('left', 0)} objects are left.",
            f"fix it, then {_AGAIN}",
        ).as_dict()
        reported["exit_code"] = exit_codes.ENVIRONMENT
    else:
        reported["exit_code"] = exit_codes.FAILED if reported["counts"].get("failed") else exit_codes.OK
    return reported


def summary(reported: dict[str, Any]) -> list[str]:
    """Return the summary of a report as lines."""
    if not reported["objects"]:
        return ["there are no objects to move"]
    counted = ", ".join(f"{number} {_WORDS[outcome]}" for outcome, number in reported["counts"].items())
    return [
        f"{len(reported['objects'])} objects: {counted} ({reported['bytes'] / 1024 / 1024:.1f} MiB)",
        "nothing is deleted at the source",
    ]


def failure_text(reported: dict[str, Any]) -> str:
    """Return why the play of a move must fail, with the failed objects; empty if it succeeded."""
    lines = [reported["error"]["message"]] if reported["error"] else []
    failed = [one for one in reported["objects"] if one["done"] == "failed"]
    for one in failed[:_SHOWN_FAILURES]:
        meant = candidate.meaning(one["problem"])[0]
        message = "{type}: {message}".format(**one["problem"])
        lines.append(f"{one['from']} could not be copied: {f'{meant} ({message})' if meant else message}")
    if len(failed) > _SHOWN_FAILURES:
        lines.append(f"{len(failed) - _SHOWN_FAILURES} more failed as well.")
    if failed and not reported["error"]:
        lines.append(
            "Remedy: fix the causes in the messages and run again, or set block_structure_manage_move to false, which "
            "generates every course at the new location; the settings were not changed."
        )
    return "\n".join(lines)
