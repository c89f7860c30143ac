"""What holds on every host after the cure, whatever the release: another run finds nothing to do, and costs one boot."""

from __future__ import annotations


def test_check_mode_finds_nothing_to_do(playbooks) -> None:
    result = playbooks.run("deploy", "--check", "--diff")
    assert result.exit_code == 0, result.output
    assert result.changed == []


def test_another_deploy_changes_nothing_and_boots_the_lms_once(playbooks, boots) -> None:
    before = boots.count()
    result = playbooks.run("deploy")
    assert result.exit_code == 0, result.output
    assert result.changed == []
    assert boots.count() - before == 1
