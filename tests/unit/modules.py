"""Run a module of the role by Ansible itself, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .conftest import COLLECTIONS


def output(name: str, arguments: dict[str, Any], *options: str, **variables: str) -> str:
    """Return all that Ansible shows of a module's run.

    options: of `ansible`, such as --check. variables: of the environment.
    """
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        **variables,
    }
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "localhost",
        "--module-name",
        f"openedx_operators.block_structure.{name}",
    ]
    ended = subprocess.run(
        [*command, *(["--args", json.dumps(arguments)] if arguments else []), *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout + ended.stderr


def run(name: str, arguments: dict[str, Any], *options: str) -> dict[str, Any]:
    """Return the result of a module. options: of `ansible`, such as --check."""
    json_output = {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
    text = output(name, arguments, *options, **json_output)
    answer = json.JSONDecoder().raw_decode(text[text.index("{") :])[0]
    report: dict[str, Any] = answer["plays"][0]["tasks"][0]["hosts"]["localhost"] if "plays" in answer else answer
    return report


def run_here(name: str, arguments: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    """Return the result of a module in a process of its own, without what Ansible does around it; check: in check mode."""
    request = json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}})
    program = f"ansible_collections.openedx_operators.block_structure.plugins.modules.{name}"
    ended = subprocess.run(
        [sys.executable, "-m", program],
        input=request,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer
