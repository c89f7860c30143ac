"""Show the progress of a run: a bar in a terminal, lines in a log, events for other programs.

The action plugin appends each event of the run to a file; a thread follows that file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from block_structure.plugin_utils.reports.progress import Progress as Lines
from rich import progress

from . import exits, output
from .options import Site
from .output import stderr
from .runner import play

Event = dict[str, Any]


class Follower:
    """Context manager that follows the events in the file `path`. events: also write each to standard output."""

    def __init__(self, title: str, *, events: bool = False) -> None:
        self._title, self._events = title, events
        self._folder = tempfile.TemporaryDirectory(prefix="block-structure-events-")
        self.path = Path(self._folder.name) / "events.jsonl"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._lines = Lines()
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[failed]} failed"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.fields[pace]}"),
            console=stderr,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=None, failed=0, pace="")

    def __enter__(self) -> Follower:
        if stderr.is_terminal:
            self._bar.start()
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._bar.stop()
        self._folder.cleanup()

    def task(self, name: str) -> None:
        """Show the name of the playbook's task, until the run reports progress."""
        self._bar.update(self._task, description=name)

    def ask_to_stop(self) -> None:
        """Ask the run on the host to stop."""
        stderr.print("stopping; interrupt again to end the playbook and leave the run on the host alone")
        self.path.with_suffix(".stop").touch()

    def _follow(self) -> None:
        position = 0
        ended = False
        while not ended:
            ended = self._ended.wait(0.2)
            if self.path.exists():
                with self.path.open(encoding="utf-8") as file:
                    file.seek(position)
                    for line in iter(file.readline, ""):
                        if not line.endswith("\n"):
                            break
                        position += len(line.encode("utf-8"))
                        self._show(line)

    def _show(self, line: str) -> None:
        event: Event = json.loads(line)
        if self._events:
            sys.stdout.write(line)
            sys.stdout.flush()
        self._update(event)
        for text in self._lines.lines(event):
            if not (stderr.is_terminal and event["event"] == "progress"):
                stderr.print(text, markup=False)

    def _update(self, event: Event) -> None:
        if event["event"] != "progress":
            return
        text = f"waiting for the {event['waiting_for']}" if event.get("waiting_for") else str(event.get("operation"))
        self._bar.update(
            self._task,
            description=text,
            completed=event["done"],
            total=event["total"],
            failed=event["failed"],
            pace=", ".join(self._lines.pace(event)),
        )


def follow(playbook: str, site: Site, form: str, show: Callable[[dict[str, Any]], None], **variables: Any) -> NoReturn:
    """Run a playbook, show its progress and report, and exit with the report's exit code.

    form: table, json or jsonl. show: prints a report as tables; a run that ended early is shown if it has courses. Raises
    exits.Failure with the exit code of the report's error.
    """
    with Follower(playbook, events=form == "jsonl") as follower:
        variables["block_structure_events_path"] = str(follower.path)
        played = play(playbook, site, on_task=follower.task, ask_to_stop=follower.ask_to_stop, **variables)
    reported: dict[str, Any] | None = played.report
    if reported is None:
        cause, _, remedy = "\n".join(played.failures).partition("\nRemedy: ")
        raise exits.Failure(cause, remedy or "run it again with -v to see every task.")
    error = reported["error"]
    if form == "json":
        output.print_json(reported)
    elif form == "jsonl":
        output.print_line({"event": "report", **reported})
    elif not error or reported.get("courses"):
        show(reported)
    if error:
        raise exits.Failure(error["cause"], error["remedy"], reported["exit_code"])
    raise SystemExit(reported["exit_code"])
