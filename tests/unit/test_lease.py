"""One run at a time: the lease of a site, taken by real runs of Ansible on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.decisions.lease import Lease, refusal
from block_structure.module_utils.host import lease

from . import modules, plays
from .conftest import COLLECTIONS

OTHER = Lease("deploy", "controller.example.com", "b" * 8, "pid:[1]", 4711, 99)


def test_a_lease_is_taken_once_and_renewed_by_its_own_run(tmp_path: Path):
    folder = tmp_path / "state"
    assert lease.take(folder, OTHER) is None
    held = lease.take(folder, replace(OTHER, operation="rollback", pid=4712))
    assert held is not None
    assert (held.operation, held.pid, held.site_boot) == ("deploy", 4711, lease.boot())
    os.utime(folder / lease.NAME, (time.time() - 800, time.time() - 800))
    assert lease.take(folder, replace(OTHER, operation="another step")) is None
    renewed = lease.read(folder)
    assert renewed is not None
    assert (renewed.operation, renewed.since) == ("deploy", held.since)
    assert time.time() - renewed.renewed < 60
    assert (folder / lease.NAME).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_lease_without_renewal_ends_and_so_does_one_from_before_a_restart_of_its_host(tmp_path: Path):
    second = replace(OTHER, pid=4712)
    lease.take(tmp_path, OTHER)
    os.utime(tmp_path / lease.NAME, (time.time() - 901, time.time() - 901))
    assert lease.take(tmp_path, second) is None
    kept = json.loads((tmp_path / lease.NAME).read_text())
    (tmp_path / lease.NAME).write_text(json.dumps({**kept, "site_boot": "another boot"}))
    assert lease.take(tmp_path, OTHER) is None
    # Cut off by a power failure.
    (tmp_path / lease.NAME).write_text('{"operation": "dep')
    assert lease.take(tmp_path, second) is None


def test_only_its_own_run_gives_it_up_and_what_else_is_there_stays(tmp_path: Path):
    folder = tmp_path / "state"
    assert lease.release(folder, OTHER) is False
    lease.take(folder, OTHER)
    assert lease.release(folder, replace(OTHER, pid=4712)) is False
    assert (folder / lease.NAME).exists()
    (folder / "before.json").write_text("{}")
    assert lease.release(folder, OTHER) is True
    assert [path.name for path in folder.iterdir()] == ["before.json"]
    lease.take(tmp_path / "empty", OTHER)
    assert lease.release(tmp_path / "empty", OTHER) is True
    assert not (tmp_path / "empty").exists()


def test_the_second_comer_learns_who_holds_the_site_and_when_it_is_free():
    held = replace(OTHER, since=1_795_791_792.0, renewed=1_795_792_000.0)
    assert str(refusal(held, 1_795_792_020.0, "/edx/etc/block_structure/lease.json")) == (
        "A deploy from controller.example.com (process 4711) has been changing this site since 2026-11-27 15:03:12 UTC and was "
        "last seen 20 s ago.\nRemedy: wait until it has ended. If it was killed, the site is free at 2026-11-27 15:21:40 UTC, "
        "or once you remove /edx/etc/block_structure/lease.json."
    )


def test_a_directory_that_cannot_be_written_is_refused_in_two_lines(tmp_path: Path):
    (tmp_path / "file").write_text("")
    failed = modules.run("lease", {"folder": str(tmp_path / "file" / "state")})
    assert failed["error"]["id"] == "lease-unwritable"
    assert "cannot be written: Not a directory.\nRemedy: correct block_structure_state_dir" in failed["msg"]


# The role's folder as Ansible finds it, through a link.
TASKS = COLLECTIONS / "ansible_collections/openedx_operators/block_structure/roles/block_structure/tasks"


def play(folder: Path, step: str, *options: str, last: bool = False) -> subprocess.Popen[str]:
    """Start a playbook with one step that holds the site."""
    name = folder.parent / str(time.time_ns())
    tasks = name.with_suffix(".tasks.yml")
    tasks.write_text(step)
    within = os.path.relpath(tasks.with_suffix(""), TASKS)
    steps = [
        plays.facts(__block_structure_lease_dir=str(folder)),
        plays.step("common/step", __block_structure_step=within, __block_structure_operation="regenerate"),
    ]
    variables = {"__block_structure_last": last, "ansible_become": False}
    common = {"__block_structure_first_lms": "localhost"}
    return plays.start(name.with_suffix(".yml"), steps, *options, variables=variables, together=common)


WAIT = "- name: Wait\n  ansible.builtin.wait_for: {path: GO, timeout: 60}\n"
NOTHING = "- name: Do nothing\n  ansible.builtin.debug: {msg: done}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The state directory of a site."""
    return tmp_path / "state"


def holds(folder: Path) -> Lease:
    """Wait for a lease."""
    deadline = time.monotonic() + 60
    while not (found := lease.read(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found
    return found


def test_a_second_run_is_refused_while_the_first_one_works_and_goes_on_afterwards(folder: Path):
    go = folder.parent / "go"
    first = play(folder, WAIT.replace("GO", str(go)), last=True)
    held = holds(folder)
    assert (held.operation, held.pid) == ("regenerate", first.pid)
    code, output = plays.ended(play(folder, NOTHING))
    assert code == 2
    assert f"A regenerate from {held.controller} (process {first.pid}) has been changing this site since 20" in output
    assert "Remedy: wait until it has ended." in output
    # A preview needs no lease, and the refused run has not taken or given up that of the other.
    assert plays.ended(play(folder, NOTHING, "--check"))[0] == 0
    assert lease.read(folder) is not None
    go.write_text("")
    assert plays.ended(first)[0] == 0
    assert not folder.exists()
    assert plays.ended(play(folder, NOTHING, last=True))[0] == 0


def test_a_killed_run_does_not_hold_the_site_against_the_next_one_of_its_machine(folder: Path):
    first = play(folder, WAIT.replace("GO", str(folder.parent / "never")))
    holds(folder)
    os.killpg(first.pid, 9)
    first.communicate()
    code, output = plays.ended(play(folder, NOTHING, last=True))
    assert code == 0, output
    assert not folder.exists()


def test_a_step_that_fails_lets_go_of_the_site_and_its_failure_stays(folder: Path):
    code, output = plays.ended(play(folder, "- name: Fail\n  ansible.builtin.fail: {msg: for a reason}\n"))
    assert code == 2
    assert "for a reason" in output
    assert output.count("fatal: ") == 1
    assert not folder.exists()


def test_a_preview_writes_nothing(folder: Path):
    code, output = plays.ended(play(folder, NOTHING, "--check"))
    assert code == 0, output
    assert not folder.exists()


def arguments_of(run: dict[str, Any]) -> Lease:
    """Return a lease of a run."""
    return Lease(operation="deploy", **run)


def test_only_a_run_that_sees_the_same_processes_judges_another_by_them():
    run = {"controller": "c", "boot": "b", "namespace": "pid:[1]", "pid": 1, "started": 2}
    assert arguments_of(run).same_machine(arguments_of({**run, "pid": 3}))
    assert not arguments_of(run).same_machine(arguments_of({**run, "namespace": "pid:[2]"}))
    assert not arguments_of(run).same_machine(arguments_of({**run, "boot": "a"}))
    unknown = arguments_of({**run, "boot": "", "namespace": ""})
    assert not unknown.same_machine(unknown)
