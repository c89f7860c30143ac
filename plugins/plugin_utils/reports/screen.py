"""What a reader sees of a diagnosis, a verification or a deploy: a summary, what needs something, and on request the rest.

The command and the playbooks print the same lines. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..diagnosis import summary as summaries
from . import generation, layout
from .layout import INDENT, Column, Line, Medium, milliseconds

Finding = dict[str, Any]
_TITLES = {"error": "Errors", "warning": "Warnings", "info": "Notes"}
_FRESH: dict[bool | None, str] = {True: "yes", False: "no"}
_FROM_STORAGE = "read from storage: "  # the column "served from" shows it


def _time(name: str) -> Column:
    return Column(f"{name} ms", lambda row: milliseconds(row.get(f"{name}_ms")))


_COURSES = (
    Column("course", lambda row: row["key"], number=False),
    Column("blocks", lambda row: row["blocks"]),
    Column("bytes", lambda row: row["bytes"]),
    Column("served from", lambda row: row["tier"], number=False),
    Column("without cache", lambda row: row["tier_when_cold"], number=False),
    Column("fresh", lambda row: _FRESH.get(row.get("fresh")), number=False),
    *(_time(name) for name in ("cache", "storage", "unpickle")),
    Column("reason", lambda row: None if row["tier"] == "cache" else row["reason"].removeprefix(_FROM_STORAGE), number=False),
)


def opening(report: dict[str, Any], medium: Medium) -> Iterator[Line]:
    """Yield the summary: the verdict, how courses are served, the slowest one, and what to set."""
    found = summaries.of(report)
    style = found.severity if found.severity in ("error", "warning") else "good"
    yield from layout.sentence(summaries.verdict(found), medium, style=style)
    read_by = f", read by {report['host']}" if report.get("host") else ""
    yield from layout.sentence(f"{report['release']} on {report['platform']}{read_by}.", medium)
    for what, text in summaries.lines(found):
        yield from layout.sentence(f"{what}: {text}" if what else text, medium, rest=INDENT)
    if found.to_set:
        yield from layout.heading(medium.to_set, medium)
        for line in summaries.set_lines(found):
            yield from layout.sentence(line, medium, first=INDENT, rest=INDENT * 2)


def _finding(finding: Finding, medium: Medium) -> Iterator[Line]:
    yield from layout.sentence(finding["cause"], medium, first=INDENT)
    if finding.get("cost") not in (None, "nothing"):
        yield from layout.sentence(f"Costs: {finding['cost']}.", medium, first=INDENT)
    yield from layout.sentence(f"Remedy: {finding['remedy']}", medium, first=INDENT)


def _named(group: summaries.Group) -> str:
    return f"{group.identifier} ({len(group.findings)})" if len(group.findings) > 1 else group.identifier


def _group(group: summaries.Group, medium: Medium) -> Iterator[Line]:
    yield from layout.sentence(_named(group), medium, style=group.severity)
    yield from _finding(group.findings[0], medium)
    if group.same:
        yield from layout.sentence(f"The same for {', '.join(group.same)}.", medium, first=INDENT)
        return
    for finding in group.findings[1:]:
        yield from _finding(finding, medium)


def findings(found: Iterable[Finding], medium: Medium, *, everything: bool) -> Iterator[Line]:
    """Yield errors and warnings, each with cause, cost and remedy; the notes by name only, unless everything is asked for."""
    groups = summaries.groups(found)
    for severity, title in _TITLES.items():
        own = [group for group in groups if group.severity == severity]
        if not own:
            continue
        if severity == "info" and not everything:
            yield "", ""
            text = f"Notes: {', '.join(map(_named, own))}; {medium.more} shows them."
            yield from layout.sentence(text, medium, rest=INDENT)
            continue
        yield from layout.heading(title, medium, style=severity)
        for group in own:
            yield from _group(group, medium)


def courses(report: dict[str, Any], medium: Medium, *, everything: bool) -> Iterator[Line]:
    """Yield the courses that need something, or all of them."""
    shown = report["courses"] if everything else summaries.of(report).needs
    title = f"All {summaries.many(len(shown), 'course')}" if everything else "Courses that need something"
    # The sentence for none is the summary's own.
    if shown:
        yield from layout.columns_of(title, _COURSES, shown, medium)
    rest = len(report["courses"]) - len(shown)
    if rest:
        needless = f"{summaries.many(rest, 'course')} {'need' if rest > 1 else 'needs'} nothing"
        yield from layout.sentence(f"{needless}; {medium.more} shows {'them' if rest > 1 else 'it'}.", medium)


_GENERATED = ("course", "status", "why", "blocks", "bytes", "seconds", "cpu seconds", "tier", "attempt", "message")
_FIGURES = ("blocks", "bytes", "seconds", "cpu seconds", "attempt")


def _of_course(course: dict[str, Any], name: str) -> Any:
    if name == "message" and course.get("type"):
        return f"{course['type']}: {course.get('message')}"[:300]
    return course.get("key" if name == "course" else name.replace(" ", "_"))


def generated(report: dict[str, Any], medium: Medium, *, everything: bool) -> Iterator[Line]:
    """Yield the totals of a generation, then what would be generated, or the courses that failed and on request all."""
    for line in generation.totals(report):
        yield from layout.sentence(line, medium, rest=INDENT)
    if report["ended"] == "dry-run":
        rows = [[course[name] for name in ("key", "why", "bytes", "words")] for course in report["planned"]]
        empty = "Every course in scope is up to date; there is nothing to generate."
        yield from layout.table(
            "Would be generated", ("course", "why", "bytes", "reason"), rows, medium, right=("bytes",), empty=empty
        )
        return
    shown = report["courses"] if everything else [course for course in report["courses"] if course["status"] != "ok"]
    if not report["courses"]:
        yield from layout.sentence("Every course in scope is up to date; nothing was generated.", medium)
    elif shown:
        rows = [[_of_course(course, name) for name in _GENERATED] for course in shown]
        title = "All courses of the run" if everything else "Not generated"
        yield from layout.table(title, _GENERATED, rows, medium, right=_FIGURES)


def site(report: dict[str, Any], medium: Medium, *, everything: bool) -> Iterator[Line]:
    """Yield all of a diagnosis or a verification: the summary, what needs something, and on request the rest."""
    yield from opening(report, medium)
    yield from findings(report["findings"], medium, everything=everything)
    yield from courses(report, medium, everything=everything)
