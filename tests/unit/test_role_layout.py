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


def deploy_playbook() -> list[tuple[str, list[str]]]:
    """Return (step, tags) of the plays of playbooks/deploy.yml, in their order."""
    plays: list[dict[str, Any]] = yaml.safe_load((ROOT / "playbooks/deploy.yml").read_text())
    return [
        (task["ansible.builtin.include_role"]["tasks_from"], play["tags"])
        for play in plays
        for task in play.get("tasks", [])
        if task["ansible.builtin.include_role"]["tasks_from"] not in ONLY_ACROSS_HOSTS
    ]


def test_role_and_playbook_deploy_in_the_same_order_under_the_same_tags():
    main: list[dict[str, Any]] = yaml.safe_load((TASKS / "main.yml").read_text())
    steps = []
    for task in main:
        included = task["ansible.builtin.include_tasks"]
        assert included["apply"]["tags"] == task["tags"]
        steps.append((included["file"].removesuffix(".yml"), task["tags"]))
    assert steps == deploy_playbook()


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
        assert (TASKS / target).is_file(), named


@pytest.mark.parametrize("playbook", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_every_playbook_refuses_an_inventory_without_an_lms_first(playbook):
    plays = yaml.safe_load(playbook.read_text())
    assert plays[0]["ansible.builtin.import_playbook"] == "common/require_hosts.yml"
