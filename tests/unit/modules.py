"""Run a module of the role by Ansible itself, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .conftest import COLLECTIONS


def run(name: str, arguments: dict[str, Any], *message: str) -> dict[str, Any]:
    """Return the result of a module. message: more options of `ansible`, such as --check."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.json",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "localhost",
        "--module-name",
        f"openedx_operators.block_structure.{name}",
    ]
    ended = subprocess.run(
        [*command, "--args", json.dumps(arguments), *message], env=environment, capture_output=True, text=True, check=False
    )
    answer = json.JSONDecoder().raw_decode(ended.stdout[ended.stdout.index("{") :])[0]
    report: dict[str, Any] = answer["plays"][0]["tasks"][0]["hosts"]["localhost"] if "plays" in answer else answer
    return report
