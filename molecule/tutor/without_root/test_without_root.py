"""The role as the user who runs tutor, with no right to become root but for docker: deployed, verified, and rolled back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

ROOT = "/home/tutor/.local/share/tutor"
# What an inventory sets where Ansible connects as that user. Here it connects as root, and becomes that user for every task.
AS_USER = json.dumps({"ansible_become_user": "tutor", "block_structure_tutor_user": "", "block_structure_state_dir": None})


@pytest.fixture(scope="module")
def before(lms: Host) -> str:
    """The rendered settings of the stock site."""
    return settings(lms)


def settings(lms: Host) -> str:
    """Return a digest of the rendered settings."""
    return lms.check_output(f"sha256sum {ROOT}/env/apps/openedx/settings/*/production.py")


@pytest.fixture(scope="module")
def deployed(playbooks, before: str) -> Any:
    """The deploy."""
    assert before
    ended = playbooks.run("deploy", "-e", AS_USER)
    assert ended.exit_code == 0, ended.output
    return ended


@pytest.mark.usefixtures("deployed")
def test_what_the_role_keeps_belongs_to_the_user(lms: Host) -> None:
    record = lms.file(f"{ROOT}/block_structure/before.json")
    assert (record.user, record.mode) == ("tutor", 0o600)
    plugin = lms.file("/home/tutor/.local/share/tutor-plugins/block_structure.yml")
    assert (plugin.user, plugin.mode) == ("tutor", 0o600)
    assert lms.check_output(f"find {ROOT} /home/tutor/.local/share/tutor-plugins -user root -path '*block_structure*'") == ""
    assert not lms.file("/edx/etc/block_structure").exists


@pytest.mark.usefixtures("deployed")
def test_every_course_is_served_from_storage_when_cold(playbooks, tmp_path, courses, findings) -> None:
    path = tmp_path / "result.json"
    ended = playbooks.run("verify", "-e", AS_USER, "-e", f"block_structure_report_path={path}")
    assert ended.exit_code == 0, ended.output
    result = json.loads(path.read_text())
    assert sorted(course["key"] for course in result["courses"]) == sorted(courses)
    assert {course["tier_when_cold"] for course in result["courses"]} == {"storage"}
    assert findings(result) == {}


@pytest.mark.usefixtures("deployed")
def test_rolled_back_the_settings_are_as_before(playbooks, lms: Host, before: str) -> None:
    ended = playbooks.run("rollback", "-e", AS_USER)
    assert ended.exit_code == 0, ended.output
    assert settings(lms) == before
    assert not lms.file(f"{ROOT}/block_structure/before.json").exists
