"""What a deploy leaves behind, asked of the running systems: bucket, memcached, every course, the workers."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from block_structure.plugin_utils.settings_files import yaml_edit
from testinfra.host import Host

from ...conftest import wait_until

RELEASE = os.environ["BLOCK_STRUCTURE_SANDBOX_RELEASE"]
BUCKET = "example-block-structures"
MIB = 1024 * 1024
# What differs by release in the sandbox: -I of the live memcached, and why the largest course stays out of the cache.
EXPECTED: dict[str, dict[str, Any]] = {
    "teak": {"item_size": 3 * MIB, "uncached": "teak never caches 2m or more", "limit": 2 * MIB},
    "palm": {
        "item_size": MIB,
        "uncached": "python-memcached refuses values over 1048576 bytes before asking the server",
        "limit": MIB,
    },
}


def test_every_course_is_served_and_reports_its_tier(verified, courses) -> None:
    report = {course["key"]: course for course in verified["courses"]}
    assert sorted(report) == sorted(courses)
    for course in report.values():
        assert course["tier_when_cold"] == "storage", course
        assert course["fresh"] is True, course
        if course["bytes"] < EXPECTED[RELEASE]["limit"]:
            assert course["tier"] == "cache", course
        else:
            assert (course["tier"], course["reason"]) == ("storage", f"read from storage: {EXPECTED[RELEASE]['uncached']}")
    assert [finding["id"] for finding in verified["findings"] if finding["severity"] == "error"] == []


def test_a_learner_is_served_from_storage_when_the_cache_is_empty(learner, memcached, courses, lms: Host) -> None:
    memcached.flush()
    rows = "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
    before = lms.check_output("mariadb --batch edxapp --execute %s", rows)
    answers = learner.visit(*courses)
    assert {answer["status"] for answer in answers.values()} == {200}
    # A rebuild writes its row anew.
    assert lms.check_output("mariadb --batch edxapp --execute %s", rows) == before
    items = int(memcached.stats()["curr_items"])
    assert items >= len(courses) - 2


def test_memcached_runs_with_the_planned_flags(memcached) -> None:
    settings = memcached.stats("settings")
    assert int(settings["item_size_max"]) == EXPECTED[RELEASE]["item_size"]
    assert int(settings["maxbytes"]) == 128 * MIB
    assert memcached.host.service("memcached").is_enabled


def test_bucket_is_private_versioned_and_tls_only(s3_api) -> None:
    assert s3_api.call("get_bucket_versioning", Bucket=BUCKET)["Status"] == "Enabled"
    block = s3_api.call("get_public_access_block", Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert len(block) == 4
    ownership = s3_api.call("get_bucket_ownership_controls", Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = s3_api.call("get_bucket_encryption", Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    statements = json.loads(s3_api.call("get_bucket_policy", Bucket=BUCKET)["Policy"])["Statement"]
    assert [(entry["Effect"], entry["Condition"]) for entry in statements] == [
        ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    ]
    lifecycle = s3_api.call("get_bucket_lifecycle_configuration", Bucket=BUCKET)["Rules"]
    assert {rule["ID"] for rule in lifecycle} == {"block-structure-noncurrent", "block-structure-abort-multipart"}
    assert all(set(rule.get("Expiration", {})) <= {"ExpiredObjectDeleteMarker"} for rule in lifecycle)


def test_anonymous_access_is_refused_and_the_canary_object_is_gone(s3_api) -> None:
    names = [entry["Key"] for entry in s3_api.call("list_objects_v2", Bucket=BUCKET)["Contents"]]
    assert names
    assert all(name.startswith("block_structures/") for name in names)
    assert not any("canary" in name for name in names)
    assert s3_api.call("get_object", keys=None, Bucket=BUCKET, Key=names[0])["status"] == 403


@pytest.mark.parametrize("name", ["lms.yml", "studio.yml"])
def test_settings_files_keep_every_other_byte_owner_and_mode(lms: Host, name: str) -> None:
    original = lms.check_output("ls /edx/etc/%s.*~ | head -n 1", name).strip()
    before, after = (lms.file(path).content_string for path in (original, f"/edx/etc/{name}"))
    key = "BLOCK_STRUCTURES_SETTINGS"
    assert before != after
    assert yaml_edit.set_raw(after, key, yaml_edit.get_raw(before, key)) == before
    file = lms.file(f"/edx/etc/{name}")
    assert (file.user, file.group, file.mode) == ("edxapp", "www-data", 0o640)
    assert not lms.file("/edx/etc/.block_structure_candidate_lms.yml").exists


def test_record_and_variables_are_for_root_alone(lms: Host) -> None:
    for path in ("/edx/etc/block_structure/before.json", "/edx/etc/block_structure/edxapp_vars.yml"):
        file = lms.file(path)
        assert (file.user, file.mode) == ("root", 0o600), path


def test_a_publish_in_studio_reaches_the_bucket_by_the_lms_worker(lms: Host, s3_api, courses, learner) -> None:
    """The workers run with the new settings: nobody but them writes this object."""
    course = courses[0]
    prefix = f"block_structures/{course.replace('course-v1:', 'block-v1:')}+type@course+block@course/"

    def objects() -> int:
        return len(s3_api.call("list_objects_v2", Bucket=BUCKET, Prefix=prefix).get("Contents", []))

    before = objects()
    lms.check_output(
        "runuser -u www-data -- /edx/app/edxapp/run.sh python manage.py cms --settings=production sandbox_publish %s", course
    )
    assert wait_until(lambda: objects() > before)
    assert objects() == before + 1
    assert learner.visit(course)[course]["status"] == 200
