"""The step that ends the transition to signed objects, run by Ansible on this machine with files and restarts of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from . import plays

STEP = [
    plays.facts(__block_structure_desired="{{ desired }}", __block_structure_survey="{{ survey }}"),
    plays.step("deploy/refuse_unsigned"),
]


class Site:
    """A host whose objects are accepted without a signature: a settings file, and a command that restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.settings, self.restarts = folder, folder / "lms.yml", folder / "restarts"
        self.settings.write_text("A: 1\nBLOCK_STRUCTURES_SETTINGS:\n  STORAGE_KWARGS:\n    signing: accept_unsigned\n")

    def run(self, *arguments: str, signature: str = "valid", restart: str = "true") -> tuple[int, str]:
        """Return exit code and output of the step. restart: what the restart ends with."""
        file = {"name": "lms", "path": str(self.settings), "format": "yaml", "variable": "block_structure_native_lms_config"}
        restarting = ["/bin/sh", "-c", f"echo >> {self.restarts}; {restart}"]
        variables = {
            "desired": {
                "signing": "require",
                "settings": {"STORAGE_KWARGS": {"signing": "accept_unsigned"}},
                "also": {},
                "environment": {},
                "settings_files": [file],
            },
            "survey": {
                "settings": {"storage_state": {"signing": {"mode": "accept_unsigned"}}},
                "courses": [{"key": "k", "row": True, "object_exists": True, "signature": signature}],
            },
            "block_structure_native_env_file": str(self.folder / "edxapp_env"),
            "__block_structure_steps": [],
            "__block_structure_platform": {"tasks": "native"},
            "__block_structure_values": {
                "manage_settings": True,
                "manage_database": True,
                "native_restart_commands": [restarting],
                "native_worker_restart_commands": [],
                "native_heartbeat_urls": [],
                "native_restart_timeout_seconds": 2,
                "drain_commands": [],
                "undrain_commands": [],
            },
        }
        return plays.run(self.folder / "play.yml", STEP, *arguments, variables=variables)

    def state(self) -> tuple[str, int]:
        """Return the mode of the settings file, and how often the services were restarted."""
        written: dict[str, Any] = yaml.safe_load(self.settings.read_text())
        assert written["A"] == 1
        restarts = len(self.restarts.read_text().splitlines()) if self.restarts.exists() else 0
        return written["BLOCK_STRUCTURES_SETTINGS"]["STORAGE_KWARGS"]["signing"], restarts


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site in the middle of the transition."""
    return Site(tmp_path)


def test_signed_site_refuses_unsigned_objects_after_one_restart(site: Site) -> None:
    code, predicted = site.run("--check")
    assert (code, site.state()) == (0, ("accept_unsigned", 0))
    code, done = site.run()
    assert (code, site.state()) == (0, ("require", 1))
    # One change, told by its own task, in the preview too.
    assert all("changed=1 " in output for output in (predicted, done))


def test_site_with_an_unsigned_object_goes_on_to_read_it(site: Site) -> None:
    code, output = site.run(signature="unsigned")
    assert (code, site.state()) == (0, ("accept_unsigned", 0))
    assert "changed=0 " in output


def test_site_that_does_not_come_up_accepts_unsigned_objects_again(site: Site) -> None:
    code, output = site.run(restart="grep -q accept_unsigned " + str(site.settings))
    assert (code, site.state()) == (2, ("accept_unsigned", 2))
    assert "The settings that refuse unsigned objects could not be applied: non-zero return code" in output
    assert "Remedy: fix the cause in the message and run again; until then the LMS reads unsigned objects, as before." in output
