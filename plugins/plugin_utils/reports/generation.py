"""Report and exit code of a generation run or a prune, for role and CLI. Pure."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.errors import BlockStructureError
from ...module_utils.host import probe_client
from ..diagnosis.snapshot import names
from .exit_codes import ENVIRONMENT, FAILED, INTERRUPTED, OK, of_message

_LISTS = ("planned", "courses", "failures", "left", "published_meanwhile", "gone", "unpublished")
# Maximum number of keys in one line; the report has all of them.
SHOWN_KEYS = 5


def broken(done: dict[str, Any], remedy: str) -> dict[str, Any]:
    """Return the error of a failed task, as from BlockStructureError.as_dict, which Ansible's own failures lack.

    remedy: the default, for failures without one.
    """
    known = done.get("error")
    if known:
        return dict(known)
    text = str(done.get("msg") or "it ended without a message")
    if "Traceback" in text:  # from Ansible's async_wrapper, which found no JSON in the module's output (`data`)
        killed = "its process on the host ended without an answer; was it killed?"
        text = probe_client.last_error_line(text) if str(done.get("data") or "").strip() else killed
    message = " ".join(text.split())[:500]
    return BlockStructureError("run-broke-off", f"The run broke off: {message}", remedy).as_dict()


def _stopped(result: dict[str, Any]) -> dict[str, Any] | None:
    """Return the error of a run that ended early, None if it completed."""
    left = len(result.get("left", []))
    if result["ended"] == "stopped":
        return BlockStructureError(
            "run-stopped", f"The run was stopped; {left} courses are left.", "continue with --resume."
        ).as_dict()
    if result["ended"] == "outage":
        return BlockStructureError(
            "service-away",
            f"The {result['outage']} was unavailable for too long; {left} courses are left.",
            "fix it, then continue with --resume.",
        ).as_dict()
    return None


def report(done: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a generation run from what the module run returned.

    run, resumed; planned [{"key", "why", "words"}] in a dry run, else the number of courses; skipped {reason: number}; courses:
    last report of each course, failed ones last; failures, left, published_meanwhile [key]; unpublished [key]: never published,
    null before Maple, which has no index of them; seconds, workers, worker_mb,
    worker_peak_mb; ended; error: as data, or None; exit_code.
    """
    reported: dict[str, Any] = {name: [] for name in _LISTS}
    reported.update(run=done.get("run"), resumed=done.get("resumed"), skipped={}, error=None, seconds=None, ended="failed")
    reported.update(workers=None, worker_mb=None, worker_peak_mb=None)
    if done.get("failed") or "results" not in done:
        reported["error"] = broken(done, "run it again with --resume; finished courses are not repeated.")
        reported["exit_code"] = of_message(reported["error"]["id"])
        return reported
    # A deploy surveys the site after generation; a run that was stopped during the boot has no result.
    results = [result for result in done["results"] if "ended" in result]
    result = results[-1] if results else {"ended": done["ended"]}
    reported.update((name, result[name]) for name in (*reported, "seconds") if name in result)
    reported["planned"] = result.get("run", []) if result["ended"] == "dry-run" else result.get("planned", 0)
    if len(results) > 1:
        # A deploy looks a second time for what was published meanwhile: the courses that it has just generated.
        reported.update(planned=results[0].get("planned", 0), skipped=results[0].get("skipped", {}))
        reported["seconds"] = sum(one.get("seconds") or 0.0 for one in results)
    order = {"ok": 0, "gone": 1, "failed": 2}
    reported["courses"] = sorted(done["courses"], key=lambda course: (order[course["status"]], course["key"]))
    reported["failures"] = [course for course in reported["courses"] if course["status"] == "failed"]
    reported["error"] = _stopped(result)
    reported["exit_code"] = _exit_code(reported)
    return reported


def _exit_code(reported: dict[str, Any]) -> int:
    if reported["ended"] == "stopped":
        return INTERRUPTED
    if reported["ended"] == "outage":
        return ENVIRONMENT
    return FAILED if reported["failures"] else OK


def prune_report(done: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a prune: objects, bytes, listed, removed, failures, error, exit_code."""
    reported: dict[str, Any] = {"objects": [], "bytes": 0, "listed": 0, "removed": [], "failures": [], "error": None}
    if done.get("failed") or not done.get("results"):
        reported["error"] = broken(done, "run it again; removed objects are no longer listed.")
        reported["exit_code"] = of_message(reported["error"]["id"])
        return reported
    reported.update((name, value) for name, value in done["results"][-1].items() if name in reported)
    reported["exit_code"] = FAILED if reported["failures"] else OK
    return reported


def _skipped_text(skipped: dict[str, int]) -> str:
    return "".join(f", {number} {reason}" for reason, number in sorted(skipped.items()))


def _unpublished_text(keys: list[str] | None) -> list[str]:
    """Return a line with the courses that were never published, [] if there are none."""
    if not keys:
        return []
    return [f"{len(keys)} never published, so there is nothing to generate: {names(keys, SHOWN_KEYS)}"]


def _took(reported: dict[str, Any]) -> list[str]:
    """Return a line with the wall time and the processor time, [] for a run that generated nothing."""
    if not reported["courses"] or reported.get("seconds") is None:
        return []
    spent = [course["cpu_seconds"] for course in reported["courses"] if course.get("cpu_seconds") is not None]
    unknown = "processor time unknown (Celery workers do not report it)"
    return [f"took {reported['seconds']:,.1f} s, " + (f"{sum(spent):,.1f} s of processor time" if spent else unknown)]


def totals(reported: dict[str, Any]) -> list[str]:
    """Return the totals of a report as lines."""
    if "listed" in reported:
        mib = reported["bytes"] / 1024 / 1024
        unnamed = f"{reported['listed']} objects, no row names {len(reported['objects'])} of them ({mib:.1f} MiB)"
        return [f"{unnamed}; {len(reported['removed'])} removed, {len(reported['failures'])} could not be"]
    never = _unpublished_text(reported["unpublished"])
    if reported["ended"] == "dry-run":
        return [f"{len(reported['planned'])} courses would be generated{_skipped_text(reported['skipped'])}", *never]
    counts = {status: sum(course["status"] == status for course in reported["courses"]) for status in ("ok", "gone", "failed")}
    done = f"{counts['ok']} generated, {counts['failed']} failed, {counts['gone']} gone, {len(reported['left'])} left"
    lines = [f"{done}{_skipped_text(reported['skipped'])}; run {reported['run']}"]
    if reported["published_meanwhile"]:
        lines.append(f"{len(reported['published_meanwhile'])} were published meanwhile; the platform's own task follows")
    return [*lines, *_took(reported), *never]


def summary(reported: dict[str, Any]) -> list[str]:
    """Return the summary of a report: in a dry run each course with its reason, then the totals."""
    planned = reported["planned"] if reported.get("ended") == "dry-run" else []
    return [*(f"{course['key']}: {course['why']} ({course['words']})" for course in planned), *totals(reported)]


def failure_text(reported: dict[str, Any]) -> str:
    """Return why the play of a run must fail, with the failed courses; empty if it succeeded."""
    lines = [reported["error"]["message"]] if reported["error"] else []
    lines += [f"{course['key']} failed: {course.get('type')}: {course.get('message')}" for course in reported["failures"]]
    if reported["failures"]:
        lines.append("Remedy: fix the courses or the causes in the messages, then run it again.")
    return "\n".join(lines)
