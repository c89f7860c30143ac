"""Signed objects on a running site: an attack on the bucket, and the transition from unsigned objects, in one deploy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from testinfra.host import Host

from .conftest import FOLDER, Attack, Driver

COURSE = "course-v1:SandboxX+S120+2026"
BROKEN = "course-v1:SandboxX+S300+2026"
# For the tool, which reads the sandbox's inventory alone.
VARIABLES = ("-e", "block_structure_storage_class=resilient", "-e", f"block_structure_storage_local_dir={FOLDER}")
STUDIO = "runuser --user=www-data -- /edx/app/edxapp/run.sh python manage.py cms --settings=production"


def signatures(driver: Driver, courses: list[str]) -> set[str]:
    """Return what the signatures of the objects are that the rows name."""
    return {driver("signature", course=course) for course in courses}


def text(ended: Any) -> str:
    """Return the output of a playbook on one line."""
    return " ".join(ended.output.split())


def test_a_deployed_site_has_signed_objects_and_reads_no_others(driver_of: Any, courses: list[str]) -> None:
    driver = driver_of("resilient")
    for course in courses:
        driver("generate", course=course)
    driver("drain")
    assert driver("state")["signing"]["mode"] == "require"
    assert signatures(driver, courses) == {"valid"}


def test_code_in_a_replaced_object_does_not_run_and_the_attack_is_reported(
    driver_of: Any, attack: Attack, playbooks: Any, tool: Any
) -> None:
    """Somebody with the bucket's credentials replaces an object by one that runs code, and rewrites the digest to fit."""
    driver = driver_of("resilient")
    driver("generate", course=COURSE)
    driver("drain")
    name = driver("row", course=COURSE)["name"]
    with attack(name, keep_signature=True):
        driver("flush")
        driver("forget")
        assert driver("visit", course=COURSE, timeout=60)["status"] == 200
        assert not attack.succeeded()
        assert driver("state")["counters"]["counts"]["read_failed_tampered"] >= 1
        # The page was rebuilt and written anew; every host reads that.
        assert driver("row", course=COURSE)["name"] != name
        _, report, _ = tool.run("diagnose", *VARIABLES)
        assert "storage-tampered" in {finding["id"] for finding in report["findings"]}
        verified = playbooks.run("verify")
        assert verified.exit_code == 2
        assert "whose signature does not match its name and bytes" in text(verified)
        assert not attack.succeeded()
    assert playbooks.run("verify").exit_code == 0


def test_an_object_that_the_row_names_is_not_unpickled_by_the_survey_either(
    driver_of: Any, attack: Attack, playbooks: Any
) -> None:
    driver = driver_of("resilient")
    driver("generate", course=COURSE)
    driver("drain")
    with attack(driver("row", course=COURSE)["name"], keep_signature=True):
        driver("forget")
        verified = playbooks.run("verify")
        assert verified.exit_code == 2
        assert f"does not use the stored object of {COURSE}" in text(verified)
        assert "Remedy: find who wrote it" in text(verified)
        assert not attack.succeeded()
        healed = playbooks.run("deploy")
        assert driver("signature", course=COURSE) == "valid", healed.output[-3000:]
        assert not attack.succeeded()


@pytest.fixture
def settings_files(release: dict[str, Any]) -> tuple[str, str]:
    """The settings files of LMS and Studio."""
    return release["config_files"]["lms"], release["config_files"]["cms"]


@pytest.fixture
def another_key_in_studio(lms: Host, settings_files: tuple[str, str]) -> Iterator[None]:
    """Studio has another SECRET_KEY in its file; its processes are left alone."""
    path = settings_files[1]
    lms.check_output("grep '^SECRET_KEY:' %s > /root/studio.key", path)
    lms.check_output("sed --in-place 's/^SECRET_KEY: .*/SECRET_KEY: another/' %s", path)
    yield
    # The line alone: the test deploys, which changes the rest of the file.
    lms.check_output(
        "sed --in-place --expression '/^SECRET_KEY: /r /root/studio.key' --expression '/^SECRET_KEY: another$/d' %s", path
    )


@pytest.mark.usefixtures("another_key_in_studio")
def test_studio_with_another_key_is_refused_before_any_change(
    driver_of: Any, playbooks: Any, lms: Host, settings_files: tuple[str, str]
) -> None:
    driver_of("plain")
    before = lms.check_output("sha256sum %s %s", *settings_files)
    refused = playbooks.run("deploy")
    assert (refused.exit_code, refused.changed) == (2, [])
    assert "The LMS and Studio have different values of SECRET_KEY, so neither would read what the other signs." in text(
        refused
    )
    assert "Remedy: give both the same SECRET_KEY, or name the other's in SECRET_KEY_FALLBACKS of each; or set" in text(refused)
    assert lms.check_output("sha256sum %s %s", *settings_files) == before


def test_one_deploy_signs_every_object_then_refuses_unsigned_ones(
    driver_of: Any, playbooks: Any, learner: Any, boots: Any, courses: list[str]
) -> None:
    plain = driver_of("plain")
    for course in courses:
        plain("generate", course=course)
    predicted = playbooks.run("deploy", "--check")
    started = boots.count()
    done = playbooks.run("deploy")
    assert (predicted.exit_code, done.exit_code) == (0, 0), done.output[-3000:]
    assert predicted.changed == done.changed
    assert done.changed[-1]["changes"] == [{"field": "STORAGE_KWARGS.signing", "before": "accept_unsigned", "after": "require"}]
    # Inspect, Studio's key, the candidates of LMS and Studio, generation, and a survey of the site that refuses unsigned
    # objects.
    assert boots.count() - started == 6
    serves_signed_objects("require", learner, courses)
    started = boots.count()
    again = playbooks.run("deploy")
    assert (again.exit_code, again.changed, boots.count() - started) == (0, [], 1), again.output[-3000:]


def serves_signed_objects(mode: str, learner: Any, courses: list[str], unsigned: str | None = None) -> None:
    """Check mode and signatures, and ask for every course with an empty cache on a host without copies."""
    with Driver() as driver:
        assert driver("state")["signing"]["mode"] == mode
        assert signatures(driver, [course for course in courses if course != unsigned]) == {"valid"}
        if unsigned:
            assert driver("signature", course=unsigned) == "unsigned"
        driver("flush")
        driver("forget")
    assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}


@pytest.fixture
def heals(lms: Host) -> Iterator[None]:
    """The course that a test breaks is whole again afterwards."""
    yield
    lms.check_output(f"{STUDIO} sandbox_break {BROKEN} --heal")


@pytest.mark.usefixtures("heals")
def test_a_course_that_cannot_be_signed_keeps_the_site_from_refusing_it(
    playbooks: Any, lms: Host, learner: Any, courses: list[str], tmp_path: Any
) -> None:
    back = playbooks.run("deploy", "-e", "block_structure_storage_class=plain")
    assert back.exit_code == 0, back.output[-3000:]
    with Driver() as plain:
        plain("generate", course=BROKEN)
    lms.check_output(f"{STUDIO} sandbox_break {BROKEN}")
    stuck = playbooks.run("deploy")
    assert stuck.exit_code == 2
    assert f"{BROKEN} could not be generated" in text(stuck)
    serves_signed_objects("accept_unsigned", learner, courses, unsigned=BROKEN)
    path = tmp_path / "result.json"
    playbooks.run("verify", "-e", f"block_structure_report_path={path}")
    found = {finding["id"]: finding for finding in json.loads(path.read_text())["findings"]}
    assert f"1 of {len(courses)} courses have an object without a valid signature" in found["objects-unsigned"]["message"]
    assert "settings-differ" not in found

    lms.check_output(f"{STUDIO} sandbox_break {BROKEN} --heal")
    ended = playbooks.run("deploy")
    assert ended.exit_code == 0, ended.output[-3000:]
    serves_signed_objects("require", learner, courses)
