"""Run directories on the host: one folder per run, one JSON line per event, so that you can watch, read and resume a run.

A power cut loses no reported course: each such line is on disk before the next is read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Dict, Iterable, TypeVar

from ..common.errors import BlockStructureError

Event = Dict[str, Any]
EVENTS = "events.jsonl"
KEEP = 20
_ID = re.compile(r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}$")
# Status of reports that need no second try.
SETTLED = ("ok", "gone")
STATUSES = (*SETTLED, "failed")
_Value = TypeVar("_Value")


def new_id(now: float | None = None) -> str:
    """Return the name of a new run: its UTC time, which sorts, and four digits against clashes."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)) + "-" + os.urandom(2).hex()


@dataclass
class Run:
    """Content of a run directory. ended: done, stopped, outage, failed, or None for a run that was killed or still runs."""

    name: str
    planned: list[str] = field(default_factory=list)
    select: dict[str, Any] = field(default_factory=dict)
    reports: dict[str, Event] = field(default_factory=dict)
    ended: str | None = None
    pid: int | None = None

    @property
    def remaining(self) -> list[str]:
        """Return the planned courses that are neither generated nor gone, failed ones included."""
        return [key for key in self.planned if self.reports.get(key, {}).get("status") not in SETTLED]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary for a list of runs."""
        failed = [key for key, report in self.reports.items() if report["status"] == "failed"]
        return {
            "run": self.name,
            "planned": len(self.planned),
            "done": len(self.reports),
            "failed": len(failed),
            "remaining": len(self.remaining),
            "ended": self.ended,
        }


def parse(name: str, lines: Iterable[str]) -> Run:
    """Return a run from its lines; a last line that a power cut left incomplete is ignored."""
    run = Run(name)
    for line in lines:
        event = event_of(line)
        kind = event.get("event")
        if kind == "begin":
            run.pid = _as(int, event.get("pid"))
        elif kind == "plan" and isinstance(event.get("select"), dict):
            # A deploy plans a second time; courses of the first plan stay.
            courses = [course for course in _as(list, event.get("run")) or [] if isinstance(course, dict)]
            keys = [str(course["key"]) for course in courses if "key" in course]
            run.planned += [key for key in dict.fromkeys(keys) if key not in run.planned]
            run.select = run.select or event["select"]
        elif kind == "course" and event.get("status") in STATUSES and isinstance(event.get("key"), str):
            run.reports[event["key"]] = event
        elif kind == "end":
            run.ended = _as(str, event.get("ended"))
    return run


def event_of(line: str) -> Event:
    """Return the event of a line of a run; empty for one that was cut or damaged."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _as(kind: type[_Value], value: Any) -> _Value | None:
    """Return a value of a damaged file if it is of the kind that it has to be."""
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def read(folder: Path) -> Run:
    """Return the run of a directory. Raises BlockStructureError `run-unreadable`."""
    path = folder / EVENTS
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return parse(folder.name, lines)
    except (FileNotFoundError, NotADirectoryError):
        return Run(folder.name)
    except OSError as error:
        raise BlockStructureError(
            "run-unreadable",
            f"The run {folder.name} cannot be read: {path}: {error.strerror}.",
            f"remove {folder}; its courses are then selected anew.",
        ) from error


def find(root: Path) -> list[Path]:
    """Return the run directories, the newest first."""
    if not root.is_dir():
        return []
    return sorted((path for path in root.iterdir() if _ID.match(path.name)), reverse=True)


def to_resume(root: Path, name: str) -> Run:
    """Return the run to resume: the named one, or with `latest` the newest that had courses to generate.

    Raises BlockStructureError `run-unknown` or `nothing-to-resume`.
    """
    folders = [path for path in find(root) if name in ("latest", path.name)]
    run = next((run for run in map(read, folders) if run.planned or name != "latest"), None)
    if run is None:
        raise BlockStructureError(
            "run-unknown",
            f"There is no run to resume in {root}." if name == "latest" else f"There is no run {name} in {root}.",
            "start one without --resume.",
        )
    if not run.remaining:
        raise BlockStructureError("nothing-to-resume", f"The run {run.name} is complete.", "start a new one without --resume.")
    return run


class Log:
    """Writes the events of one run; oldest runs beyond KEEP are removed first."""

    def __init__(self, root: Path, name: str) -> None:
        # The state directory around it is as private, whoever makes it first.
        root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.mkdir(mode=0o700, exist_ok=True)
        for old in find(root)[KEEP - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
        self.folder = root / name
        self.folder.mkdir(mode=0o700)
        self._file: IO[str] = (self.folder / EVENTS).open("w", encoding="utf-8", buffering=1)
        self.write({"event": "begin", "run": name, "pid": os.getpid()})

    def write(self, event: Event) -> None:
        """Write one event with its time; events that a resumed run needs are on disk before this returns."""
        line = json.dumps({**event, "time": round(time.time(), 3)}, sort_keys=True, default=str)
        self._file.write(line + "\n")
        if event.get("event") in ("plan", "course", "end"):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the event file."""
        self._file.close()
