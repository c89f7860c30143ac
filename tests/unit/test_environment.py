"""The environment of the platform's processes reaches each boot of the LMS, and the file that native processes read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROLE

WANTED = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"}
PAIRS = [f"{name}={value}" for name, value in WANTED.items()]
NAMES = ("manage_argv", "studio_argv", "candidate_argv", "studio_candidate_argv")


def rendered(tmp_path: Path, environment: dict[str, str], files: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    """Return variables of the role as Ansible renders them."""
    shown = ", ".join(f"'{name}': __block_structure_{name}" for name in names)
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(ROLE / path) for path in ("defaults/main.yml", "vars/releases.yml", "vars/main.yml", *files)],
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "role_path": str(ROLE),
            "__block_structure_desired": {
                "environment": environment,
                "release": {
                    "config_format": "yaml",
                    "config_env": {"lms": "LMS_CFG", "cms": "CMS_CFG"},
                    "config_files": {"lms": "/edx/etc/lms.yml"},
                },
                "settings_files": [{"name": name, "path": f"/edx/etc/{name}.yml"} for name in ("lms", "cms")],
            },
        },
        "tasks": [
            {
                "ansible.builtin.copy": {
                    "content": f"{{{{ {{{shown}}} | to_json }}}}",
                    "dest": str(tmp_path / "seen.json"),
                }
            }
        ],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], width=1000))
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((tmp_path / "seen.json").read_text())
    return found


@pytest.mark.parametrize("environment", [{}, WANTED], ids=["none", "checksums"])
def test_each_native_boot_and_the_file_have_it(tmp_path: Path, environment: dict[str, str]) -> None:
    found = rendered(tmp_path, environment, ["vars/platform_native.yml"], (*NAMES, "exports"))
    pairs = PAIRS if environment else []
    for name in NAMES:
        argv = found[name]
        start = argv.index("/edx/app/edxapp/edx-platform") + 1
        assert argv[start : start + len(pairs)] == pairs
        assert "manage.py" in argv[start + len(pairs) :][:3]
    for name, assignment, active in (
        ("candidate_argv", "LMS_CFG=/edx/etc/.block_structure_candidate_lms.yml", "manage_argv"),
        ("studio_candidate_argv", "CMS_CFG=/edx/etc/.block_structure_candidate_studio.yml", "studio_argv"),
    ):
        assert found[name][-5:] == [assignment, *found[active][-4:]]
    assert (found["exports"] or "") == "".join(f"export {pair}\n" for pair in pairs)


@pytest.mark.parametrize("environment", [{}, WANTED], ids=["none", "checksums"])
def test_each_boot_of_tutor_has_it(tmp_path: Path, environment: dict[str, str]) -> None:
    found = rendered(tmp_path, environment, ["vars/tutor.yml", "vars/platform_tutor_local.yml"], NAMES)
    words = ["env", *PAIRS] if environment else []
    for name in NAMES:
        argv = found[name]
        start = len(argv) - (1 if "candidate" in name else 2)
        assert argv[start - len(words) : start] == words
        assert "env" not in argv[: start - len(words)]
