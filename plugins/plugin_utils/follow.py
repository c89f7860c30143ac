"""Run operations in the background on a host and follow their progress from the controller.

Controller only: it needs Ansible itself. The run is a job of Ansible's own `async`, so it survives a lost connection; each
poll reads the new events from the file in its run directory.
"""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.host import lease, runs
from .reports.progress import Progress

Event = dict[str, Any]
# Ansible's async requires a limit; the timeouts per course end a run much earlier.
MARK = "block-structure-run: "
LIMIT_SECONDS = 30 * 86400
POLL_SECONDS = (0.5, 0.5, 1.0, 1.0, 2.0)


class FollowedAction(ActionBase):
    """Base class of actions that start a run: start, follow, stop, result."""

    def follow(
        self,
        arguments: dict[str, Any],
        task_vars: dict[str, Any],
        *,
        events_path: str | None = None,
    ) -> dict[str, Any]:
        """Start the module run with these arguments, follow it to its end, and return its result.

        In check mode its run directory is a temporary one, which goes again.
        events_path: file on the controller to which each event is appended; a file next to it that ends in .stop stops the run.
        """
        kept = None if self._task.check_mode else arguments["run_dir"]
        folder = kept or self._make_tmp_path()
        try:
            return self._follow({**arguments, "run_dir": folder.rstrip("/")}, task_vars, events_path)
        finally:
            if not kept:
                self._remove_tmp_path(folder)

    def _follow(self, arguments: dict[str, Any], task_vars: dict[str, Any], events_path: str | None) -> dict[str, Any]:
        name = runs.new_id()
        arguments = {**arguments, "run": name}
        self._task.async_val = LIMIT_SECONDS
        try:
            job = self._execute_module("openedx_operators.block_structure.run", arguments, task_vars=task_vars, wrap_async=True)
        finally:
            self._task.async_val = 0
        if job.get("failed") or "ansible_job_id" not in job:
            return dict(job)
        events = f"{arguments['run_dir']}/{name}/{runs.EVENTS}"
        held = str(Path(arguments["run_dir"]).parent / lease.NAME)
        self._poll(events, str(job["results_file"]), Path(events_path) if events_path else None, held)
        status = {"jid": job["ansible_job_id"], "_async_dir": str(Path(job["results_file"]).parent)}
        result = self._execute_module("ansible.legacy.async_status", {**status, "mode": "status"}, task_vars=task_vars)
        self._execute_module("ansible.legacy.async_status", {**status, "mode": "cleanup"}, task_vars=task_vars)
        for key in (
            "ansible_job_id",
            "results_file",
            "started",
            "finished",
            "stdout",
            "stderr",
            "stdout_lines",
            "stderr_lines",
        ):
            result.pop(key, None)
        return {**result, "run": name}

    def _poll(self, events: str, results: str, copy: Path | None, held: str) -> None:
        """Read events until the job has a result; Ansible itself retries failed connections.

        held: the lease of the site, which the run goes on to hold while it works.
        """
        progress = Progress()
        position, _pending, polls = 1, "", 0
        pid, asked = None, False
        while True:
            time.sleep(POLL_SECONDS[min(polls, len(POLL_SECONDS) - 1)])
            polls += 1
            command = (
                f"touch -c {shlex.quote(held)}; tail -c +{position} {shlex.quote(events)} 2>/dev/null; echo; "
                f"grep -q started {shlex.quote(results)} && echo {MARK}goes on || echo {MARK}ended"
            )
            answer = str(self._low_level_execute_command(command).get("stdout", ""))
            text, _, state = answer.replace("\r\n", "\n").rstrip("\n").rpartition(f"\n{MARK}")
            fresh = text[: text.rfind("\n") + 1]
            position += len(fresh.encode("utf-8"))
            for line in fresh.splitlines():
                event = self._event(line, copy)
                pid = event.get("pid", pid) if event.get("event") == "begin" else pid
                for message in progress.lines(event):
                    self._display.display(f"  {message}")
            if copy and not asked and pid and copy.with_suffix(".stop").exists():
                self._low_level_execute_command(f"kill -{signal.SIGTERM.value} {int(pid)}")
                asked = True
            if state.strip() == "ended":
                return

    def _event(self, line: str, copy: Path | None) -> Event:
        event = runs.event_of(line)
        if event and copy:
            with copy.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        return event
