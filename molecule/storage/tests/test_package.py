"""The package on the host: an upgrade of the platform loses it, a rollback takes it away."""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .conftest import FOLDER, IMPORT, PYTHON, one_waits

COURSE = "course-v1:SandboxX+S120+2026"


def test_a_deploy_brings_the_class_into_a_new_environment(lms: Host, playbooks: Any, learner: Any, courses: list[str]) -> None:
    root = lms.check_output(f"{PYTHON} -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'")
    lms.check_output(f"rm -r {root}/block_structure_storage*")
    assert lms.run(IMPORT).rc != 0
    without = playbooks.run("verify")
    assert without.exit_code != 0
    assert "Remedy: run openedx_operators.block_structure.deploy, which reinstalls the class." in " ".join(
        without.output.split()
    )
    ended = playbooks.run("deploy")
    assert ended.exit_code == 0, ended.output[-3000:]
    # Without the name of the role, which depends on how it is installed.
    tasks = [change["task"].rpartition(" : ")[2] for change in ended.changed]
    assert tasks == ["native | install_package | Install the storage class for the LMS"]
    assert lms.run(IMPORT).rc == 0
    assert learner.visit(courses[0])[courses[0]]["status"] == 200


def test_a_rollback_is_refused_while_an_object_waits(driver_of: Any, playbooks: Any, s3_faults: Any, lms: Host) -> None:
    driver = driver_of("resilient")
    with one_waits(driver, s3_faults, COURSE):
        refused = playbooks.run("rollback")
        assert refused.exit_code != 0
        assert "1 object waits on this host for S3, and the upload fails: " in " ".join(refused.output.split())
        assert refused.changed == []
    assert lms.run(IMPORT).rc == 0
    driver("drain")
    assert driver("stored", course=COURSE)


@pytest.mark.usefixtures("rollback")
def test_a_rollback_leaves_neither_package_nor_directory(lms: Host) -> None:
    assert "No module named 'block_structure_storage'" in lms.run(IMPORT).stderr
    assert not lms.file(FOLDER).exists
