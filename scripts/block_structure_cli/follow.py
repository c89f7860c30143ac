"""Show the progress of a playbook: a bar in a terminal, lines in a log, events for other programs.

The events of ansible-runner say which task runs. Where an action follows a run on a host, it appends each event of the run to a
file, and a thread follows that file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from block_structure.plugin_utils.reports.progress import Progress as Lines

from . import ROOT, exits, output, wording
from .options import Site
from .runner import PlayResult, play, require_work, short

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Event = dict[str, Any]


def _plays(playbook: str) -> int:
    """Return the number of plays of a playbook."""
    import yaml

    return len(yaml.safe_load((ROOT / "playbooks" / f"{playbook}.yml").read_text()))


def _bar(console: Console) -> Progress:
    """Return a bar that fits 60 columns: what it waits for is cut, the figures are not."""
    from rich import progress
    from rich.table import Column

    return progress.Progress(
        progress.TextColumn(
            "{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"), markup=False
        ),
        progress.BarColumn(bar_width=12),
        progress.TextColumn("{task.fields[count]}", table_column=Column(no_wrap=True)),
        progress.TextColumn("{task.fields[failed]}", table_column=Column(no_wrap=True)),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[pace]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=console,
        expand=True,
        transient=True,
        # Above the bar, if both are on the screen; data that goes elsewhere is left alone.
        redirect_stdout=sys.stdout.isatty(),
    )


class Follower:
    """Context manager that shows what a playbook waits for.

    playbook: its name. path: file for the events of a run on a host. events: also write each to standard output.
    steps: print the name of each play in a log, for a playbook of many. verbose: print what Ansible prints.
    """

    def __init__(self, playbook: str, *, events: bool = False, steps: bool = False, verbose: bool = False) -> None:
        self._events, self._steps, self._verbose = events, steps, verbose
        self._folder = tempfile.TemporaryDirectory(prefix="block-structure-events-")
        self.path = Path(self._folder.name) / "events.jsonl"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._lines = Lines()
        self._console = output.console(sys.stderr)
        self._bar = _bar(self._console)
        self._seen: list[str] = []
        self._total = _plays(playbook)
        self._following = False
        self._task = self._bar.add_task(f"starting {playbook}", total=self._total, count="", failed="", pace="")

    def __enter__(self) -> Follower:
        if self._console.is_terminal:
            self._bar.start()
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        if self._console.is_terminal:
            self._bar.stop()
        self._folder.cleanup()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, soft_wrap=True)

    def on_event(self, event: Event) -> None:
        """Show which task of which play runs, and on which host."""
        kind, details = event.get("event"), event.get("event_data", {})
        if self._verbose and event.get("stdout"):
            self.say(event["stdout"])
        if kind == "playbook_on_play_start":
            self._play(str(details.get("play")))
        elif kind == "playbook_on_task_start":
            self._following = False
            self._describe(short(str(details.get("task"))))
        elif kind == "runner_on_start" and not self._following and details.get("host") not in (None, "localhost"):
            self._describe(f"{details['host']}: {short(str(details.get('task')))}")

    def _play(self, name: str) -> None:
        """Count a play; one that runs host by host begins again for each."""
        if name in self._seen:
            return
        self._seen.append(name)
        done = len(self._seen)
        self._bar.update(
            self._task, completed=done - 1, total=self._total, count=f"step {done}/{self._total}", failed="", pace=""
        )
        if self._steps and not self._console.is_terminal:
            self.say(f"step {done}/{self._total}: {name}")

    def _describe(self, text: str) -> None:
        self._bar.update(self._task, description=text)

    def ask_to_stop(self) -> bool:
        """Ask the run on the host to stop; return whether there is one."""
        if not self.path.exists():
            return False
        self.say("stopping; interrupt again to end the playbook and leave the run on the host alone")
        self.path.with_suffix(".stop").touch()
        return True

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
        event: Event = json.loads(wording.of_command(line))
        if self._events:
            sys.stdout.write(line)
            sys.stdout.flush()
        self._update(event)
        for text in self._lines.lines(event):
            if not (self._console.is_terminal and event["event"] == "progress"):
                self.say(text)

    def _update(self, event: Event) -> None:
        if event["event"] != "progress":
            return
        self._following = True
        text = f"waiting for the {event['waiting_for']}" if event.get("waiting_for") else str(event.get("operation"))
        self._bar.update(
            self._task,
            description=text,
            completed=event["done"],
            total=event["total"],
            count=f"{event['done']}/{event['total']}",
            failed=f"{event['failed']} failed" if event["failed"] else "",
            pace=", ".join(self._lines.pace(event)),
        )


def followed(playbook: str, site: Site, *, events: bool = False, steps: bool = False, **options: Any) -> PlayResult:
    """Run a playbook that may follow a run on a host, show its progress, and return its outcome."""
    with Follower(playbook, events=events, steps=steps, verbose=bool(site.verbosity)) as follower:
        also = options.pop("on_event", None)

        def on_event(event: Event) -> None:
            follower.on_event(event)
            if also:
                also(event)

        options["block_structure_events_path"] = str(follower.path)
        return play(playbook, site, on_event=on_event, ask_to_stop=follower.ask_to_stop, **options)


def follow(
    playbook: str, site: Site, form: str, show: Callable[[dict[str, Any]], None], rows: str = "courses", **variables: Any
) -> NoReturn:
    """Run a playbook, show its progress and report, and exit with the report's exit code.

    form: table, json, jsonl or csv (the list `rows` of the report). show: prints a report as tables; a run that ended early is
    shown if it has courses. Raises exits.Failure with the exit code of the report's error.
    """
    played = followed(playbook, site, events=form == "jsonl", **variables)
    reported: dict[str, Any] | None = played.report
    if reported is None:
        require_work(played, playbook, site)
        raise AssertionError("a playbook without a report has failed")
    error = reported["error"]
    if form == "json":
        output.print_json(reported)
    elif form == "jsonl":
        output.print_line({"event": "report", **reported})
    elif form == "csv":
        output.print_csv(reported[rows])
    elif not error or reported.get("courses"):
        show(reported)
    if error:
        raise exits.Failure(error["cause"], error["remedy"], reported["exit_code"])
    raise SystemExit(reported["exit_code"])
