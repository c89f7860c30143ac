"""What an operator sees of a host that keeps objects for S3, and how they get there by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import FOLDER, one_waits

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
# The LMS's own keys open one prefix of one bucket.
ELSEWHERE = {
    "block_structure_storage_bucket": "example-moved",
    "block_structure_storage_access_key": "AKIAIOSFODNN7EXAMPLE",
    "block_structure_storage_secret_key": SECRET,
}
COURSE = "course-v1:SandboxX+S300+2026"
VARIABLES = ("-e", "block_structure_storage_class=resilient", "-e", f"block_structure_storage_local_dir={FOLDER}")


def test_waiting_objects_are_listed_diagnosed_and_drained(driver_of: Any, s3_faults: Any, tool: Any) -> None:
    driver = driver_of("resilient")
    with one_waits(driver, s3_faults, COURSE) as name:
        code, report, _ = tool.run("spool", *VARIABLES)
        assert code == 1
        assert [entry["name"] for entry in report["lms1"]["objects"]] == [name]

        code, report, text = tool.run("spool", "drain", *VARIABLES)
        assert code == 1, text
        assert report["lms1"]["drained"]["uploaded"] == 0
        assert "SlowDown" in report["lms1"]["drained"]["problem"]

        code, report, _ = tool.run("diagnose", *VARIABLES)
        assert code == 1
        assert "storage-spooled" in {finding["id"] for finding in report["findings"]}
        local = report["local_storage"]["lms1"]
        assert local["spool"]["waiting"] == 1
        assert local["counters"]["counts"]["spooled"] >= 1
        assert local["counters"]["counts"]["write_failed_server_error"] >= 1

    # Some other process of the LMS may be faster than we are.
    code, report, text = tool.run("spool", "drain", *VARIABLES)
    assert code == 0, (report, text)
    assert report["lms1"]["objects"] == []
    assert driver("stored", course=COURSE)


def test_objects_are_not_moved_elsewhere_while_one_waits(
    driver_of: Any, s3_faults: Any, playbooks: Any, s3_api: Any, lms: Any, tmp_path: Any
) -> None:
    """Refused before any host or bucket is changed."""
    driver = driver_of("resilient")
    before = lms.check_output("sha256sum /edx/etc/lms.yml /edx/etc/studio.yml")
    with one_waits(driver, s3_faults, COURSE):
        refused = deploy_elsewhere(playbooks, tmp_path)
        assert refused.exit_code == 2
        text = " ".join(refused.output.split())
        assert "1 object waits on this host for S3, and the upload fails: " in text
        assert f"Remedy: fix S3 and run again; or delete the files in {FOLDER}/spool, which rebuilds their courses" in text
        assert refused.changed == []
        assert driver("state")["spool"]["waiting"] == 1
    assert lms.check_output("sha256sum /edx/etc/lms.yml /edx/etc/studio.yml") == before
    assert s3_api.call("head_bucket", Bucket=ELSEWHERE["block_structure_storage_bucket"])["status"] == 404
    driver("drain")


@pytest.mark.slow
def test_what_waited_is_uploaded_then_moved_with_all_others(
    driver_of: Any, s3_faults: Any, playbooks: Any, s3_api: Any, tmp_path: Any
) -> None:
    with one_waits(driver_of("resilient"), s3_faults, COURSE) as name:
        pass
    ended = deploy_elsewhere(playbooks, tmp_path)
    assert ended.exit_code == 0, ended.output[-3000:]
    for bucket in ("example-block-structures", "example-moved"):
        names = [entry["Key"] for entry in s3_api.call("list_objects_v2", Bucket=bucket)["Contents"]]
        assert name in names
        # It is signed at both places.
        metadata = s3_api.call("head_object", Bucket=bucket, Key=name)["Metadata"]
        assert "block-structure-signature" in metadata
    back = playbooks.run("deploy")
    assert back.exit_code == 0, back.output[-3000:]


def deploy_elsewhere(playbooks: Any, tmp_path: Any) -> Any:
    """Deploy to another bucket; its secret is in a file, since Ansible shows its command line when it is verbose."""
    path = tmp_path / "variables.json"
    path.write_text(json.dumps(ELSEWHERE))
    ended = playbooks.run("deploy", "-e", f"@{path}", "-vvv")
    assert SECRET not in ended.output
    return ended
