"""What the cure leaves on a Tutor site, asked of the running systems; then faults, and the rollback, which runs last."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import Any

import pytest
from testinfra.host import Host

BUCKET = "example-block-structures"
PLUGIN = "/home/tutor/.local/share/tutor-plugins/block_structure.yml"
ENVIRONMENT = "/home/tutor/.local/share/tutor/env"
SECRET = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"
REDIS = "redis-cli -n 1"


def tutor(lms: Host, *words: str) -> str:
    """Return what the real Tutor answers its user."""
    return lms.check_output("runuser --login tutor --command 'exec tutor \"$@\"' -- sh " + " ".join(words)).strip()


def set_redis(lms: Host, **options: str) -> None:
    """Change options of the running Redis, as redis.conf would have set them."""
    for name, value in options.items():
        assert lms.check_output("redis-cli config set %s %s", name.replace("_", "-"), value) == "OK"


@pytest.fixture(scope="module")
def verify(playbooks, tmp_path_factory):
    """Return a function that runs playbooks/verify.yml and returns block_structure_result."""

    def run(*arguments: str) -> dict[str, Any]:
        path = tmp_path_factory.mktemp("verify") / "result.json"
        ended = playbooks.run("verify", "-e", f"block_structure_report_path={path}", *arguments)
        assert ended.exit_code == 0, ended.output
        assert ended.changed == []
        told: dict[str, Any] = json.loads(path.read_text())
        return told

    return run


@pytest.fixture(scope="module")
def result(verify, lms):
    """What the running site says of itself, with a Redis that Tutor's own redis.conf makes: 4 GB, allkeys-lru."""
    set_redis(lms, maxmemory="4gb", maxmemory_policy="allkeys-lru")
    return verify()


@pytest.fixture(scope="module")
def visitor(learner):
    """A learner, by the name that Tutor's ALLOWED_HOSTS has."""
    return replace(learner, address="http://lms.example.com:8000")


def findings(told: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with the site; the keys of the sandbox's inventory are in the open on purpose."""
    wrong = [found for found in told["findings"] if found["severity"] != "info"]
    return {found["id"]: found["message"] for found in wrong if found["id"] != "secret-in-plain-inventory"}


def test_every_course_is_served_from_redis_and_stands_in_s3(result, courses) -> None:
    told = {course["key"]: course for course in result["courses"]}
    assert sorted(told) == sorted(courses)
    for course in told.values():
        assert (course["tier_when_cold"], course["fresh"]) == ("storage", True), course
        uncached = course["bytes"] >= 2 * 1024 * 1024
        assert course["tier"] == ("storage" if uncached else "cache"), course
    assert result["boots"] == 1
    assert findings(result) == {}


def test_a_learner_is_served_from_storage_when_redis_is_empty(visitor, courses, lms: Host) -> None:
    rows = "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
    before = lms.check_output("mariadb --batch edxapp --execute %s", rows)
    assert lms.check_output(f"{REDIS} flushdb") == "OK"
    assert {answer["status"] for answer in visitor.visit(*courses).values()} == {200}
    # A rebuild writes its row anew.
    assert lms.check_output("mariadb --batch edxapp --execute %s", rows) == before
    assert int(lms.check_output(f"{REDIS} dbsize")) >= len(courses) - 1


def test_the_plugin_is_for_its_user_alone_and_tutor_has_it_enabled(lms: Host) -> None:
    file = lms.file(PLUGIN)
    assert (file.user, file.group, file.mode) == ("tutor", "tutor", 0o600)
    assert "block_structure" in tutor(lms, "config", "printvalue", "PLUGINS")
    assert lms.check_output("find /tmp -maxdepth 1 -name 'block_structure.*'") == ""


def test_lms_studio_and_workers_were_restarted_on_it(lms: Host, s3_api, courses, visitor) -> None:
    """The worker runs with the new settings: nobody but it writes this object after a publish in Studio."""
    prefix = f"block_structures/{courses[0].replace('course-v1:', 'block-v1:')}+type@course+block@course/"

    def objects() -> int:
        return len(s3_api.call("list_objects_v2", Bucket=BUCKET, Prefix=prefix).get("Contents", []))

    before = objects()
    lms.check_output(
        "runuser --login tutor --command 'exec \"$@\"' -- sh docker compose --project-name tutor_local exec -T cms"
        " ./manage.py cms sandbox_publish %s",
        courses[0],
    )
    deadline = time.monotonic() + 90
    while objects() == before and time.monotonic() < deadline:
        time.sleep(3)
    assert objects() == before + 1
    assert visitor.visit(courses[0])[courses[0]]["status"] == 200


def test_a_redis_that_is_too_small_or_evicts_nothing_is_told(verify, lms: Host) -> None:
    set_redis(lms, maxmemory="20mb", maxmemory_policy="noeviction")
    try:
        told = findings(verify())
    finally:
        set_redis(lms, maxmemory="4gb", maxmemory_policy="allkeys-lru")
    assert told["redis-small"].startswith("Redis holds at most 20 MiB (maxmemory), and structures with everything else need ")
    assert "Remedy: set `maxmemory " in told["redis-small"]
    assert told["redis-policy"] == (
        "The maxmemory-policy of Redis is noeviction: it refuses to write once it is full.\n"
        "Remedy: set `maxmemory-policy allkeys-lru` by Tutor's patch redis-conf."
    )


def state(lms: Host) -> tuple[str, str, str]:
    """Return what must be as before after a refusal: plugin, rendered settings, when the LMS was started."""
    sums = f"sha256sum {PLUGIN} {ENVIRONMENT}/apps/openedx/settings/*/production.py"
    return (lms.check_output(sums), tutor(lms, "config", "printvalue", "PLUGINS"), lms.check_output("supervisorctl pid lms"))


def said(ended: Any) -> str:
    return " ".join(ended.output.split())


def test_a_candidate_that_does_not_boot_changes_nothing(playbooks, lms: Host) -> None:
    before = state(lms)
    ended = playbooks.run("deploy", "-e", "block_structure_storage_class=example.storages.NoSuchStorage")
    assert ended.exit_code != 0
    assert "The LMS does not start: ModuleNotFoundError: No module named 'example'" in said(ended)
    assert state(lms) == before
    assert lms.check_output("find /tmp -maxdepth 1 -name 'block_structure.*'") == ""


def test_an_environment_rendered_without_the_plugin_is_rendered_again(playbooks, lms: Host, verify) -> None:
    """Somebody rendered while the plugin was away: file and list are right, and what the LMS reads is not."""
    lms.check_output("mv %s /root/plugin.yml", PLUGIN)
    tutor(lms, "config", "save")
    lms.check_output("mv /root/plugin.yml %s", PLUGIN)
    foretold = playbooks.run("deploy", "--check")
    done = playbooks.run("deploy")
    assert (foretold.exit_code, done.exit_code) == (0, 0), done.output
    assert done.changed
    assert foretold.changed == done.changed
    assert findings(verify()) == {}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            "block_structure_release=sumac",
            (
                "block_structure_release is 'sumac', which Tutor 19 installs, and this host has Tutor 20.0.5, "
                "which installs teak. "
                "Remedy: name the installed release, or correct block_structure_tutor_command."
            ),
        ),
        (
            "block_structure_tutor_command=tutr",
            (
                "tutr: not found Remedy: correct block_structure_tutor_command, block_structure_tutor_user or "
                "block_structure_tutor_root."
            ),
        ),
        (
            "block_structure_tutor_root=/home/tutor/elsewhere",
            "fails: Error: Project root does not exist.",
        ),
        (
            "block_structure_memcached_memory_mb=256",
            (
                "block_structure_memcached_memory_mb is set, and the cache of Tutor 20 (teak) is Redis, which it does "
                "not reach. "
                "Remedy: remove it; size Redis by Tutor's patch redis-conf (docs/tutor.md)."
            ),
        ),
    ],
)
def test_a_wrong_combination_is_refused_before_anything_is_touched(playbooks, boots, variables: str, words: str) -> None:
    before = boots.count()
    ended = playbooks.run("deploy", "-e", variables)
    assert ended.exit_code != 0
    assert words in said(ended)
    assert ended.changed == []
    assert boots.count() == before


def test_a_site_that_does_not_run_is_refused(playbooks, lms: Host) -> None:
    lms.check_output("supervisorctl stop lms")
    try:
        ended = playbooks.run("verify")
    finally:
        lms.check_output("supervisorctl start lms")
    assert ended.exit_code != 0
    assert 'service "lms" is not running' in said(ended)
    assert "start`, as the user that block_structure_tutor_user names." in said(ended)


@pytest.fixture(scope="module")
def rollback(playbooks):
    """Foretell and then do the rollback; yields (foretold, done)."""
    foretold = playbooks.run("rollback", "--check", "--diff")
    assert foretold.exit_code == 0, foretold.output
    done = playbooks.run("rollback", "--diff")
    assert done.exit_code == 0, done.output
    return foretold, done


def test_check_mode_foretells_the_rollback_and_shows_no_secret(rollback) -> None:
    foretold, done = rollback
    assert done.changed
    assert foretold.changed == done.changed
    assert SECRET not in foretold.output + done.output


@pytest.mark.usefixtures("rollback")
def test_nothing_of_the_plugin_is_left(lms: Host) -> None:
    assert not lms.file(PLUGIN).exists
    assert "block_structure" not in tutor(lms, "config", "printvalue", "PLUGINS")
    assert lms.run("grep --recursive --files-with-matches %s /home/tutor /etc/block_structure /tmp", SECRET).stdout == ""


@pytest.mark.usefixtures("rollback")
def test_the_site_serves_as_before_and_the_bucket_keeps_its_objects(visitor, courses, lms: Host, s3_api) -> None:
    assert visitor.visit(courses[0])[courses[0]]["status"] == 200
    newest = "SELECT cache_timeout_in_seconds, num_versions_to_keep FROM block_structure_config ORDER BY id DESC LIMIT 1"
    assert lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", newest).split() == ["86400", "5"]
    assert s3_api.call("list_objects_v2", Bucket=BUCKET)["Contents"]


@pytest.mark.usefixtures("rollback")
@pytest.mark.skipif(os.environ.get("BLOCK_STRUCTURE_SANDBOX_PLATFORM") != "tutor_k8s", reason="pods are Kubernetes'")
def test_structures_on_a_pods_own_disk_are_told(playbooks) -> None:
    ended = playbooks.run("verify")
    assert "each pod keeps its structures on its own disk" in said(ended)
