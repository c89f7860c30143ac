"""What a rollback leaves of a native installation: its files, workers and memcached, as the first deploy found them."""

from __future__ import annotations

import os

import pytest
from testinfra.host import Host


@pytest.mark.usefixtures("rollback")
def test_settings_are_what_the_first_deploy_found(lms: Host, release) -> None:
    for name in ("lms", "cms") if release["studio_reads_settings"] else ("lms",):
        path = release["config_files"][name]
        oldest = lms.check_output("ls -tr %s.*~ | head -n 1", path).strip()
        assert lms.run("cmp %s %s", oldest, path).rc == 0, path


@pytest.mark.usefixtures("rollback")
@pytest.mark.skipif(
    "BLOCK_STRUCTURE_SANDBOX_RUNTIME_COLLECTOR" not in os.environ, reason="this scenario leaves the workers alone"
)
def test_hooks_are_gone_from_files_and_workers(lms: Host) -> None:
    for name in ("lms_gunicorn.py", "edxapp_env"):
        oldest = lms.check_output("ls -tr /edx/app/edxapp/%s.*~ | head -n 1", name).strip()
        assert lms.run("cmp %s /edx/app/edxapp/%s", oldest, name).rc == 0
    assert not lms.file("/edx/app/edxapp/block_structure").exists
    # Celery was started anew. Root in a container may not read its environment, its own user may.
    for pid in lms.check_output("pgrep --parent $(/edx/bin/supervisorctl pid edxapp_worker:lms_default_1)").split():
        assert "block_structure" not in lms.check_output("runuser -u www-data -- cat /proc/%s/environ", pid)
    # gunicorn's main process may be the same, whose environment nothing in it reads; its workers are of the file as it is now.
    changed = int(lms.check_output("stat --format=%Z /edx/app/edxapp/lms_gunicorn.py"))
    now = float(lms.check_output("date +%s.%N"))
    for pid in lms.check_output("pgrep --parent $(/edx/bin/supervisorctl pid lms)").split():
        assert now - int(lms.check_output("ps --format etimes= --pid %s", pid)) >= changed


@pytest.mark.usefixtures("rollback")
def test_memcached_runs_with_its_previous_flags(memcached) -> None:
    settings = memcached.stats("settings")
    assert (settings["maxbytes"], settings["item_size_max"]) == (str(64 * 1024 * 1024), str(1024 * 1024))


@pytest.mark.usefixtures("rollback")
def test_lms_and_studio_answer(lms: Host) -> None:
    for port in (8000, 8010):
        url = f"http://127.0.0.1:{port}/heartbeat"
        status = lms.check_output("curl --silent --output /dev/null --write-out '%%{http_code}' %s", url)
        assert status == "200"


@pytest.mark.usefixtures("rollback")
def test_no_copy_of_the_settings_with_a_secret_stays(lms: Host, secrets) -> None:
    for secret in secrets:
        assert lms.run("grep --recursive --files-with-matches --fixed-strings %s /edx/etc", secret).stdout == ""


@pytest.mark.usefixtures("rollback")
def test_no_learner_waits_for_a_rebuild_where_the_site_had_a_storage(lms: Host, release, learner, courses, memcached) -> None:
    """The rollback copied the objects there, by the names that the rows have."""
    if release["storage_switch"]:
        pytest.skip("before the deploy this release read no storage; the rollback says that courses are rebuilt")
    memcached.flush()
    rows = "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
    before = lms.check_output("mariadb --batch edxapp --execute %s", rows)
    assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}
    assert lms.check_output("mariadb --batch edxapp --execute %s", rows) == before
