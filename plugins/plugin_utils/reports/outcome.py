"""The outcome of a playbook in a few values, without secrets: for set_stats, and so for the artifacts of AWX. Pure."""

from __future__ import annotations

from typing import Any

from ..diagnosis import summary as summaries
from . import exit_codes, generation, move


def _worst(found: summaries.Summary) -> dict[str, Any] | None:
    worst = found.worst
    return {"course": worst.key, "blocks": worst.blocks, "tier": worst.tier, "ms": worst.ms} if worst else None


def of_site(operation: str, report: dict[str, Any], attention: list[str]) -> dict[str, Any]:
    """Return the outcome of a diagnosis, a verification or a deploy.

    report: block_structure_diagnosis or block_structure_result. attention: severities of the findings that fail the play.
    """
    found = summaries.of(report)
    needing = [finding for finding in report["findings"] if finding["severity"] in ("error", "warning")]
    failing = any(found.counts[severity] for severity in attention)
    return {
        "operation": operation,
        "site": report.get("site"),
        "release": report["release"],
        "platform": report["platform"],
        "verdict": summaries.verdict(found),
        "exit_code": exit_codes.FAILED if failing else exit_codes.OK,
        "findings": found.counts,
        "needs": sorted({finding["id"] for finding in needing}),
        "courses": {"all": found.courses, **found.tiers, "stale": found.stale},
        "worst_course": _worst(found),
        "run": report.get("run"),
    }


def lines_of_run(report: dict[str, Any]) -> list[str]:
    """Return the summary of the report of regenerate, prune or move as lines. Only a move has `counts`."""
    return move.summary(report) if "counts" in report else generation.summary(report)


def of_run(operation: str, report: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of regenerate, prune or move from its report."""
    kept = [line for line in lines_of_run(report) if not line.startswith("course-v1:")]
    error = report.get("error")
    return {
        "operation": operation,
        "verdict": error["cause"] if error else kept[0],
        "exit_code": report["exit_code"],
        "failed": len(report.get("failures") or []) or (report.get("counts") or {}).get("failed", 0),
        "run": report.get("run"),
    }
