"""A host leaves its load balancer before it restarts, and returns when it serves; run by Ansible."""

from __future__ import annotations

from pathlib import Path

import pytest
from block_structure.module_utils.decisions import variables
from block_structure.plugin_utils import role_variables

from . import plays


class Host:
    """A host with a load balancer, and what was done to it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._notes, self.state = folder, folder / "notes", folder / "state"

    def run(
        self, step: str, *arguments: str, drain: str = "true", restart: str = "true", undrain: str = "true"
    ) -> tuple[int, str]:
        """Return exit code and output of a step; drain, restart, undrain: what ends each command."""

        def noting(what: str, then: str) -> list[list[str]]:
            return [["/bin/sh", "-c", f"echo {what} >> {self._notes}; {then}"]]

        values = {
            "ansible_become": False,
            "block_structure_state_dir": str(self.state),
            "block_structure_native_env_file": str(self._folder / "edxapp_env"),
            "__block_structure_without_root": True,
            "__block_structure_desired": {"settings_files": []},
            "__block_structure_platform": {"tasks": "native"},
            "__block_structure_before": {"settings": {}, "also": {}},
            "__block_structure_values": {
                "drain_commands": noting("out", drain),
                "undrain_commands": noting("in", undrain),
                "drain_timeout_seconds": 30,
                "native_restart_commands": noting("restart", restart),
                "native_worker_restart_commands": [],
                "native_heartbeat_urls": [],
                "native_restart_timeout_seconds": 2,
            },
        }
        if step == "restore_settings":
            values["ansible_failed_result"] = {"msg": "a reason"}
        (self._folder / "edxapp_env").touch()
        return plays.run(self._folder / "play.yml", [plays.step(f"common/{step}")], *arguments, variables=values)

    @property
    def notes(self) -> list[str]:
        """What was done, in order."""
        return self._notes.read_text().split() if self._notes.exists() else []

    @property
    def is_out(self) -> bool:
        """Whether the next run would put it back."""
        return (self.state / "drained").exists()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host in its load balancer."""
    return Host(tmp_path)


def test_a_host_is_out_of_its_balancer_while_it_restarts(host: Host):
    code, output = host.run("restart")
    assert code == 0, output
    assert (host.notes, host.is_out) == (["out", "restart", "in"], False)


def test_a_preview_takes_no_host_out(host: Host):
    code, output = host.run("restart", "--check")
    assert code == 0, output
    assert (host.notes, host.state.exists()) == ([], False)


def test_a_host_that_cannot_be_taken_out_is_not_restarted(host: Host):
    code, output = host.run("restart", drain="echo no such server >&2; false")
    assert (code, host.notes, host.is_out) == (2, ["out", "in"], False)
    assert (
        "localhost could not be taken out of its load balancer: non-zero return code no such server Remedy: correct "
        "block_structure_drain_commands; what runs was left alone." in output.replace("\\n", " ")
    )


def test_a_host_that_does_not_serve_stays_out_and_the_next_run_puts_it_back(host: Host):
    assert host.run("restart", restart="false")[0] == 2
    assert (host.notes, host.is_out) == (["out", "restart"], True)
    code, output = host.run("undrain")
    assert code == 0, output
    assert (host.notes, host.is_out) == (["out", "restart", "in"], False)


@pytest.mark.parametrize(("restart", "out"), [("true", False), ("false", True)])
def test_previous_settings_on_which_the_host_does_not_serve_either_leave_it_out_and_say_so(host: Host, restart: str, out: bool):
    code, output = host.run("restore_settings", restart=restart)
    assert (code, host.is_out) == (2, out)
    assert "The new settings could not be applied: a reason" in output
    assert ("Until then localhost is out of its load balancer." in output) is out


def test_a_host_that_others_took_out_stays_out(host: Host):
    assert host.run("undrain")[0] == 0
    assert host.notes == []


def test_a_host_that_cannot_be_put_back_is_named(host: Host):
    code, output = host.run("restart", undrain="false")
    assert (code, host.notes, host.is_out) == (2, ["out", "restart", "in"], True)
    assert (
        "localhost serves, and could not be put back into its load balancer: non-zero return code Remedy: correct "
        "block_structure_undrain_commands and run again, which puts it back." in output.replace("\\n", " ")
    )


@pytest.mark.parametrize("given", ["block_structure_drain_commands", "block_structure_undrain_commands"])
def test_a_way_out_needs_a_way_back(given: str):
    asked = {**role_variables.defaults(), "block_structure_storage_bucket": "example", given: [["true"]]}
    assert " ".join(map(str, variables.check(asked))) == (
        "Only one of block_structure_drain_commands and block_structure_undrain_commands is set.\n"
        "Remedy: set both, or neither without a load balancer."
    )
