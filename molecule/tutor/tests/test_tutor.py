"""What a deploy leaves on a Tutor site of any release, asked of the running systems; and the rollback, which runs last."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

from ...conftest import wait_until

BUCKET = "example-block-structures"
MIB = 1024 * 1024
# Tutor's own memcached runs with its defaults: items over 1 MiB are not taken. Redis takes what the release gives it.
UNCACHED_BYTES = {"memcached": MIB, "redis": 512 * MIB}


def test_every_course_is_served_from_the_cache_and_stands_in_s3(verify, findings, courses, site) -> None:
    result = verify()
    report = {course["key"]: course for course in result["courses"]}
    limit = min(UNCACHED_BYTES[site.release["tutor_cache"]], site.release["cache_cap_bytes"] or 512 * MIB)
    assert sorted(report) == sorted(courses)
    for course in report.values():
        assert (course["tier_when_cold"], course["fresh"]) == ("storage", True), course
        assert course["tier"] == ("storage" if course["bytes"] >= limit else "cache"), course
    assert result["boots"] == 1
    assert findings(result) == {}


def test_a_learner_is_served_from_storage_when_the_cache_is_empty(learner, courses, lms: Host, memcached) -> None:
    rows = "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
    before = lms.check_output("mariadb --batch edxapp --execute %s", rows)
    memcached.flush()
    assert lms.check_output("redis-cli -n 1 flushdb") == "OK"
    assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}
    # A rebuild writes its row anew.
    assert lms.check_output("mariadb --batch edxapp --execute %s", rows) == before


def test_the_plugin_is_for_its_user_alone_and_tutor_has_it_enabled(lms: Host, site) -> None:
    file = lms.file(site.plugin)
    assert (file.user, file.group, file.mode) == ("tutor", "tutor", 0o600)
    assert "block_structure" in site.tutor("config", "printvalue", "PLUGINS")
    assert lms.check_output("find /tmp -maxdepth 1 -name 'block_structure.*'") == ""


def test_lms_studio_and_workers_were_restarted_on_it(site, s3_api, courses, learner) -> None:
    """The worker runs with the new settings: nobody but it writes this object after a publish in Studio."""
    prefix = f"block_structures/{courses[0].replace('course-v1:', 'block-v1:')}+type@course+block@course/"

    def objects() -> int:
        return len(s3_api.call("list_objects_v2", Bucket=BUCKET, Prefix=prefix).get("Contents", []))

    before = objects()
    site.manage("cms", "sandbox_publish", courses[0])
    assert wait_until(lambda: objects() > before)
    assert objects() == before + 1
    assert learner.visit(courses[0])[courses[0]]["status"] == 200


@pytest.mark.usefixtures("rollback")
def test_nothing_of_the_plugin_is_left(lms: Host, site, secrets) -> None:
    assert not lms.file(site.plugin).exists
    assert "block_structure" not in site.tutor("config", "printvalue", "PLUGINS")
    for secret in secrets:
        assert lms.run("grep --recursive --files-with-matches %s /home/tutor /etc/block_structure /tmp", secret).stdout == ""


@pytest.mark.usefixtures("rollback")
def test_structures_on_a_pods_own_disk_are_reported(playbooks, tmp_path, site) -> None:
    """By verify and by diagnose; where storage is always on, and Tutor gives pods no disk that they share."""
    for name in ("verify", "diagnose"):
        path = tmp_path / f"{name}.json"
        playbooks.run(name, "-e", f"block_structure_report_path={path}")
        report = {finding["id"]: finding["message"] for finding in json.loads(path.read_text())["findings"]}
        assert ("pod-disk" in report) is (site.platform == "tutor_k8s" and not site.release["storage_switch"])
