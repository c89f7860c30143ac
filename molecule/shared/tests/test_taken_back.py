"""The rollback puts back what the first deploy found. It runs last: afterwards the site is stock again."""

from __future__ import annotations

import os

import pytest
from testinfra.host import Host

RELEASE = os.environ["BLOCK_STRUCTURE_SANDBOX_RELEASE"]


@pytest.fixture(scope="module")
def rollback(playbooks):
    """Foretell and then do the rollback; yields (foretold, done)."""
    foretold = playbooks.run("rollback", "--check", "--diff")
    assert foretold.exit_code == 0, foretold.output
    done = playbooks.run("rollback", "--diff")
    assert done.exit_code == 0, done.output
    return foretold, done


def test_check_mode_foretells_the_rollback(rollback) -> None:
    foretold, done = rollback
    assert done.changed
    assert foretold.changed == done.changed


@pytest.mark.usefixtures("rollback")
@pytest.mark.parametrize("name", ["lms.yml", "studio.yml"])
def test_settings_are_what_the_first_deploy_found(lms: Host, name: str) -> None:
    oldest = lms.check_output("ls -tr /edx/etc/%s.*~ | head -n 1", name).strip()
    assert lms.run("cmp %s /edx/etc/%s", oldest, name).rc == 0


@pytest.mark.usefixtures("rollback")
@pytest.mark.skipif(
    "BLOCK_STRUCTURE_SANDBOX_GC_THRESHOLDS" not in os.environ, reason="this scenario leaves the collector alone"
)
def test_hooks_are_gone_from_files_and_workers(lms: Host) -> None:
    for name in ("lms_gunicorn.py", "edxapp_env"):
        oldest = lms.check_output("ls -tr /edx/app/edxapp/%s.*~ | head -n 1", name).strip()
        assert lms.run("cmp %s /edx/app/edxapp/%s", oldest, name).rc == 0
    assert not lms.file("/edx/app/edxapp/block_structure").exists
    # What a live worker was started with. Root in a container may not read it, the worker's own user may.
    for pid in lms.check_output("pgrep --parent $(/edx/bin/supervisorctl pid lms)").split():
        assert "block_structure" not in lms.check_output("runuser -u www-data -- cat /proc/%s/environ", pid)


@pytest.mark.usefixtures("rollback")
def test_memcached_runs_with_its_former_flags(memcached) -> None:
    settings = memcached.stats("settings")
    assert (settings["maxbytes"], settings["item_size_max"]) == (str(64 * 1024 * 1024), str(1024 * 1024))


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
def test_site_serves(lms: Host, learner, courses) -> None:
    for port in (8000, 8010):
        url = f"http://127.0.0.1:{port}/heartbeat"
        status = lms.check_output("curl --silent --output /dev/null --write-out '%%{http_code}' %s", url)
        assert status == "200"
    assert learner.visit(courses[0])[courses[0]]["status"] == 200


@pytest.mark.usefixtures("rollback")
def test_another_rollback_has_nothing_to_do_and_says_so(playbooks, boots) -> None:
    before = boots.count()
    again = playbooks.run("rollback")
    assert again.exit_code == 0, again.output
    assert again.changed == []
    assert "so no deploy to take back; nothing is changed." in " ".join(again.output.split())
    assert boots.count() == before
