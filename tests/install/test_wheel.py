"""What pip makes of this repository: a command with every verb, which finds the collection beside it from any directory."""

from __future__ import annotations

import json
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from block_structure_cli import environment
from block_structure_cli.main import main
from packaging.requirements import Requirement

from .conftest import BAD_BUCKET, OLDEST, ROOT, Installation, find_python, refusal

COLLECTION = "ansible_collections/openedx_operators/block_structure"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]


@pytest.fixture(scope="session")
def installed(clone, tmp_path_factory) -> Installation:
    """An environment into which pip installed a clone by its address, as `pip install git+https://…` does."""
    folder = tmp_path_factory.mktemp("wheel") / "environment"
    subprocess.run([find_python(OLDEST), "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"git+file://{clone}"], check=True)
    return Installation(folder / "bin", tmp_path_factory.mktemp("home"))


@pytest.fixture
def nowhere(tmp_path) -> Path:
    """An empty directory."""
    folder = tmp_path / "nowhere"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def wheel(installed, clone, tmp_path_factory) -> Path:
    """The wheel of a clone."""
    folder = tmp_path_factory.mktemp("built")
    done = installed.run(installed.bin / "pip", "wheel", "--no-deps", "--wheel-dir", folder, clone, cwd=folder)
    assert done.returncode == 0, done.stdout
    (built,) = folder.iterdir()
    return built


def test_wheel_has_the_collection_as_it_is_checked_out(wheel):
    assert wheel.name == f"block_structure-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as packed:
        contents = {name: packed.read(name) for name in packed.namelist()}
    workshop = {"__pycache__", "collections", "dev", "molecule", "tests"}
    assert [name for name in contents if workshop & set(Path(name).parts)] == []
    for folder in ("meta", "playbooks", "plugins", "roles"):
        tracked = subprocess.check_output(["git", "ls-files", "-z", folder], cwd=ROOT, text=True).split("\0")
        wanted = {name for name in tracked if name and not {"collections", "tests"} & set(Path(name).parts)}
        assert [name for name in wanted if contents.get(f"{COLLECTION}/{name}") != (ROOT / name).read_bytes()] == []
    for name, content in contents.items():
        if name.startswith("block_structure/"):
            assert content == (ROOT / name.replace("block_structure/", "plugins/", 1)).read_bytes()


def test_extras_are_what_the_command_says_it_needs():
    def names(wanted: list[str]) -> set[str]:
        return {Requirement(line).name for line in wanted}

    assert names(PROJECT["dependencies"]) == set(environment.LIBRARIES[None].values())
    extras = {name: names(wanted) for name, wanted in PROJECT["optional-dependencies"].items() if name != "tutor"}
    assert extras == {extra: set(modules.values()) for extra, modules in environment.LIBRARIES.items() if extra}
    assert set(environment.PURPOSES) == set(extras)
    claimed = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"]
    core = next(found for found in map(Requirement, PROJECT["dependencies"]) if found.name == "ansible-core")
    assert core.specifier == Requirement(f"ansible-core{claimed}").specifier


def test_installed_command_has_every_verb_and_the_version(installed, nowhere):
    shown = installed.run("block-structure", "--version", cwd=nowhere)
    assert (shown.returncode, shown.stdout) == (0, f"block-structure {VERSION}\n")
    helped = installed.run("block-structure", "--help", cwd=nowhere)
    assert helped.returncode == 0, helped.stdout
    assert [name for name in main.list_commands(None) if f"\n  {name} " not in helped.stdout] == []


def test_installed_doctor_names_what_is_missing_and_the_command_that_brings_it(installed, nowhere):
    done = installed.run("block-structure", "doctor", "--format", "json", cwd=nowhere)
    assert done.returncode == 0, done.stdout
    report = json.loads(done.stdout)
    assert report["complete"]
    checks = {check["name"]: check for check in report["checks"]}
    own = checks["openedx_operators.block_structure"]
    assert (own["found"], own["remedy"]) == (VERSION, "")
    python = installed.bin / "python"
    assert checks["amazon.aws"]["found"] == "missing"
    assert checks["amazon.aws"]["remedy"].startswith(f"run `{python.parent}/ansible-galaxy collection install 'amazon.aws:>=")
    assert checks["extra 'report'"]["remedy"].startswith(f"run `{python}")
    assert " -m pip install gprof2dot jsonschema numpy`." in checks["extra 'report'"]["remedy"]
    table = installed.run("block-structure", "doctor", cwd=nowhere)
    assert "missing amazon.aws: missing, for creating and configuring the bucket\n" in table.stdout


def test_installed_doctor_fails_where_every_command_would(installed, nowhere):
    """Without the programs of Ansible nothing runs. The launcher would find them beside its Python, so it is left out."""
    program = "import sys; from block_structure_cli.main import main; sys.argv[1:] = ['doctor']; main()"
    done = installed.run(installed.bin / "python", "-c", program, cwd=nowhere, PATH="/nonexistent")
    assert done.returncode == 3, done.stdout
    assert "missing ansible-playbook: missing\n" in done.stdout


def test_installed_command_runs_its_playbook(installed, operator, nowhere):
    done = installed.run("block-structure", "verify", "-i", operator / "hosts.yml", cwd=nowhere)
    cause, remedy = refusal(done)
    assert (cause.removeprefix("lms1: "), remedy) == BAD_BUCKET
    assert done.returncode == 3
    assert list(nowhere.iterdir()) == []


def test_command_whose_extra_is_not_installed_names_it(installed, nowhere):
    run = ROOT / "docs" / "examples" / "after.json"
    done = installed.run("block-structure", "report", "--after", run, "--output", "page.html", cwd=nowhere)
    cause, remedy = refusal(done)
    assert done.returncode == 3
    assert cause.endswith("has no gprof2dot, jsonschema, numpy, for report and benchmark, and the pictures of profile.")
    assert remedy.endswith(" -m pip install gprof2dot jsonschema numpy`.")
