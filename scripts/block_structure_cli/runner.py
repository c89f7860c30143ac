"""Run a playbook through ansible-runner and return the role's report. The tool contacts hosts in no other way."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

from . import ROOT, exits
from .options import Site
from .output import stderr

Event = dict[str, Any]


@dataclass
class PlayResult:
    """The outcome of a playbook.

    rc: ansible-playbook's exit code. report: the role's report, or None. failures: messages of failed tasks
    and unreachable hosts. unreachable: whether a host was unreachable.
    """

    rc: int
    report: Any = None
    failures: list[str] = field(default_factory=list)
    unreachable: bool = False


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Count SIGINT and SIGTERM instead of exiting; ansible-runner polls the count and ends the playbook cleanly."""
    count = [0]

    def stop(_number: int, _frame: Any) -> None:
        count[0] += 1

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield count
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _canceller(signals: list[int], ask_to_stop: Callable[[], None] | None) -> Callable[[], bool]:
    """Return ansible-runner's cancel callback: cancels at the first signal, or at the second if `ask_to_stop` is given."""
    asked: list[bool] = []

    def cancel() -> bool:
        if signals[0] and ask_to_stop and not asked:
            asked.append(True)
            ask_to_stop()
        return signals[0] > (1 if ask_to_stop else 0)

    return cancel


def _failure_message(event: Event) -> str | None:
    """Return the message of a failed or unreachable host, None for any other event."""
    details = event.get("event_data", {})
    if event.get("event") not in ("runner_on_failed", "runner_on_unreachable") or details.get("ignore_errors"):
        return None
    answer = details.get("res") or {}
    items = [item for item in answer.get("results") or [] if isinstance(item, dict) and item.get("failed")]
    text = (items[0] if items else answer).get("msg") or "failed without a message"
    return f"{details.get('host')}: {str(text).strip()}"


def play(
    name: str,
    site: Site,
    *,
    on_event: Callable[[Event], None] | None = None,
    on_task: Callable[[str], None] | None = None,
    ask_to_stop: Callable[[], None] | None = None,
    **variables: Any,
) -> PlayResult:
    """Run playbooks/<name>.yml on a site and return its outcome.

    variables: variables of the role. on_event: called with each event of ansible-runner. on_task: called with the name of each
    task as it starts. ask_to_stop: called at the first signal, so that the work on the host can stop cleanly and report; only a
    second signal ends the playbook. Raises exits.Failure (INTERRUPTED) if a signal ended it.
    """
    with tempfile.TemporaryDirectory(prefix="block-structure-") as folder, _stop_signals() as signals:
        report = Path(folder) / "report.json"
        played = PlayResult(rc=0)

        def handle(event: Event) -> bool:
            if event.get("event") == "playbook_on_task_start" and on_task:
                on_task(event["event_data"].get("task", ""))
            text = _failure_message(event)
            if text:
                played.failures.append(text)
                played.unreachable = played.unreachable or event["event"] == "runner_on_unreachable"
            if site.verbosity and event.get("stdout"):
                stderr.print(event["stdout"], markup=False)
            if on_event:
                on_event(event)
            return False  # ansible-runner does not store the event

        cancel = _canceller(signals, ask_to_stop)
        run = ansible_runner.run(
            private_data_dir=folder,
            project_dir=str(ROOT),
            inventory=str(site.inventory),
            playbook=str(ROOT / "playbooks" / f"{name}.yml"),
            extravars={"block_structure_report_path": str(report), **variables},
            cmdline=" ".join(_quoted(word) for word in site.arguments()) or None,
            verbosity=site.verbosity or None,
            envvars={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "PATH": os.environ["PATH"]},
            event_handler=handle,
            cancel_callback=cancel,
            quiet=True,
        )
        if cancel():
            raise exits.Failure("Stopped.", "run it again; finished work is kept.", exits.INTERRUPTED)
        played.rc = int(run.rc)
        if report.exists():
            played.report = json.loads(report.read_text())
        if played.rc and not played.failures:
            played.failures.append(" ".join(run.stdout.read().split())[-500:] or "ansible-playbook printed nothing")
        return played


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def play_for_report(name: str, site: Site, **options: Any) -> Any:
    """Run a playbook that inspects a site and return its report.

    A play that reports and then fails because of its findings is a success. Raises exits.Failure (ENVIRONMENT) if it wrote no
    report or a host was unreachable.
    """
    with stderr.status(f"running playbooks/{name}.yml") as status:
        played = play(name, site, on_task=status.update, **options)
    if played.report is None or played.unreachable:
        cause, _, remedy = "\n".join(played.failures).partition("\nRemedy: ")
        raise exits.Failure(
            cause or f"playbooks/{name}.yml wrote no report.", remedy or "run it again with -v to see every task."
        )
    return played.report
