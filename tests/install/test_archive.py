"""What `ansible-galaxy collection build` makes of a clone, and what `ansible-doc` shows of it."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from .conftest import COLLECTION, NEWEST, OLDEST, ROOT, Installation


def test_archive_has_what_an_operator_runs_and_nothing_else(archive):
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert archive.name == f"{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"
    with tarfile.open(archive) as packed:
        members = packed.getmembers()
    names = {member.name for member in members}
    assert [member.name for member in members if member.issym() or member.islnk()] == []
    assert [name for name in names if {"tests", "molecule", "__pycache__", ".venv", ".cache"} & set(Path(name).parts)] == []
    tops = {Path(name).parts[0] for name in names}
    folders = {"docs", "inventory", "meta", "playbooks", "plugins", "roles"}
    files = {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "FILES.json",
        "LICENSE",
        "MANIFEST.json",
        "README.md",
        "SECURITY.md",
        "requirements.yml",
    }
    assert tops == folders | files
    for folder in ("playbooks", "plugins", "roles/block_structure/tasks", "roles/block_structure/vars"):
        ours = (path for path in (ROOT / folder).rglob("*.*") if not {"collections", "__pycache__"} & set(path.parts[:-1]))
        wanted = {str(path.relative_to(ROOT)) for path in ours if path.is_file()}
        assert wanted - names == set()


def test_dependencies_are_the_same_for_galaxy_and_for_a_clone():
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    required = yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]
    assert {entry["name"]: entry["version"] for entry in required} == galaxy


@pytest.mark.parametrize("core", [OLDEST, NEWEST], ids=lambda core: core.version)
def test_everything_is_documented(core, installation, clone):
    tool = installation(core)

    def documented(kind: str, *names: str) -> dict[str, dict]:
        done = tool.run("ansible-doc", "--json", "--type", kind, *names, cwd=clone)
        assert done.returncode == 0, done.stdout
        return json.loads(done.stdout[done.stdout.index("{") :])

    def named(folder: str) -> list[str]:
        return [f"{COLLECTION}.{path.stem}" for path in sorted((clone / "plugins" / folder).glob("[a-z]*.py"))]

    modules = documented("module", *named("modules"))
    assert [name for name in {*named("modules"), *named("action")} if not modules.get(name, {}).get("return")] == []
    assert [name for name, entry in modules.items() if not entry["doc"].get("author") or not entry["examples"]] == []
    assert {entry["doc"].get("version_added") for entry in modules.values()} == {"0.1.0"}

    listed = documented("filter", "--list", COLLECTION)
    filters = documented("filter", *listed)
    sidecars = {f"{COLLECTION}.{path.stem}" for path in (clone / "plugins/filter").glob("*.yml")}
    assert set(filters) == sidecars
    assert [name for name, entry in filters.items() if not entry["return"] or not entry["examples"]] == []

    (role,) = documented("role", f"{COLLECTION}.block_structure").values()
    specified = yaml.safe_load((ROOT / "roles/block_structure/meta/argument_specs.yml").read_text())["argument_specs"]
    assert set(role["entry_points"]) == set(specified)


def test_action_group_gives_defaults_to_its_modules(clone, tmp_path):
    """Every action and module that starts the LMS is in the group `lms`, and takes manage_argv from it."""
    group = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["lms"]
    tool = Installation(Path(sys.executable).parent, tmp_path)
    modules = [f"{COLLECTION}.{path.stem}" for path in (clone / "plugins/modules").glob("[a-z]*.py")]
    shown = json.loads(tool.run("ansible-doc", "--json", *modules, cwd=clone).stdout)
    starting = {name.rpartition(".")[2] for name, entry in shown.items() if "manage_argv" in entry["doc"].get("options", {})}
    assert starting == set(group)
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {f"group/{COLLECTION}.lms": {"manage_argv": ["/nonexistent/manage.py"], "identify": {"rows": []}}},
        "tasks": [{f"{COLLECTION}.measure": {"operations": [{"op": "runtime"}]}}],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = tool.run("ansible-playbook", "-i", "localhost,", "-c", "local", tmp_path / "play.yml", cwd=clone)
    assert "/nonexistent/manage.py" in done.stdout
