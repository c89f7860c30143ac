"""Run a playbook that changes the site, with its progress, and show what it changed."""

from __future__ import annotations

from typing import Any

from block_structure.plugin_utils.diagnosis import summary
from block_structure.plugin_utils.reports import screen

from . import exits, output, wording
from .follow import Event, followed
from .options import Site
from .runner import Change, PlayResult, require_work

DEPLOY = "deploy"  # ends with a report of the running system, unless it found no LMS
ROLLBACK = "rollback"  # ends with what it leaves


def _print_diffs(event: Event) -> None:
    """Print each difference as Ansible shows it, when it arrives."""
    if event.get("event") == "runner_on_file_diff" and event.get("stdout"):
        output.print_text(event["stdout"])


def run(playbook: str, site: Site, form: str) -> PlayResult:
    """Run a playbook that changes a site, with its progress. Raises Failure (USAGE) if --limit leaves no LMS host."""
    shown = {"on_event": _print_diffs} if site.diff and form == "table" else {}
    played = followed(playbook, site, steps=True, **shown)
    if playbook == DEPLOY and played.report is None and not played.rc:
        require_work(played, playbook, site)
    return played


def _changes(changes: list[Change], check: bool, failed: bool) -> None:
    """Print what was changed, each change once with its hosts."""
    if failed and not changes:
        output.message("Nothing was changed.")
        return
    hosts: dict[str, list[str]] = {}
    for change in changes:
        hosts.setdefault(change.what, []).append(change.host)
    rows = [[what, ", ".join(names)] for what, names in hosts.items()]
    empty = "Nothing would change." if check else "Nothing had to change."
    title = "Would change" if check else "Changed"
    output.print_table(f"{title}, until it stopped" if failed else title, ("task", "hosts"), rows, empty=empty)


def as_data(played: PlayResult) -> dict[str, Any]:
    """Return the outcome for another program: the role's result, the changes, and the problems with their hosts."""
    return {
        "result": played.report,
        "changes": [{"host": change.host, "what": change.what} for change in played.changes],
        "problems": [
            {"hosts": hosts, "cause": problem.cause, "remedy": problem.remedy} for problem, hosts in played.problems.items()
        ],
    }


def show(played: PlayResult, site: Site, form: str, *, everything: bool = False) -> None:
    """Print the outcome of a deploy: the state of the site, then the changes.

    Raises Failure for problems that no finding names.
    """
    result = played.report
    if form != "table":
        _print_data(played, form)
    else:
        if result:
            output.print_lines(screen.opening(result, output.medium()))
        _changes(played.changes, site.check, failed=bool(played.rc) and not result)
        if result:
            output.print_lines(screen.findings(result["findings"], output.medium(), everything=everything))
    _end(played, reported=bool(result and summary.of(result).counts["error"]))


def show_left(played: PlayResult, site: Site, form: str) -> None:
    """Print the outcome of a rollback: the changes, then what stays. Raises Failure for problems."""
    from block_structure.plugin_utils.former import left_text

    if form != "table":
        _print_data(played, form)
    else:
        _changes(played.changes, site.check, failed=bool(played.rc))
        for number, line in enumerate(left_text(played.report) if played.report else ()):
            output.say(wording.of_command(line), first="" if number else "\n")
    _end(played, reported=False)


def _print_data(played: PlayResult, form: str) -> None:
    if form == "json":
        output.print_json(as_data(played))
    else:
        output.print_csv(as_data(played)["changes"])


def _end(played: PlayResult, *, reported: bool) -> None:
    if played.problems and (played.unreachable or not reported):
        raise played.failure()
    if played.rc:
        raise SystemExit(exits.ATTENTION)
