"""The command-line tool: refusals, exit codes and help. Its output for a site is tested on the sandbox."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from block_structure_cli.main import main
from click.testing import CliRunner

from .commands import ROOT
from .commands import run as run_script

COMMANDS = main.list_commands(None)
run = partial(run_script, "scripts/block-structure")


@pytest.fixture
def empty(tmp_path: Path) -> str:
    """An inventory that exists and names no LMS."""
    path = tmp_path / "hosts.yml"
    path.write_text("all:\n  hosts: {}\n")
    return str(path)


def test_there_are_commands():
    assert COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_the_exit_codes(command):
    shown = CliRunner().invoke(main, [command, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"scripts/block-structure {command}" in shown.output
    assert "Exit codes: 0 all well" in shown.output


def test_unknown_command_is_a_usage_error():
    ended = run("repair")
    assert ended.returncode == 2
    assert "No such command 'repair'" in ended.stderr
    assert ended.stdout == ""


def test_missing_inventory_is_a_usage_error():
    ended = run("verify", "-i", "inventory/nowhere")
    assert ended.returncode == 2
    assert "'inventory/nowhere' does not exist" in ended.stderr


def test_inventory_without_an_lms_is_reported_with_a_remedy(empty):
    ended = run("verify", "-i", empty)
    assert ended.returncode == 3
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("running")]
    assert lines == [
        "localhost: The inventory has no host in the group block_structure_lms.",
        "Remedy: name an inventory with -i, such as inventory/production, and put the LMS hosts into that group.",
    ]
    assert ended.stdout == ""


def test_unreachable_host_is_an_environment_error(tmp_path):
    path = tmp_path / "hosts.yml"
    path.write_text(
        "all:\n"
        "  vars: {ansible_connection: ssh, ansible_port: 9, ansible_ssh_timeout: 2, block_structure_release: teak,"
        " block_structure_storage_bucket: example-block-structures}\n"
        "  children: {block_structure_lms: {hosts: {127.0.0.1: }}}\n"
    )
    ended = run("verify", "-i", str(path), PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.startswith("127.0.0.1: ")
    assert "Remedy: " in ended.stderr


def test_version_is_that_of_the_collection():
    shown = run("--version")
    assert shown.returncode == 0
    assert shown.stdout == f"block-structure {yaml.safe_load((ROOT / 'galaxy.yml').read_text())['version']}\n"


def test_missing_libraries_are_reported_with_a_remedy(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    ended = subprocess.run(
        [sys.executable, "-S", str(tmp_path / "scripts/block-structure"), "verify"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    remedy = f"run `{tmp_path}/scripts/dev/setup python`, which creates an environment with everything that it needs."
    assert ended.stderr.splitlines()[1] == f"Remedy: {remedy}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--force", "--only", "stale"], "--force generates every course in scope, so --only has no effect."),
        (["--course", "a", "--pattern", "b"], "Give courses or patterns, not both."),
        (["--resume", "latest", "--force"], "A resumed run chooses as it was begun."),
        (["--resume", "latest", "--dry-run"], "A resumed run has its plan already."),
        (["--routing-key", "a"], "Only the celery engine has a routing key."),
        (["--at-most", "0"], "0 is not in the range x>=1"),
    ],
)
def test_regenerate_refuses_contradicting_options(arguments, message):
    refused = CliRunner().invoke(main, ["regenerate", *arguments])
    assert refused.exit_code == 2
    assert message in refused.output


def test_regenerate_without_an_lms_is_an_environment_error(empty):
    ended = run("regenerate", "-i", empty)
    assert ended.returncode == 3
    assert "Remedy: name an inventory with -i" in ended.stderr
    assert ended.stdout == ""
