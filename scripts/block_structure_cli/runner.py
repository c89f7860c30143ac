"""Run a playbook through ansible-runner and return the role's report. The tool contacts hosts in no other way."""

from __future__ import annotations

import json
import os
import shlex
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from block_structure.module_utils.common.findings import two_lines
from block_structure.plugin_utils.reports import exit_codes

from . import ROOT, configuration, exits, wording
from .options import Site

Event = dict[str, Any]
_AGAIN = "run it again with -v to see every task."
_REMEDY = "\nRemedy: "
_UNREACHABLE_ID = "host-unreachable"
_UNREACHABLE = "make it reachable, or leave it out with --limit; -v shows what Ansible tried."


@dataclass(frozen=True)
class Problem:
    """Why a task failed. code: exit code of the message."""

    cause: str
    remedy: str = _AGAIN
    code: int = exits.ENVIRONMENT


@dataclass(frozen=True)
class Change:
    """What a task changed, or would change, on a host."""

    host: str
    what: str


@dataclass
class PlayResult:
    """The outcome of a playbook.

    rc: ansible-playbook's exit code. report: the role's report, or None. problems: by host, of failed tasks and unreachable
    hosts, in their order. changes: in their order. unreachable: whether a host was unreachable.
    """

    rc: int
    report: Any = None
    problems: dict[Problem, list[str]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    unreachable: bool = False

    def failure(self) -> exits.Failure:
        """Return the problems as one error: each once, with its hosts."""
        texts, code = [], exits.ENVIRONMENT
        for problem, hosts in self.problems.items():
            named = [host for host in hosts if host != "localhost" and not problem.cause.startswith(host)]
            cause = f"{', '.join(named)}: {problem.cause}" if named else problem.cause
            texts.append(two_lines(cause, problem.remedy))
            code = problem.code
        *first, last = texts
        cause, _, remedy = last.partition(_REMEDY)
        return exits.Failure("\n".join([*first, cause]), remedy, exits.ENVIRONMENT if len(texts) > 1 else code)


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


def _canceller(signals: list[int], ask_to_stop: Callable[[], bool] | None) -> Callable[[], bool]:
    """Return ansible-runner's cancel callback: cancels at the first signal, or at the second if `ask_to_stop` took one."""
    taken: list[bool] = []

    def cancel() -> bool:
        if signals[0] and not taken:
            taken.append(bool(ask_to_stop and ask_to_stop()))
        return bool(taken) and signals[0] > int(taken[0])

    return cancel


def short(task: str) -> str:
    """Return the sentence of a task's name, `room | file | Sentence`."""
    return task.rpartition(" | ")[2]


def _problem(event: Event) -> Problem | None:
    """Return why a host failed or did not answer, None for any other event."""
    details = event.get("event_data", {})
    if event.get("event") not in ("runner_on_failed", "runner_on_unreachable") or details.get("ignore_errors"):
        return None
    answer = details.get("res") or {}
    items = [item for item in answer.get("results") or [] if isinstance(item, dict) and item.get("failed")]
    answer = items[0] if items else answer
    error = answer.get("error")
    if isinstance(error, dict) and error.get("id") == _UNREACHABLE_ID:
        return None  # the event before said it, with the reason
    if isinstance(error, dict) and error.get("cause"):
        return Problem(error["cause"], wording.of_command(error["remedy"]), exit_codes.of_message(error["id"]))
    text, _, remedy = str(answer.get("msg") or "failed without a message").strip().partition(_REMEDY)
    if event["event"] == "runner_on_unreachable":
        return Problem(" ".join(text.removeprefix("Task failed: ").split()), _UNREACHABLE)
    return Problem(text, wording.of_command(remedy) or _AGAIN)


def _change(event: Event) -> Change | None:
    details = event.get("event_data", {})
    if event.get("event") != "runner_on_ok" or not (details.get("res") or {}).get("changed"):
        return None
    return Change(str(details.get("host")), short(str(details.get("task"))))


def _said(text: str, site: Site) -> Problem:
    """Return why ansible-playbook ended before the first task, from what it printed."""
    if site.limit and "no hosts to target" in text:
        return Problem(
            f"--limit {site.limit} matches no host of the inventory.",
            "name hosts or groups of the inventory, as `ansible-inventory --graph -i …` shows them.",
            exits.USAGE,
        )
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.lstrip("[").startswith("ERROR")), 0)
    words = " ".join(" ".join(lines[start:]).split()).removeprefix("[ERROR]: ").removeprefix("ERROR! ")
    return Problem(f"ansible-playbook ended: {words[:500] or 'it printed nothing'}")


def play(
    name: str,
    site: Site,
    *,
    on_event: Callable[[Event], None] | None = None,
    ask_to_stop: Callable[[], bool] | None = None,
    **variables: Any,
) -> PlayResult:
    """Run playbooks/<name>.yml on a site, from where the operator stands, and return its outcome.

    variables: variables of the role. on_event: called with each event of ansible-runner. ask_to_stop: called at the first
    signal; it returns whether work on the host was asked to stop and report; then only a second signal ends the playbook.
    Raises exits.Failure: a signal ended it (INTERRUPTED), or no inventory is named (USAGE).
    """
    own = configuration.of_operator()
    configuration.require_inventory(site.inventory, own)
    import ansible_runner

    with tempfile.TemporaryDirectory(prefix="block-structure-") as folder, _stop_signals() as signals:
        report = Path(folder) / "report.json"
        played = PlayResult(rc=0)

        def handle(event: Event) -> bool:
            problem, change = _problem(event), _change(event)
            if problem:
                played.problems.setdefault(problem, []).append(str(event["event_data"].get("host")))
                played.unreachable = played.unreachable or event["event"] == "runner_on_unreachable"
            if change and change not in played.changes:
                played.changes.append(change)
            if on_event:
                on_event(event)
            return False  # ansible-runner does not store the event

        cancel = _canceller(signals, ask_to_stop)
        run = ansible_runner.run(
            private_data_dir=folder,
            project_dir=str(Path.cwd()),
            inventory=list(site.inventory) or None,
            playbook=str(ROOT / "playbooks" / f"{name}.yml"),
            extravars={"block_structure_report_path": str(report), **variables},
            cmdline=shlex.join(site.arguments()) or None,
            verbosity=site.verbosity or None,
            envvars={**configuration.environment(own), "ANSIBLE_NOCOLOR": "1", "PATH": os.environ["PATH"]},
            passwords={secret.asked: answer for secret, answer in site.passwords},
            event_handler=handle,
            cancel_callback=cancel,
            quiet=True,
        )
        if cancel():
            raise exits.stopped()
        played.rc = int(run.rc)
        if report.exists():
            played.report = json.loads(wording.of_command(report.read_text()))
        if played.rc and not played.problems:
            played.problems[_said(run.stdout.read(), site)] = ["localhost"]
        return played


def require_work(played: PlayResult, name: str, site: Site) -> None:
    """Raise Failure for a playbook that failed, or that found no host to work on."""
    if played.problems:
        raise played.failure()
    if site.limit:
        raise exits.Failure(
            f"--limit {site.limit} leaves no LMS host.",
            "name at least one host of the group block_structure_lms.",
            exits.USAGE,
        )
    raise exits.Failure(f"The run of {name} ended without a report.", _AGAIN)


def play_for_report(name: str, site: Site, **options: Any) -> Any:
    """Run a playbook that inspects a site and return its report.

    A play that reports and then fails because of its findings is a success. Raises exits.Failure if it wrote no report, or if a
    host was unreachable.
    """
    from .follow import Follower

    with Follower(name, verbose=bool(site.verbosity)) as follower:
        played = play(name, site, on_event=follower.on_event, **options)
    if played.report is None or played.unreachable:
        require_work(played, name, site)
    return played.report
