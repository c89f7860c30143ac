"""The command-line tool: refusals, exit codes and help. Its output for a site is tested on the sandbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import click
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


def test_the_clones_command_runs_in_its_environment_whatever_the_systems_python_has(tmp_path: Path) -> None:
    """A system Python with click and without rich, which would fail in the middle of the imports."""
    (tmp_path / "click").symlink_to(Path(click.__file__).parent)
    system = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    ended = partial(subprocess.run, env=environment, capture_output=True, text=True, check=False)
    assert ended([system, "-S", "-c", "import click"]).returncode == 0
    assert ended([system, "-S", "-c", "import rich"]).returncode != 0
    shown = ended([system, "-S", ROOT / "scripts/block-structure", "--help"])
    assert shown.returncode == 0, shown.stderr
    assert "Usage: block-structure" in shown.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_the_exit_codes(command):
    shown = CliRunner().invoke(main, [command, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"block-structure {command}" in shown.output
    assert "Exit codes: 0 all well" in shown.output


@pytest.mark.parametrize("command", COMMANDS)
def test_no_example_overwrites_a_file(command):
    """A shell's `>` empties its file before the command has answered; --output refuses what exists."""
    shown = CliRunner().invoke(main, [command, "--help"]).output
    examples = shown[shown.index("Example") : shown.index("Options:")]
    assert ">" not in examples
    assert "--overwrite" not in examples
    assert not re.search(r" (--yes|drain)$", examples.splitlines()[1])


HEAVY = ("ansible", "ansible_runner", "gprof2dot", "jinja2", "jsonschema", "locust", "numpy", "rich", "yaml")


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)], ids=lambda words: " ".join(words) or "root")
def test_help_loads_no_heavy_library(arguments):
    program = (
        "import sys\n"
        "from block_structure_cli.main import main\n"
        f"try: main({[*arguments, '--help']!r})\n"
        f"finally: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert ended.stderr == "[]\n"


def test_unknown_command_is_a_usage_error():
    ended = run("repair")
    assert ended.returncode == 2
    assert "No such command 'repair'" in ended.stderr
    assert ended.stdout == ""


class Desk:
    """A folder in which an operator stands, with a home that has no configuration of Ansible."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "BLOCK_STRUCTURE_"))}
        own.update(HOME=str(self.folder), PATH=f"{Path(sys.executable).parent}:{own['PATH']}", **environment)
        return subprocess.run(
            [str(ROOT / "scripts/block-structure"), *arguments],
            cwd=self.folder,
            env=own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def refused(self, *arguments: str, **environment: str) -> tuple[int, list[str]]:
        """Return the exit code and the lines of a refusal, which prints nothing else."""
        ended = self.run(*arguments, **environment)
        assert ended.stdout == ""
        assert "Traceback" not in ended.stderr
        return ended.returncode, ended.stderr.splitlines()


EMPTY = "all:\n  hosts: {}\n"
LOCAL = "all:\n  children: {block_structure_lms: {hosts: {lms1: {ansible_connection: local}}}}\n"
AWAY = (
    "all:\n"
    "  vars: {ansible_connection: ssh, ansible_port: 9, ansible_ssh_timeout: 2, block_structure_release: teak,"
    " block_structure_storage_bucket: example-block-structures}\n"
    "  children: {block_structure_lms: {hosts: {127.0.0.1: }}}\n"
)
NO_LMS = [
    "The inventory has no host in the group block_structure_lms.",
    "Remedy: name an inventory with -i, such as inventory/production, and put the LMS hosts into that group.",
]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = Desk(tmp_path)
    for name, text in (("empty.yml", EMPTY), ("local.yml", LOCAL), ("away.yml", AWAY)):
        found.write(name, text)
    return found


def test_no_inventory_is_assumed(desk):
    assert desk.refused("verify") == (
        2,
        [
            "No inventory is named.",
            "Remedy: name the site's inventory with -i, such as -i inventory/production, or in your ansible.cfg.",
        ],
    )


def test_missing_inventory_is_named_with_the_folder(desk):
    assert desk.refused("verify", "-i", "nowhere") == (
        2,
        [
            f"The inventory nowhere does not exist in {desk.folder}.",
            "Remedy: name the site's inventory with -i; a path is relative to where you stand.",
        ],
    )


def test_an_inventory_is_relative_to_where_the_operator_stands(desk):
    assert desk.refused("verify", "-i", "empty.yml") == (3, NO_LMS)


@pytest.mark.parametrize("name", ["BLOCK_STRUCTURE_INVENTORY", "ANSIBLE_INVENTORY"])
def test_the_environment_may_name_the_inventory(desk, name):
    assert desk.refused("verify", **{name: "empty.yml"}) == (3, NO_LMS)


def test_the_operators_configuration_may_name_the_inventory(desk):
    desk.write("ansible.cfg", "[defaults]\ninventory = empty.yml\n")
    assert desk.refused("verify") == (3, NO_LMS)


@pytest.mark.parametrize("name", ["ansible.cfg", ".ansible.cfg", "elsewhere/ansible.cfg"])
def test_the_operators_configuration_is_used(desk, name):
    """In the order of Ansible: ANSIBLE_CONFIG, the current folder, the home folder."""
    desk.write(name, "[defaults]\nvault_password_file = absent-password\n")
    environment = {"ANSIBLE_CONFIG": "elsewhere/ansible.cfg"} if "/" in name else {}
    code, lines = desk.refused("verify", "-i", "local.yml", **environment)
    assert code == 3
    assert "absent-password" in lines[0]


def test_every_inventory_is_used(desk):
    """The host is in the second, its release in the first, which a single one would not refuse together."""
    desk.write("first.yml", "all: {vars: {block_structure_release: nowhere}}\n")
    code, lines = desk.refused("verify", "-i", "first.yml", "-i", "local.yml")
    assert code == 3
    assert "block_structure_release is 'nowhere'" in "\n".join(lines)


def test_a_file_of_variables_is_relative_to_where_the_operator_stands(desk):
    desk.write("vars.yml", "block_structure_release: nowhere\n")
    code, lines = desk.refused("verify", "-i", "local.yml", "-e", "@vars.yml")
    assert code == 3
    assert "block_structure_release is 'nowhere'" in "\n".join(lines)
    assert desk.refused("verify", "-i", "local.yml", "-e", "@absent.yml") == (
        2,
        [
            f"The file of variables absent.yml does not exist in {desk.folder}.",
            "Remedy: correct the path after -e @; it is relative to where you stand.",
        ],
    )


def test_a_limit_that_matches_no_host_is_a_usage_error(desk):
    assert desk.refused("verify", "-i", "local.yml", "--limit", "lms7") == (
        2,
        [
            "--limit lms7 matches no host of the inventory.",
            "Remedy: name hosts or groups of the inventory, as `ansible-inventory --graph -i …` shows them.",
        ],
    )


def test_a_limit_without_an_lms_is_a_usage_error(desk):
    desk.write("more.yml", "all: {hosts: {cache1: {ansible_connection: local}}}\n")
    for command in ("verify", "deploy", "check"):
        code, lines = desk.refused(command, "-i", "local.yml", "-i", "more.yml", "--limit", "cache1")
        assert code == 2
        assert [line for line in lines if not line.startswith("step ")] == [
            "--limit cache1 leaves no LMS host.",
            "Remedy: name at least one host of the group block_structure_lms.",
        ]


@pytest.mark.parametrize(
    ("option", "instead"),
    [("-K", "--become-password-file"), ("-k", "SSH keys"), ("--ask-vault-pass", "--vault-password-file")],
)
def test_a_password_is_not_asked_for_without_a_terminal(desk, option, instead):
    code, lines = desk.refused("verify", "-i", "local.yml", option)
    assert code == 4
    assert lines[0].endswith(" has no terminal to ask on.")
    assert lines[1] == f"Remedy: use {instead}."


@pytest.mark.parametrize(
    "arguments",
    [
        ["diagnose", "--write-vars", "-o", "kept.json"],
        ["benchmark", "-o", "kept.json"],
        ["profile", "--course", "a", "-o", "."],
        ["report", "--after", "run.json", "-o", "kept.json"],
    ],
    ids=lambda words: words[0],
)
def test_what_exists_is_not_overwritten(desk, arguments):
    """Refused before anything is contacted: there is not even an inventory."""
    desk.write("kept.json", "kept")
    desk.write("run.json", "{}")
    assert desk.refused(*arguments) == (
        4,
        [f"{arguments[-1]} exists.", "Remedy: name another with --output, or replace it with --overwrite."],
    )
    assert (desk.folder / "kept.json").read_text() == "kept"


def test_unreachable_host_is_an_environment_error(desk):
    code, lines = desk.refused("verify", "-i", "away.yml")
    assert code == 3
    assert lines[0].startswith("127.0.0.1: ")
    assert lines[1] == "Remedy: make it reachable, or leave it out with --limit; -v shows what Ansible tried."
    assert len(lines) == 2


@pytest.mark.parametrize("command", ["deploy", "check", "rollback"])
def test_a_deploy_or_rollback_changes_nothing_while_a_host_does_not_answer(desk, command):
    code, lines = desk.refused(command, "-i", "away.yml")
    assert code == 3
    steps = [line for line in lines if line.startswith("step ")]
    total = len(yaml.safe_load((ROOT / f"playbooks/{'rollback' if command == 'rollback' else 'deploy'}.yml").read_text()))
    assert steps == [
        f"step 1/{total}: Refuse an inventory without an LMS",
        f"step 2/{total}: Validate and contact every host before any change",
    ]
    assert lines[len(steps) :] == [
        "Nothing was changed.",
        "127.0.0.1: Failed to connect to the host via ssh: ssh: connect to host 127.0.0.1 port 9: Connection refused",
        "Remedy: make it reachable, or leave it out with --limit; -v shows what Ansible tried.",
    ]


def test_a_shell_completes_commands_and_options():
    environment = {"_BLOCK_STRUCTURE_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    assert run(COMP_WORDS="block-structure di", **environment).stdout == "plain,diagnose\n"
    environment["COMP_CWORD"] = "2"
    completed = run(COMP_WORDS="block-structure deploy --dif", **environment).stdout
    assert completed == "plain,--diff\n"
    assert "_BLOCK_STRUCTURE_COMPLETE=bash_complete" in run(_BLOCK_STRUCTURE_COMPLETE="bash_source").stdout


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
    assert ended.stderr.splitlines() == NO_LMS
    assert ended.stdout == ""
