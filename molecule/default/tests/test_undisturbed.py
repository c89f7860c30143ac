"""Learners keep asking while a deploy changes the settings: no request fails."""

from __future__ import annotations

import json

import pytest
from lib import asking
from testinfra.host import Host

from ...conftest import wait_until

CHANGED = {
    "block_structure_task_settings": {
        "course_publish_task_delay_seconds": 31,
        "task_default_retry_delay_seconds": 30,
        "task_max_retries": 5,
        "pruning_active": True,
    }
}
MASTERS = "/edx/bin/supervisorctl pid lms cms"
WORKERS = "pgrep --delimiter ' ' --parent %s,%s"
PUBLISH = "runuser -u www-data -- /edx/app/edxapp/run.sh python manage.py cms --settings=production sandbox_publish %s"


@pytest.mark.slow
def test_a_deploy_of_other_settings_fails_no_request_and_loses_no_task(lms: Host, playbooks, rows, courses) -> None:
    # Its task waits in a worker until COURSE_PUBLISH_TASK_DELAY is over, and the worker restarts meanwhile.
    course = courses[0]
    published = rows()[course]
    lms.check_output(PUBLISH, course)
    masters = lms.check_output(MASTERS).split()
    before = lms.check_output(WORKERS, *masters).split()
    with asking.Asking() as learners:
        deployed = playbooks.run("deploy", "-e", json.dumps(CHANGED))
    assert deployed.exit_code == 0, deployed.output
    assert "The workers of LMS (2) and Studio (1) are replaced without an interruption" in " ".join(deployed.output.split())
    assert {request.page for request in learners.requests} == {"outline", "blocks", "login"}
    assert [request for request in learners.requests if request.failed] == []
    # The same main processes, as many workers as before, each of them new.
    assert lms.check_output(MASTERS).split() == masters
    after = lms.check_output(WORKERS, *masters).split()
    assert len(after) == len(before) == 3
    assert not set(after) & set(before)
    assert wait_until(lambda: rows()[course] != published)
    # The other tests ask the site as the scenario deployed it.
    assert playbooks.run("deploy").exit_code == 0
