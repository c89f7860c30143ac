"""The rollback puts back what the first deploy found, on any platform. It runs last: afterwards the site is stock again."""

from __future__ import annotations

import pytest
from testinfra.host import Host


def test_check_mode_predicts_the_rollback_and_shows_no_secret(rollback, secrets) -> None:
    predicted, done = rollback
    assert done.changed
    assert predicted.changed == done.changed
    assert [secret for secret in secrets if secret in predicted.output + done.output] == []


@pytest.mark.usefixtures("rollback")
def test_switches_and_row_are_back(lms: Host) -> None:
    query = "SELECT COUNT(*) FROM waffle_switch WHERE name LIKE 'block_structure.%'"
    assert lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", query) == "0"
    newest = "SELECT cache_timeout_in_seconds, num_versions_to_keep FROM block_structure_config ORDER BY id DESC LIMIT 1"
    row = lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", newest)
    assert row.split() == ["86400", "5"]


@pytest.mark.usefixtures("rollback")
def test_bucket_keeps_its_objects(s3_api) -> None:
    assert s3_api.call("list_objects_v2", Bucket="example-block-structures")["Contents"]


@pytest.mark.usefixtures("rollback")
def test_a_learner_is_served(learner, courses) -> None:
    assert learner.visit(courses[0])[courses[0]]["status"] == 200


@pytest.mark.usefixtures("rollback")
def test_another_rollback_has_nothing_to_do_and_says_so(playbooks, boots) -> None:
    before = boots.count()
    again = playbooks.run("rollback")
    assert again.exit_code == 0, again.output
    assert again.changed == []
    assert "so there is no deploy to roll back; nothing is changed." in " ".join(again.output.split())
    assert boots.count() == before
