"""Each step of an upgrade: prepared on the old release, switched, served as before, and tidied by the next deploy.

About 25 minutes on a busy machine, so it is run by `make test-all` and not by `make test`.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from ...conftest import switch_release

ROOT = Path(__file__).resolve().parents[3]
RELEASES = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
PATH = ("palm", "sumac", "teak", "verawood")
STEPS = list(pairwise(PATH))
# Settings of a site on palm, as recipes of that time have them: keyword arguments that later releases refuse, and a slash
# at the front, with which nothing is stored.
LEGACY = {
    "COURSE_PUBLISH_TASK_DELAY": 30,
    "TASK_DEFAULT_RETRY_DELAY": 30,
    "TASK_MAX_RETRIES": 5,
    "PRUNING_ACTIVE": True,
    "STORAGE_CLASS": "storages.backends.s3boto3.S3Boto3Storage",
    "DIRECTORY_PREFIX": "/courses/",
    "STORAGE_KWARGS": {
        "bucket": "example-block-structures",
        "AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE",
        "endpoint_url": "https://s3:5000",
    },
}
ROWS = "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
SWITCHES = "SELECT name, active FROM waffle_switch WHERE name LIKE 'block_structure.%' ORDER BY 1"
INVALIDATE = "block_structure.invalidate_cache_on_publish"
RAISE = "block_structure.raise_error_when_not_found"


def database(lms: Host, query: str) -> list[str]:
    """Return what MariaDB answers, by lines."""
    return lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", query).splitlines()


def manage(lms: Host, *message: str) -> None:
    """Run a command of the LMS."""
    lms.check_output(
        "runuser -u www-data -- /edx/app/edxapp/run.sh python manage.py lms --settings=production " + " ".join(message)
    )


def switch(release: str, path: Path, variables: str) -> None:
    """Install another release on the host, with variables of the configuration playbooks as YAML text."""
    path.write_text(variables)
    switch_release(release, "-e", f"@{path}")


def kept(lms: Host) -> str:
    """Return the variables that the role keeps for the edxapp play."""
    return str(lms.file("/edx/etc/block_structure/edxapp_vars.yml").content_string)


def hashing(*releases: str) -> dict[str, Any]:
    """Return the variable that the containers' OpenSSL, which has no md4, makes needful on some releases."""
    return {"block_structure_blake2b_hashing": True} if any(RELEASES[name]["blake2b_feature"] for name in releases) else {}


def deploy(playbooks, tmp_path: Path, **variables: Any) -> dict[str, Any]:
    """Deploy, and return block_structure_result with what the run changed under `tasks`."""
    report = tmp_path / "result.json"
    own = {"block_structure_release": None, "block_structure_report_path": str(report), **variables}
    ended = playbooks.run("deploy", "-e", json.dumps(own))
    assert ended.exit_code == 0, ended.output[-4000:]
    reported: dict[str, Any] = json.loads(report.read_text())
    return {**reported, "tasks": ended.changed}


def fields(reported: dict[str, Any]) -> list[str]:
    """Return the names of the switches and of the row's fields that a deploy changed, and whether it generated."""
    return [change["field"] for change in reported["changes"] if "/" not in change["field"]]


def switches_of(release: str) -> list[str]:
    """Return the switches, as the database has them, of a deployed site of a release: those that it reads, and no other."""
    row = RELEASES[release]
    return [f"{name}\t{int(name == row['storage_switch'])}" for name in sorted(row["switches"]) if name != RAISE]


def assert_served_without_a_rebuild(lms: Host, learner, memcached, courses: list[str]) -> None:
    """Every course answers, with the cache as the switch left it and with an empty one, and no structure is collected anew."""
    before = database(lms, ROWS)
    assert len(before) == len(courses)
    for _cache in ("as it is", "empty"):
        assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}
        memcached.flush()
    assert database(lms, ROWS) == before


def test_a_site_as_recipes_made_it_stores_nothing(tmp_path, lms: Host, learner, courses) -> None:
    switch(PATH[0], tmp_path / "variables.yml", json.dumps({"EDXAPP_BLOCK_STRUCTURES_SETTINGS": LEGACY}))
    manage(lms, "waffle_switch", INVALIDATE, "on", "--create")
    manage(lms, "waffle_switch", RAISE, "off", "--create")
    assert learner.visit(courses[0])[courses[0]]["status"] == 200
    assert database(lms, ROWS) == []


def test_a_later_release_is_refused_unless_an_upgrade_is_prepared(playbooks) -> None:
    refused = playbooks.run("deploy", "-e", json.dumps({"block_structure_release": PATH[1]}))
    assert refused.exit_code == 2
    message = " ".join(refused.output.split())
    assert (
        f"block_structure_release is '{PATH[1]}', and the installed platform is {PATH[0]}: it reports release line" in message
    )
    assert "to prepare an upgrade to it set block_structure_prepare_upgrade to true." in message
    assert refused.changed == []


@pytest.mark.parametrize(("previous", "release"), STEPS)
def test_step(playbooks, tmp_path, lms: Host, learner, memcached, courses, previous: str, release: str) -> None:
    """Prepared on the previous release, switched, cleaned up on the new one; learners are served from storage after each."""
    wanted = {"block_structure_release": release, "block_structure_prepare_upgrade": True, **hashing(previous, release)}
    prepared = deploy(playbooks, tmp_path, **wanted)
    assert prepared["release"] == previous
    # Only the first deploy has anything to generate.
    assert bool(prepared["generated"]) == (previous == PATH[0])
    assert database(lms, SWITCHES) == switches_of(previous)
    assert_served_without_a_rebuild(lms, learner, memcached, courses)

    # With the old keyword arguments nothing would start; without what was stored every course would be rebuilt.
    switch(release, tmp_path / "variables.yml", kept(lms))
    assert_served_without_a_rebuild(lms, learner, memcached, courses)

    tidied = deploy(playbooks, tmp_path, **hashing(release))
    assert tidied["release"] == release
    gone = [name for name in RELEASES[previous]["switches"] if name in RELEASES[release]["inert_switches"] and name != RAISE]
    assert [name for name in fields(tidied) if name.startswith("switch ")] == [f"switch {name}" for name in sorted(gone)]
    assert database(lms, SWITCHES) == switches_of(release)
    assert tidied["generated"] == []
    assert {(course["tier_when_cold"], course["fresh"]) for course in tidied["courses"]} == {("storage", True)}


def test_at_the_end_nothing_is_left_to_do(playbooks, tmp_path) -> None:
    assert deploy(playbooks, tmp_path, **hashing(PATH[-1]))["tasks"] == []
