"""What diagnose, verify and deploy show in a terminal: a summary, then what needs something, then on request the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from block_structure.plugin_utils.diagnosis import summary as summaries

from . import output
from .tables import Column, Table, milliseconds

Finding = dict[str, Any]
_TITLES = {"error": "Errors", "warning": "Warnings", "info": "Notes"}
_FROM_STORAGE = "read from storage: "  # the column "served from" shows it
_INDENT = "  "

_COURSES = (
    Column("course", lambda row: row["key"], number=False),
    Column("blocks", lambda row: row["blocks"]),
    Column("bytes", lambda row: row["bytes"]),
    Column("served from", lambda row: row["tier"], number=False),
    Column("without cache", lambda row: row["tier_when_cold"], number=False),
    Column("fresh", lambda row: {True: "yes", False: "no"}.get(row.get("fresh")), number=False),
    *(
        Column(f"{name} ms", lambda row, name=name: milliseconds(row.get(f"{name}_ms")))
        for name in ("cache", "storage", "unpickle")
    ),
    Column("reason", lambda row: None if row["tier"] == "cache" else row["reason"].removeprefix(_FROM_STORAGE), number=False),
)


def courses(report: dict[str, Any], *, everything: bool) -> None:
    """Print the courses that need something, or all of them."""
    needing = summaries.of(report).needs
    shown = report["courses"] if everything else needing
    title = f"All {summaries.many(len(shown), 'course')}" if everything else "Courses that need something"
    # The sentence for none is the summary's own.
    if shown:
        Table(title, _COURSES, list(shown)).show()
    rest = len(report["courses"]) - len(shown)
    if rest:
        output.say(
            f"{summaries.many(rest, 'course')} need nothing; --all shows them."
            if rest > 1
            else "1 course needs nothing; --all shows it."
        )


def opening(report: dict[str, Any], site: str) -> None:
    """Print the summary: the verdict, how courses are served, the slowest one, and what to set."""
    found = summaries.of(report)
    output.say(summaries.verdict(found), style=found.severity if found.severity in ("error", "warning") else "good")
    output.say(site)
    parts = summaries.lines(found)
    for what, sentence in parts:
        output.say(f"{what}: {sentence}" if what else sentence, rest=_INDENT)
    if found.to_set:
        output.heading("Set in the inventory, then deploy:")
        for line in summaries.set_lines(found):
            output.say(line, first=_INDENT, rest=_INDENT * 2)


def _finding(finding: Finding) -> None:
    output.say(finding["cause"], first=_INDENT)
    if finding.get("cost") not in (None, "nothing"):
        output.say(f"Costs: {finding['cost']}.", first=_INDENT)
    output.say(f"Remedy: {finding['remedy']}", first=_INDENT)


def _group(group: summaries.Group) -> None:
    number = f" ({len(group.findings)})" if len(group.findings) > 1 else ""
    output.say(f"{group.identifier}{number}", style=group.severity)
    _finding(group.findings[0])
    if group.same:
        output.say(f"The same for {', '.join(group.same)}.", first=_INDENT)
        return
    for finding in group.findings[1:]:
        _finding(finding)


def findings(found: Iterable[Finding], *, everything: bool) -> None:
    """Print errors and warnings, each with cause, cost and remedy; the notes by name only, unless everything is asked for."""
    groups = summaries.groups(found)
    for severity, title in _TITLES.items():
        own = [group for group in groups if group.severity == severity]
        if not own:
            continue
        if severity == "info" and not everything:
            names = [
                f"{group.identifier} ({len(group.findings)})" if len(group.findings) > 1 else group.identifier for group in own
            ]
            output.data().print()
            output.say(f"Notes: {', '.join(names)}; --all shows them.", rest=_INDENT)
            continue
        output.heading(title, style=severity)
        for group in own:
            _group(group)
