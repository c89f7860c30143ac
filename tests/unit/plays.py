"""Run steps of the role by Ansible itself, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .conftest import COLLECTIONS

Task = dict[str, Any]


def step(tasks_from: str, **variables: Any) -> Task:
    """Return a task that runs a file of the role's tasks."""
    role = {"name": "openedx_operators.block_structure.block_structure", "tasks_from": tasks_from}
    return {"ansible.builtin.include_role": role, "vars": variables}


def facts(**templates: str) -> Task:
    """Return a task that sets facts."""
    return {"ansible.builtin.set_fact": templates}


def start(
    path: Path,
    tasks: list[Task],
    *options: str,
    hosts: dict[str, Any] | None = None,
    variables: dict[str, Any] | None = None,
    together: dict[str, Any] | None = None,
) -> subprocess.Popen[str]:
    """Write a playbook of one play to a path, and start it in a process group of its own; both streams are its output.

    hosts: the LMS hosts with their variables, each this machine; localhost, which is none of them, by default. variables: extra
    ones. together: the variables of the play. options: of ansible-playbook.
    """
    play = {"hosts": "block_structure_lms" if hosts else "localhost", "connection": "local", "gather_facts": False}
    path.write_text(json.dumps([{**play, "vars": together or {}, "tasks": tasks}]))
    inventory = "localhost,"
    if hosts:
        inventory = str(path.with_suffix(".hosts.yml"))
        Path(inventory).write_text(json.dumps({"block_structure_lms": {"hosts": hosts}}))
    given = {"ansible_python_interpreter": sys.executable, **(variables or {})}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), f"--inventory={inventory}", *options]
    return subprocess.Popen(
        [*command, f"--extra-vars={json.dumps(given)}", str(path)],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code of a run, and its output in one line, so that a message can be searched whole."""
    output = process.communicate(timeout=120)[0]
    return process.returncode, " ".join(output.split())


def run(path: Path, tasks: list[Task], *options: str, **given: Any) -> tuple[int, str]:
    """Run a playbook as `start` does."""
    return ended(start(path, tasks, *options, **given))
