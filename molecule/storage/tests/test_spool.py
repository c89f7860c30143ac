"""What an operator sees of a host that keeps objects for S3, and how they get there by hand."""

from __future__ import annotations

from typing import Any

from .conftest import FOLDER, one_waits

COURSE = "course-v1:SandboxX+S300+2026"
VARIABLES = ("-e", "block_structure_storage_class=resilient", "-e", f"block_structure_storage_local_dir={FOLDER}")


def test_waiting_objects_are_listed_diagnosed_and_drained(driver_of: Any, s3_faults: Any, tool: Any) -> None:
    driver = driver_of("resilient")
    with one_waits(driver, s3_faults, COURSE) as name:
        code, told, _ = tool.run("spool", *VARIABLES)
        assert code == 1
        assert [entry["name"] for entry in told["lms1"]["objects"]] == [name]

        code, told, words = tool.run("spool", "drain", *VARIABLES)
        assert code == 1, words
        assert told["lms1"]["drained"]["uploaded"] == 0
        assert "SlowDown" in told["lms1"]["drained"]["problem"]

        code, told, _ = tool.run("diagnose", *VARIABLES)
        assert code == 1
        assert "storage-spooled" in {finding["id"] for finding in told["findings"]}
        local = told["local_storage"]["lms1"]
        assert local["spool"]["waiting"] == 1
        assert local["counters"]["counts"]["spooled"] >= 1
        assert local["counters"]["counts"]["write_failed_server_error"] >= 1

    # Some other process of the LMS may be faster than we are.
    code, told, words = tool.run("spool", "drain", *VARIABLES)
    assert code == 0, (told, words)
    assert told["lms1"]["objects"] == []
    assert driver("stored", course=COURSE)
