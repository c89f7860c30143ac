"""The jobs of the plugin that pip installs, on the miniature LMS of Teak with SQLite, a real memcached and an S3 API.

docker and kubectl are doubles: they run what is asked of the LMS's container here. The miniature takes its settings from its
YAML, into which the test puts what Tutor rendered.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from block_structure.plugin_utils import tutor_plugin

from .conftest import REQUIRED, ROOT, Tutor, pip_install
from .miniature import Miniature, free_port, listening, memcached

BUCKET = "example-block-structures"
KEYS = {"ACCESS_KEY": "AKIAIOSFODNN7EXAMPLE", "SECRET_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
# Runs what follows `lms` (docker compose exec) or `--` (kubectl exec) where the miniature is.
DOUBLE = """#!/bin/bash
case "$*" in
  "config current-context" | "config get-contexts --output=name") echo example; exit ;;
  *--raw=/readyz*) echo ok; exit ;;
  *exec*) ;;
  *) exit 0 ;;
esac
[ -e "{folder}/down" ] && {{ echo 'service "lms" is not running' >&2; exit 1; }}
until [ "$1" = lms ] || [ "$1" = -- ]; do shift; done
shift
unset PYTHONPATH
export {exported}
cd "{folder}/platform" && exec "$@"
"""


class Site(Miniature):
    """A Tutor with the plugin, and the miniature as its LMS."""

    def __init__(self, tutor: Tutor, folder: Path, ports: dict[str, int]) -> None:
        super().__init__(folder, ports["memcached"])
        self.tutor, self.ports = tutor, ports
        exported = " ".join(f'{name}="{value}"' for name, value in self.variables.items())
        (folder / "bin").mkdir()
        for name in ("docker", "docker-compose", "kubectl"):
            (folder / "bin" / name).write_text(DOUBLE.format(folder=folder, exported=exported))
            (folder / "bin" / name).chmod(0o755)

    def apply(self) -> None:
        """Give the LMS what Tutor rendered."""
        source = self.tutor.root / "env/apps/openedx/settings/lms/production.py"
        self.write(tutor_plugin.updates(source.read_text())["BLOCK_STRUCTURES_SETTINGS"])

    def end(self, way: str, name: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Return how a job ended."""
        path = f"{self.folder}/bin{os.pathsep}{os.environ['PATH']}"
        ended = self.tutor.end(way, "do", f"block-structure-{name}", *words, PATH=path, **environment)
        assert "Traceback" not in ended.stderr, ended.stderr
        assert KEYS["SECRET_KEY"] not in ended.stdout + ended.stderr
        return ended

    def job(self, way: str, name: str, *words: str) -> tuple[int, Any]:
        """Return exit code and report of a job."""
        ended = self.end(way, name, "--format=json", *words)
        return ended.returncode, json.loads(ended.stdout[ended.stdout.index("{") :])

    def screen(self, name: str, *words: str, columns: int = 60) -> tuple[int, list[str]]:
        """Return exit code and lines of a job that ran in a narrow terminal."""
        ended = self.end("local", name, *words, COLUMNS=str(columns))
        assert max(map(len, ended.stdout.splitlines())) <= columns, ended.stdout
        return ended.returncode, ended.stdout.splitlines()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with its courses, and the plugin enabled and not configured."""
    folder = tmp_path_factory.mktemp("site")
    package = pip_install(tmp_path_factory.mktemp("package"), ROOT)
    moto = Path(sys.executable).parent / "moto_server"
    s3 = free_port()
    with memcached() as cache, listening(moto, "-H", "127.0.0.1", "-p", str(s3), port=s3):
        # boto3 is in the folder of what the tests require.
        made = Site(Tutor(20, folder, package, REQUIRED), folder, {"memcached": cache, "s3": s3})
        made.with_courses()
        made.tutor.run("config", "save")
        made.tutor.run("plugins", "enable", "block-structure")
        yield made


@pytest.fixture(scope="module")
def configured(site: Site) -> Site:
    """The same with the plugin's settings rendered, and not yet in the LMS."""
    endpoint = f"http://127.0.0.1:{site.ports['s3']}"
    pairs = {"BUCKET": BUCKET, "ENDPOINT_URL": endpoint, "ADDRESSING_STYLE": "path", "REGION": "us-east-1", **KEYS}
    given = [word for name, value in pairs.items() for word in ("--set", f"BLOCK_STRUCTURE_STORAGE_{name}={value}")]
    site.tutor.run("config", "save", *given)
    return site


def test_a_stock_site_is_diagnosed_before_anything_is_configured(site: Site) -> None:
    code, report = site.job("local", "diagnose")
    assert code == 1
    assert (report["release"], report["platform"]) == ("teak", "tutor_local")
    assert {course["tier"] for course in report["courses"]} == {"modulestore"}
    assert "course-not-stored" in {finding["id"] for finding in report["findings"]}
    code, lines = site.screen("diagnose")
    assert code == 1
    assert lines[0].startswith("Needs action: ")
    start = lines.index("Set with `tutor config save --set NAME=VALUE`, then restart:")
    assert lines[start + 1].strip().startswith("BLOCK_STRUCTURE_STORAGE_BUCKET: ")
    assert lines.index("Errors") < lines.index("Courses that need something")
    assert {course["key"] for course in report["courses"]} <= set(" ".join(lines).split())
    assert "playbooks/" not in "".join(lines)
    for job in ("generate", "verify"):
        code, report = site.job("local", job)
        assert (code, report["error"]["id"]) == (3, "variable-missing")


def test_nothing_is_generated_for_settings_that_the_lms_does_not_have(configured: Site) -> None:
    code, report = configured.job("k8s", "generate")
    assert (code, report["error"]["id"]) == (3, "tutor-not-applied")


def test_nothing_is_generated_while_the_lms_cannot_store(configured: Site) -> None:
    configured.apply()
    code, report = configured.job("local", "generate")
    assert (code, report["error"]["id"]) == (3, "storage-unusable")
    # A dry run writes nothing, so it does not meet that.
    assert configured.job("local", "generate", "--dry-run")[0] == 0
    assert "the bucket does not exist" in report["error"]["cause"]


def test_the_bucket_is_made_by_the_plugin(configured: Site) -> None:
    operator = {"AWS_ACCESS_KEY_ID": "example", "AWS_SECRET_ACCESS_KEY": "example"}
    refused = configured.tutor.end("block-structure", "bucket", **operator)
    assert refused.returncode == 1
    assert "BLOCK_STRUCTURE_STORAGE_ENDPOINT_URL is http://127.0.0.1" in refused.stderr
    configured.tutor.run("config", "save", "--set", "BLOCK_STRUCTURE_BUCKET_FEATURES={tls_only: false}")
    planned = configured.tutor.end("block-structure", "bucket", **operator)
    assert f'bucket: not set -> "{BUCKET}"' in planned.stdout
    assert f"changes of the bucket {BUCKET}. Make them with `tutor block-structure bucket --apply`." in planned.stdout
    made = configured.tutor.end("block-structure", "bucket", "--apply", **operator)
    assert f"The bucket {BUCKET} is changed." in made.stdout, made.stderr
    again = configured.tutor.end("block-structure", "bucket", "--apply", **operator)
    assert again.stdout == f"The bucket {BUCKET} is as the configuration asks for. Nothing to do.\n"
    policy = json.loads(configured.tutor.end("block-structure", "bucket", "--policy").stdout)
    assert policy["Statement"][0]["Resource"] == f"arn:aws:s3:::{BUCKET}/block_structures/*"


@pytest.mark.parametrize("way", ["local", "k8s"])
def test_generated_once_every_course_is_in_s3(configured: Site, way: str) -> None:
    configured.apply()
    code, planned = configured.job(way, "generate", "--dry-run", "--force")
    assert code == 0
    assert len(planned["changes"][-1]["after"]["generate"]) == 8
    code, lines = configured.screen("generate", "--dry-run", "--force")
    assert (code, lines[1]) == (0, "Would change")
    code, report = configured.job(way, "generate", "--force")
    assert (code, report["failures"]) == (0, []), report
    assert {course["status"] for course in report["courses"]} == {"ok"}
    kept = configured.tutor.root / "block_structure" / "runs" / report["run"] / "events.jsonl"
    assert KEYS["SECRET_KEY"] not in kept.read_text()
    assert configured.job(way, "generate") == (0, {"changes": []})
    assert configured.screen("generate") == (
        0,
        ["Row, switches and every structure are as they should be.", "Nothing to do."],
    )
    code, lines = configured.screen("generate", "--force", "--all")
    assert (code, lines[0][:27]) == (0, "8 generated, 0 failed, 0 go")
    assert "fresh" not in lines[0]
    assert not any(line.startswith("took 0.0 s") for line in lines)
    assert "All courses of the run" in lines
    code, lines = configured.screen("verify")
    assert (code, lines[1]) == (0, "teak on tutor_local.")
    code, result = configured.job(way, "verify")
    assert code == 0, result["findings"]
    assert (len(result["courses"]), {course["tier_when_cold"] for course in result["courses"]}) == (8, {"storage"})
    assert result["platform"] == f"tutor_{way}"


@pytest.mark.parametrize("job", ["diagnose", "generate", "verify"])
def test_an_lms_that_does_not_run_has_a_remedy(configured: Site, job: str) -> None:
    (configured.folder / "down").touch()
    try:
        code, report = configured.job("k8s", job)
        ended = configured.end("k8s", job)
    finally:
        (configured.folder / "down").unlink()
    assert (code, report["error"]["id"]) == (3, "tutor-not-running")
    remedy = "start the site with `tutor k8s start`, as the user who installed it."
    assert report["error"]["remedy"] == remedy
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (3, f"Remedy: {remedy}")


def test_a_setting_that_the_role_refuses_ends_a_job_as_it_ends_the_command(configured: Site) -> None:
    configuration = configured.tutor.root / "config.yml"
    kept = configuration.read_text()
    configuration.write_text(kept + "BLOCK_STRUCTURE_STORAGE_PREFIX: /courses/\n")
    try:
        ended = configured.end("local", "verify")
    finally:
        configuration.write_text(kept)
    assert (ended.returncode, ended.stdout) == (3, "")
    cause, remedy = ended.stderr.splitlines()[-2:]
    assert "BLOCK_STRUCTURE_STORAGE_PREFIX" in cause
    assert remedy.startswith("Remedy: ")
