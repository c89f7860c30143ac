"""What holds on every deployed host, whatever the release: another run finds nothing to do, and starts the LMS once."""

from __future__ import annotations


def test_check_mode_finds_nothing_to_do(playbooks) -> None:
    result = playbooks.run("deploy", "--check", "--diff")
    assert result.exit_code == 0, result.output
    assert result.changed == []


def test_another_deploy_changes_nothing_and_boots_the_lms_once(idempotence, boots) -> None:
    assert (idempotence["changed"], idempotence["failed"]) == ([], [])
    assert boots.during(idempotence) == 1
