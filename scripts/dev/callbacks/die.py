"""Power goes, or the controller dies, right after a chosen task of a playbook; scripts/dev/kill-table asks for it.

A task counts if it changed something, or if it is one that acts without saying so (ACTING). The names of all that counted go to
the file BLOCK_STRUCTURE_DIE_STEPS, one a line. After the task number BLOCK_STRUCTURE_DIE_AFTER the command
BLOCK_STRUCTURE_DIE_COMMAND (a list in JSON) runs; without one, this run of ansible-playbook is killed with all its children.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: die
type: notification
short_description: End a run, or a host, after a chosen task
description: Does what BLOCK_STRUCTURE_DIE_AFTER and BLOCK_STRUCTURE_DIE_COMMAND say; nothing without BLOCK_STRUCTURE_DIE_STEPS.
"""
# Modules whose tasks here restart, reload or install although they report no change, and the files whose commands only read.
ACTING = frozenset({"ansible.builtin.command", "openedx_operators.block_structure.gunicorn_reload"})
READING = frozenset({"state_dir.yml", "detect.yml", "candidate.yml"})


class CallbackModule(CallbackBase):
    """Counts the tasks that act."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "die"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._steps = Path(os.environ["BLOCK_STRUCTURE_DIE_STEPS"])
        self._steps.write_text("")
        self._after = int(os.environ.get("BLOCK_STRUCTURE_DIE_AFTER", "0"))
        self._command = json.loads(os.environ.get("BLOCK_STRUCTURE_DIE_COMMAND", "null"))
        self._count = 0

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count the task, and end what is to end after it."""
        file = Path(result._task.get_path().rpartition(":")[0]).name
        if not (result._result.get("changed") or (result._task.action in ACTING and file not in READING)):
            return
        self._count += 1
        with self._steps.open("a") as stream:
            stream.write(f"{result._task.get_name().strip()}\n")
        if self._count != self._after:
            return
        if self._command:
            subprocess.run(self._command, stdin=subprocess.DEVNULL, check=True)
        else:
            os.killpg(0, signal.SIGKILL)
