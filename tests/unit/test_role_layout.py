"""The tasks tree: one order of a deploy, the same files for every platform, no broken path."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from .conftest import ROLE, ROOT

TASKS = ROLE / "tasks"
# The steps of playbooks/deploy.yml that tasks/main.yml does not need: one host is contacted by its first task.
ONLY_ACROSS_HOSTS = ["common/check_reachable"]
# What runs a step while the run holds the site.
HOLDING = "common/step"
# Playbooks that change a site, and the step at which each begins to.
CHANGING = {
    "deploy": "deploy/reinstall_package",
    "rollback": "rollback/inspect",
    "move": "deploy/bucket",
    "regenerate": "operate/regenerate",
    "prune": "operate/prune",
}


def steps(playbook: str) -> list[tuple[str, list[str], bool]]:
    """Return (step, tags, whether the run holds the site meanwhile) of the plays of a playbook, in their order."""
    plays: list[dict[str, Any]] = yaml.safe_load((ROOT / f"playbooks/{playbook}.yml").read_text())
    found = []
    for play in plays:
        for task in play.get("tasks", []):
            named = task["ansible.builtin.include_role"]["tasks_from"]
            step = task["vars"]["__block_structure_step"] if named == HOLDING else named
            found.append((step, play.get("tags", []), named == HOLDING))
    return [entry for entry in found if entry[0] not in ONLY_ACROSS_HOSTS]


def test_role_and_playbook_deploy_in_the_same_order_under_the_same_tags():
    main: list[dict[str, Any]] = yaml.safe_load((TASKS / "main.yml").read_text())
    found = []
    for task in main:
        included = task["ansible.builtin.include_tasks"]
        assert included["apply"]["tags"] == task["tags"]
        file = included["file"].removesuffix(".yml")
        found.append((task["vars"]["__block_structure_step"] if file == HOLDING else file, task["tags"], file == HOLDING))
    assert found == steps("deploy")


@pytest.mark.parametrize("playbook", CHANGING)
def test_every_step_that_changes_the_site_runs_while_it_is_held(playbook):
    found = [(step, held) for step, _, held in steps(playbook)]
    names = [step for step, _ in found]
    begins = names.index(CHANGING[playbook])
    assert {held for step, held in found[begins:] if step != "common/release_site"} == {True}
    # It is given up at the end: by a play of its own, or by the last step.
    text = (ROOT / f"playbooks/{playbook}.yml").read_text()
    assert names[-1] == "common/release_site" or "__block_structure_last: true" in text


def test_every_platform_has_the_same_files():
    files = {folder.name: sorted(path.name for path in folder.iterdir()) for folder in (TASKS / "platform").iterdir()}
    assert files["native"] == files["tutor"]


@pytest.mark.parametrize("path", sorted(TASKS.rglob("*.yml")), ids=lambda path: str(path.relative_to(TASKS)))
def test_every_included_file_is_named_from_the_roots_of_the_role_and_exists(path):
    """Ansible searches a bare name in the caller's directory first, so it could include another file."""
    for named in re.findall(r"include_tasks: (.+)$", path.read_text(), re.MULTILINE):
        target = named.strip("\"'").replace("{{ role_path }}/tasks/", "")
        assert target != named.strip("\"'") or target.startswith("{{ __block_structure_platform_tasks }}/")
        target = target.replace("{{ __block_structure_platform_tasks }}", "platform/native")
        target = target.replace("{{ __block_structure_platform['tasks'] }}", "native")
        if "{{ __block_structure_step }}" in target:  # named by the playbooks
            continue
        assert (TASKS / target).is_file(), named


@pytest.mark.parametrize("playbook", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_every_playbook_refuses_an_inventory_without_an_lms_first(playbook):
    plays = yaml.safe_load(playbook.read_text())
    assert plays[0]["ansible.builtin.import_playbook"] == "common/require_hosts.yml"
