"""From a stock Tutor site to a cured one and back, by the plugin that pip installs, as the user who runs tutor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import OPERATOR, wait_for

ROOT = Path(__file__).resolve().parents[3]
BUCKET = "example-block-structures"
# As inventory/group_vars has them; the keys open nothing but the sandbox.
SETTINGS = {
    "BUCKET": BUCKET,
    "ENDPOINT_URL": "https://s3:5000",
    "ADDRESSING_STYLE": "path",
    "ACCESS_KEY": "AKIAI44QH8DHBEXAMPLE",
    "SECRET_KEY": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    "REGION": "us-east-1",
}
# Whoever makes the bucket has other keys, which are not kept.
RIGHTS = f"AWS_ACCESS_KEY_ID={OPERATOR[0]} AWS_SECRET_ACCESS_KEY={OPERATOR[1]}"


class Operator:
    """The user who runs tutor on the site's host."""

    def __init__(self, lms: Host) -> None:
        self.lms = lms

    def run(self, *words: str, rights: str = "") -> Any:
        """Return how a command of tutor ended."""
        quoted = " ".join(f"'{word}'" for word in words)
        return self.lms.run("runuser --login tutor --command %s", f"{rights} tutor {quoted}")

    def done(self, *words: str, rights: str = "") -> str:
        """Return what a command of tutor printed that ended well."""
        ended = self.run(*words, rights=rights)
        assert ended.rc == 0, ended.stdout + ended.stderr
        return str(ended.stdout)

    def report(self, job: str, *words: str) -> tuple[int, Any]:
        """Return exit code and report of a job."""
        ended = self.run("local", "do", f"block-structure-{job}", "--format=json", *words)
        assert "Traceback" not in ended.stderr, ended.stderr
        assert SETTINGS["SECRET_KEY"] not in ended.stdout + ended.stderr
        text = ended.stdout[ended.stdout.index("{") :]
        return ended.rc, json.loads(text)

    def environment(self) -> str:
        """Return a digest of every file that Tutor renders for LMS and Studio."""
        return self.lms.check_output("cd /home/tutor/.local/share/tutor/env && find . -type f | sort | xargs sha256sum")


@pytest.fixture(scope="module")
def operator(lms: Host, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """A user of tutor who has just installed the package, whose dependencies Tutor has but for boto3."""
    folder = tmp_path_factory.mktemp("package")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target", folder]
    subprocess.run([*pip, "--no-deps", ROOT], check=True)
    subprocess.run([*pip, "boto3"], check=True)
    container = f"{os.environ.get('BLOCK_STRUCTURE_SANDBOX_NAME', 'block-structure')}-lms1"
    engine = os.environ.get("BLOCK_STRUCTURE_ENGINE", "podman")
    subprocess.run([engine, "cp", f"{folder}/.", f"{container}:/opt/tutor"], check=True)
    return Operator(lms)


@pytest.fixture(scope="module")
def before(operator: Operator) -> str:
    """The environment of the stock site."""
    operator.done("config", "save")
    return operator.environment()


@pytest.fixture(scope="module")
def cured(operator: Operator, before: str, lms: Host) -> Operator:
    """The site after the commands of docs/tutor.md."""
    assert before
    operator.done("plugins", "enable", "block-structure")
    pairs = [f"BLOCK_STRUCTURE_STORAGE_{name}={value}" for name, value in SETTINGS.items()]
    pairs.append("BLOCK_STRUCTURE_BUCKET_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt")
    given = [word for pair in pairs for word in ("--set", pair)]
    planned = operator.done("block-structure", "plan", *given)
    assert "STORAGE_KWARGS.secret_key: not set -> (secret)" in planned
    code, report = operator.report("generate", "--dry-run")
    assert (code, report["error"]["id"]) == (3, "variable-missing")
    operator.done("config", "save", *given)
    made = operator.done("block-structure", "bucket", "--apply", rights=RIGHTS)
    assert f"The bucket {BUCKET} is changed." in made
    operator.done("local", "restart", "openedx")
    wait_for(lms, "lms")
    assert "0 failed" in operator.done("local", "do", "block-structure-generate")
    return operator


def test_the_bucket_is_private_and_a_second_time_there_is_nothing_to_do(cured: Operator, s3_api) -> None:
    block = s3_api.call("get_public_access_block", Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert "BlockStructureTlsOnly" in s3_api.call("get_bucket_policy", Bucket=BUCKET)["Policy"]
    assert "Nothing to do." in cured.done("block-structure", "bucket", "--apply", rights=RIGHTS)


def test_every_course_stands_in_s3_and_is_served(cured: Operator, courses, learner, findings) -> None:
    cured.done("local", "do", "block-structure-verify")
    code, result = cured.report("verify")
    assert code == 0, result["findings"]
    assert sorted(course["key"] for course in result["courses"]) == sorted(courses)
    assert {course["tier_when_cold"] for course in result["courses"]} == {"storage"}
    assert findings(result) == {}
    assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}


def test_diagnose_gives_the_report_of_the_command(cured: Operator, courses) -> None:
    code, report = cured.report("diagnose")
    assert code == (1 if report["counts"]["error"] + report["counts"]["warning"] else 0)
    assert (report["release"], report["platform"], report["format"]) == ("teak", "tutor_local", 1)
    assert len(report["courses"]) == len(courses)
    assert report["counts"]["error"] == 0, report["findings"]


def test_a_second_generation_has_nothing_to_do(cured: Operator) -> None:
    assert cured.report("generate") == (0, {"changes": []})


def test_a_site_that_does_not_run_is_reported(cured: Operator, lms: Host) -> None:
    cured.done("local", "stop", "lms")
    try:
        code, report = cured.report("verify")
    finally:
        cured.done("local", "start", "--detach")
        wait_for(lms, "lms")
    assert (code, report["error"]["id"]) == (3, "tutor-not-running")


def test_disabled_the_environment_is_as_before(cured: Operator, before: str) -> None:
    """Runs last."""
    cured.done("plugins", "disable", "block-structure")
    cured.done("config", "save")
    assert cured.environment() == before
