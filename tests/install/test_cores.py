"""Which releases of ansible-core the collection claims, and that what is older is refused in two lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from .conftest import COLLECTION, NEWEST, OLDEST, ROOT, TOO_OLD, refusal


def series(version: str) -> str:
    """Return the release series, such as 2.19."""
    return ".".join(version.split(".")[:2])


def test_ends_of_the_claimed_range_are_what_is_tried():
    claimed = SpecifierSet(yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"])
    lowest = next(clause.version for clause in claimed if clause.operator == ">=")
    above = next(Version(clause.version) for clause in claimed if clause.operator == "<")
    assert lowest == OLDEST.version
    assert series(NEWEST.version) == f"{above.major}.{above.minor - 1}"
    assert [core.version for core in TOO_OLD if core.version in claimed] == []
    role = yaml.safe_load((ROOT / "roles/block_structure/meta/main.yml").read_text())["galaxy_info"]
    assert role["min_ansible_version"] == series(OLDEST.version)


def playbooks(clone: Path) -> list[Path]:
    """Return every playbook of a clone that an operator runs."""
    return sorted((clone / "playbooks").glob("*.yml"))


def test_every_playbook_refuses_an_ansible_core_first(clone):
    """They begin with the same play, and that one with the task that refuses (the run of one shows it, below)."""
    first = {yaml.safe_load(path.read_text())[0]["ansible.builtin.import_playbook"] for path in playbooks(clone)}
    assert first == {"common/require_hosts.yml"}
    (play,) = yaml.safe_load((clone / "playbooks/common/require_hosts.yml").read_text())
    assert play["tasks"][0]["ansible.builtin.include_tasks"].endswith("tasks/common/require_ansible.yml")


@pytest.mark.parametrize("core", TOO_OLD, ids=lambda core: core.version)
def test_ansible_core_that_is_too_old_is_refused(core, installation, clone, operator):
    """Each playbook still loads, so that its first play can refuse; the role refuses as its first task."""
    tool = installation(core)
    hosts = operator / "hosts.yml"
    loaded = tool.run("ansible-playbook", "--syntax-check", "-i", hosts, *playbooks(clone), cwd=clone)
    assert loaded.returncode == 0, loaded.stdout
    play = {"hosts": "block_structure_lms", "gather_facts": False, "roles": [f"{COLLECTION}.block_structure"]}
    (operator / "role.yml").write_text(yaml.safe_dump([play]))
    for playbook in (clone / "playbooks/deploy.yml", operator / "role.yml"):
        assert refusal(tool.run("ansible-playbook", playbook, "-i", hosts, cwd=clone)) == (
            f"ansible-core {core.version} is too old.",
            f"Remedy: install ansible-core {OLDEST.version} or later on the machine that runs ansible-playbook.",
        )
