"""Run operations in the LMS in one boot, and log every event to a run directory on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run
short_description: Run operations in the LMS with a run directory
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Boots the LMS once, runs the operations of the probe in their order, and writes each event as a JSON line to
    O(run_dir)/O(run)/C(events.jsonl).
  - M(openedx_operators.block_structure.regenerate), M(openedx_operators.block_structure.prune),
    M(openedx_operators.block_structure.move) and M(openedx_operators.block_structure.site_state) start it in the background and
    follow that file.
  - SIGTERM and SIGINT are passed to the LMS process, which finishes or abandons its current courses and reports.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.release_or_identify
options:
  operations:
    description: Operations of the probe.
    type: list
    elements: dict
    required: true
  run_dir:
    description: Directory of all run directories.
    type: path
    required: true
  run:
    description: Name of this run.
    type: str
    required: true
  resume:
    description: Name of a run to resume, or V(latest). Its remaining courses replace what the generate operations select.
    type: str
  target_secrets:
    description: Secrets of the storage that a move operation copies to, nested as in BLOCK_STRUCTURES_SETTINGS.
    type: dict
    default: {}
attributes:
  check_mode:
    support: partial
    details: Runs operations that change nothing (a dry run of generate, prune without remove), and refuses all others.
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Generate what is missing
  openedx_operators.block_structure.run:
    manage_argv: "{{ __block_structure_manage_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
    operations: [{op: generate, select: {only: [missing]}}]
    run_dir: /edx/etc/block_structure/runs
    run: 20260101T000000Z-0000
"""

RETURN = r"""
results:
  description: One result for each operation.
  type: list
  elements: dict
  returned: success
courses:
  description: The last report of each course of the run.
  type: list
  elements: dict
  returned: success
resumed:
  description: Name of the run that was resumed, or null.
  type: str
  returned: success
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common import redact
from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.common.findings import two_lines
from ..module_utils.decisions import storage_settings
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import lms, probe_client, runs


def resumed(operations: list[dict[str, Any]], previous: runs.Run) -> list[dict[str, Any]]:
    """Return the operations with the remaining courses and the selection of a previous run."""
    select = {**previous.select, "courses": previous.remaining, "patterns": None, "limit": None, "absent_is_gone": True}
    return [{**operation, "select": select} if operation["op"] == "generate" else operation for operation in operations]


def with_secrets(operation: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    """Return the operation with the secrets of its target, if it has one."""
    return {**operation, "target": storage_settings.merge(operation["target"], secrets)} if "target" in operation else operation


def is_read_only(operation: dict[str, Any]) -> bool:
    """Return whether an operation changes nothing."""
    return operation["op"] == "survey" or bool(operation.get("dry_run")) or operation.get("remove") is False


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.EITHER,
            "operations": {"type": "list", "elements": "dict", "required": True},
            "run_dir": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "resume": {"type": "str"},
            "target_secrets": {"type": "dict", "default": {}, "no_log": True},
        },
        **lms.ONE_OF,
        supports_check_mode=True,
    )
    if module.check_mode and not all(is_read_only(operation) for operation in module.params["operations"]):
        module.fail_json(msg=two_lines("Check mode runs only operations that change nothing.", "request a dry run."), boots=0)
    given = module.params
    operations = [
        with_secrets({**operation, "run": given["run"]}, given["target_secrets"]) for operation in given["operations"]
    ]
    secrets = [str(value) for value in given["target_secrets"].get("STORAGE_KWARGS", {}).values()]
    previous = None
    root = Path(given["run_dir"])
    with as_failures(module, boots=0):
        if given["resume"]:
            previous = runs.to_resume(root, given["resume"])
            operations = resumed(operations, previous)
        log = runs.Log(root, given["run"])
    if previous:
        log.write({"event": "resume", "of": previous.name})
        # The event file of a run is complete, so that a resumed run can be resumed again.
        log.write(
            {"event": "plan", "run": [{"key": key} for key in previous.planned], "select": previous.select, "skipped": {}}
        )
        for report in previous.reports.values():
            if report["status"] in runs.SETTLED:
                log.write(report)
    stop = Stop()
    ended = "failed"

    def take(event: dict[str, Any]) -> None:
        stop.note(event)
        log.write(redact.scrub_all(event, secrets))

    try:
        answer = probe_client.run(
            given["manage_argv"],
            from_named_row(given["release"]) if given["release"] else None,
            operations,
            identify=given["identify"],
            on_event=take,
            on_start=stop.watch,
            secrets=secrets,
        )
        ended = next((result["ended"] for result in answer.results if result.get("ended", "done") != "done"), "done")
    except BlockStructureError as error:
        # A signal before the workers start ends the LMS at once, with nothing half done.
        answer, ended = probe_client.Answer([], [], 0.0), "stopped"
        if not stop.asked:
            ended = "failed"
            log.write({"event": "failure", "error": error.as_dict()})
            module.fail_json(msg=str(error), error=error.as_dict(), boots=1)
    finally:
        log.write({"event": "end", "ended": ended})
        log.close()
    reported = runs.read(log.folder)
    module.exit_json(
        changed=any(event["event"] == "course" and event.get("status") == "ok" for event in answer.events),
        results=answer.results,
        courses=list(reported.reports.values()),
        resumed=previous and previous.name,
        ended=ended,
        boots=1,
    )


class Stop:
    """Forwards SIGTERM and SIGINT to the LMS process, however early they arrive."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.pid: int | None = None
        self.asked = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._forward)

    def _forward(self, _number: int, _frame: Any) -> None:
        self.asked += 1
        if self.process and self.process.poll() is None:
            os.kill(self._target(self.process.pid), signal.SIGTERM)

    def _target(self, started: int) -> int:
        """Return the LMS process itself: runuser (util-linux su-common.c) kills it two seconds after forwarding a signal.

        A process that does not descend from the started one runs in a container, with another PID outside of it.
        """
        ancestor = self.pid or started
        while ancestor > 1:
            if ancestor == started:
                return self.pid or started
            try:
                ancestor = int(Path(f"/proc/{ancestor}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                break
        return started

    def note(self, event: dict[str, Any]) -> None:
        """Take the PID of the LMS process from its first event."""
        if event.get("event") == "boot":
            self.pid = event.get("pid")

    def watch(self, process: subprocess.Popen[str]) -> None:
        """Set the process that gets the signals."""
        self.process = process


if __name__ == "__main__":
    main()
