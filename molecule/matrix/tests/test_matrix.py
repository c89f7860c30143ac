"""A deployed site of any release: found out, served from storage, and switched as its row says."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from testinfra.host import Host

RELEASE = os.environ["BLOCK_STRUCTURE_SANDBOX_RELEASE"]
ROWS = "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
SWITCHES = "SELECT name FROM waffle_switch WHERE name LIKE 'block_structure.%' AND active"
BUCKET = "example-block-structures"


def database(lms: Host, query: str) -> list[str]:
    """Return what MariaDB answers, by lines."""
    return lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", query).splitlines()


@pytest.fixture(scope="module")
def found(release) -> dict[str, Any]:
    """The inventory of the sandbox names the release; here it is found out. Code between releases does not say which it is."""
    return {"block_structure_release": RELEASE if release["branch"] == "master" else None}


@pytest.fixture(scope="module")
def result(playbooks, found, tmp_path_factory) -> dict[str, Any]:
    """block_structure_result of the running site, as playbooks/verify.yml writes it."""
    path = tmp_path_factory.mktemp("verify") / "result.json"
    ended = playbooks.run("verify", "-e", json.dumps({**found, "block_structure_report_path": str(path)}))
    assert ended.exit_code == 0, ended.output
    assert ended.changed == []
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def test_the_release_is_detected_and_every_course_stored(result, courses) -> None:
    assert result["release"] == RELEASE
    report = {course["key"]: course for course in result["courses"]}
    assert sorted(report) == sorted(courses)
    assert {(course["tier_when_cold"], course["fresh"]) for course in report.values()} == {("storage", True)}
    assert [finding["id"] for finding in result["findings"] if finding["severity"] == "error"] == []
    on_kubernetes = [finding for finding in result["findings"] if finding["id"] == "pods-without-readiness"]
    assert [finding["evidence"] for finding in on_kubernetes] == ([["cms", "lms"]] if result["platform"] == "tutor_k8s" else [])


def test_switches_are_those_of_the_release(lms: Host, release) -> None:
    assert database(lms, SWITCHES) == ([release["storage_switch"]] if release["storage_switch"] else [])


def test_learners_with_an_empty_cache_are_served_without_a_rebuild(learner, memcached, courses, lms: Host) -> None:
    memcached.flush()
    before = database(lms, ROWS)
    assert len(before) == len(courses)
    assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}
    # A rebuild writes its row anew.
    assert database(lms, ROWS) == before


def test_anonymous_access_is_refused(s3_api) -> None:
    names = [entry["Key"] for entry in s3_api.call("list_objects_v2", Bucket=BUCKET)["Contents"]]
    assert names
    for name in names:
        assert s3_api.call("get_object", keys=None, Bucket=BUCKET, Key=name)["status"] == 403


def test_work_is_done_for_the_installed_release_and_for_no_other(playbooks, found, release) -> None:
    done = playbooks.run("regenerate", "-e", json.dumps(found))
    assert (done.exit_code, done.changed) == (0, []), done.output
    other = next(name for name in ("palm", "teak") if name != RELEASE)
    named = {"block_structure_release": other, "block_structure_blake2b_hashing": None}
    refused = playbooks.run("regenerate", "-e", json.dumps(named))
    assert refused.exit_code == 2, refused.output
    text = " ".join(refused.output.split())
    _, _, text = text.partition(f"block_structure_release is '{other}', and the installed platform is ")
    installed = text.partition(": it reports release line")[0]
    if release["branch"] == "master":
        # Code between releases may be several of them; the one that is installed is the newest.
        installed = installed.rpartition(" ")[2]
    assert installed == RELEASE, refused.output
