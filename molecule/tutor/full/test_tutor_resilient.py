"""The storage class that never fails a learner, on Tutor: mounted, proven, serving through an outage of S3, and gone again."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

DATA = "/home/tutor/.local/share/tutor/data"
FOLDERS = [f"{DATA}/{system}/block_structure_packages" for system in ("lms", "cms")]
KEPT = [f"{DATA}/{system}/block_structure_storage" for system in ("lms", "cms")]
RESILIENT = ("-e", "block_structure_storage_class=resilient")


@pytest.fixture(scope="module")
def resilient(playbooks):
    """The site on the resilient class; back on the plain one afterwards. Returns (predicted, done)."""
    predicted, done = playbooks.run("deploy", "--check", *RESILIENT), playbooks.run("deploy", *RESILIENT)
    assert (predicted.exit_code, done.exit_code) == (0, 0), done.output
    yield predicted, done
    back = playbooks.run("deploy")
    assert back.exit_code == 0, back.output


def test_check_mode_predicts_it_and_another_run_finds_nothing_to_do(resilient, playbooks) -> None:
    predicted, done = resilient
    assert done.changed
    assert predicted.changed == done.changed
    assert playbooks.run("deploy", *RESILIENT).changed == []


@pytest.mark.usefixtures("resilient")
def test_the_class_is_active_and_its_copies_outlive_containers(verify, findings, lms: Host) -> None:
    assert findings(verify(*RESILIENT)) == {}
    for folder in FOLDERS:
        assert lms.file(f"{folder}/block_structure_storage/storage.py").exists
    assert (lms.file(KEPT[0]).user, lms.file(KEPT[0]).mode) == ("www-data", 0o700)


@pytest.mark.usefixtures("resilient")
def test_a_learner_is_served_while_s3_is_out_and_the_cache_is_empty(learner, courses, lms: Host, s3_faults) -> None:
    learner.visit(*courses)
    assert lms.check_output("redis-cli -n 1 flushdb") == "OK"
    with s3_faults("answer", status=503, code="SlowDown"):
        answers = learner.visit(*courses)
    assert {answer["status"] for answer in answers.values()} == {200}


def test_back_on_the_plain_class_neither_package_nor_copies_are_left(resilient, playbooks, lms: Host) -> None:
    assert resilient
    back = playbooks.run("deploy")
    assert back.exit_code == 0, back.output
    for folder in (*FOLDERS, *KEPT):
        assert not lms.file(folder).exists, json.dumps(back.changed)
