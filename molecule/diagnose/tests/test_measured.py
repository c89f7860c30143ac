"""What benchmark and profile say of a deployed site, and that they leave it as it was."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = {("outline", None), ("blocks", 2), ("blocks", 3)}


def started(*message: str) -> subprocess.CompletedProcess[str]:
    """Run the operator's tool on the sandbox."""
    return subprocess.run(
        [str(ROOT / "scripts/block-structure"), *message],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def tool(*message: str) -> str:
    """Run the operator's tool on the sandbox and return what it printed."""
    done = started(*message)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(*message: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines of a refusal, which prints nothing else."""
    done = started(*message)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("command", [["benchmark", "--no-http"], ["profile"], ["regenerate"]], ids=lambda words: words[0])
def test_a_course_that_does_not_exist_is_refused_with_the_nearest_one(command, courses):
    wrong = courses[2].replace("+2026", "+20226")
    code, lines = refused(*command, "--course", wrong)
    assert code == 2, lines
    assert lines[-2].endswith(f"The site has no published course {wrong}.")
    assert lines[-1].startswith(f"Remedy: correct the key (the nearest is {courses[2]}); ")


def test_a_storage_class_without_a_spool_has_nothing_to_list():
    code, lines = refused("spool")
    assert code == 2, lines
    assert lines[-2].endswith("Nothing waits: the storage class of this LMS has no spool.")
    assert lines[-1].startswith("Remedy: none is needed with plain, ")


def test_a_deploy_and_its_preview_have_nothing_to_change():
    for command in ("check", "deploy"):
        shown = tool(command).splitlines()
        assert shown[0].startswith("Nothing needs attention: "), shown
        assert ("Nothing would change." if command == "check" else "Nothing had to change.") in shown
        assert json.loads(tool(command, "--format", "json"))["changes"] == []


def test_the_summary_of_a_site_names_its_slowest_course_in_milliseconds(courses):
    shown = tool("diagnose").splitlines()
    slowest = next(line for line in shown if line.startswith("Slowest course: "))
    assert any(key in slowest for key in courses)
    assert " ms from " in slowest


def test_nothing_to_generate_is_a_sentence():
    assert "Every course in scope is up to date; nothing was generated." in tool("regenerate").splitlines()


@pytest.fixture(scope="module")
def run(courses, tmp_path_factory):
    """A run over the smallest course and a larger one."""
    path = tmp_path_factory.mktemp("run") / "run.json"
    message = ["--course", courses[0], "--course", courses[2], "--rebuilds", "1", "--users", "2", "--duration", "3"]
    report = json.loads(tool("benchmark", "--format", "json", *message, "--think", "0.1", "0.3", "-o", str(path)))
    assert report == json.loads(path.read_text())
    return report


def test_tiers_alone_cost_one_boot_and_compare_with_a_whole_run(run, courses, boots, tmp_path):
    before, path = boots.count(), tmp_path / "tiers.json"
    alone = json.loads(tool("benchmark", "--format", "json", "--no-http", "--course", courses[2], "-o", str(path)))
    assert boots.count() - before == 1
    assert alone["http"] is None
    whole = tmp_path / "run.json"
    whole.write_text(json.dumps(run))
    report = json.loads(tool("benchmark", "--format", "json", "--compare", str(path), str(whole)))
    assert [row["key"] for row in report["courses"]] == [courses[2]]
    assert report["courses"][0]["before"]["cold_from"] == report["courses"][0]["after"]["cold_from"] == "storage"
    assert report["courses"][0]["cold"] > 0
    assert report["pages"] == []
    report = json.loads(tool("benchmark", "--format", "json", "--compare", str(whole), str(whole)))
    assert {row["ratio"]["times_faster"] for row in report["pages"]} == {1}
    assert {(row["page"], row["nav_depth"]) for row in report["pages"]} == PAGES
    shown = tool("benchmark", "--compare", str(whole), str(whole))
    assert "blocks, nav_depth 3" in shown
    assert courses[2] in shown


def test_each_tier_of_a_deployed_course_is_timed(run):
    for course in run["courses"]:
        assert course["error"] is None
        assert all(len(course[f"{tier}_ms"]) == 5 for tier in ("cache", "storage", "unpickle")), course
        assert len(course["rebuild_ms"]) == 1, course


def test_every_page_answered_cold_and_warm(run):
    samples = run["http"]["samples"]
    assert not [sample for sample in samples if sample["errors"]]
    pages = {(sample["page"], sample["nav_depth"]) for sample in samples if sample["state"] == "cold"}
    assert pages == PAGES
    assert all(len(sample["ms"]) == 1 for sample in samples if sample["state"] == "cold")
    assert sum(len(sample["ms"]) for sample in samples if sample["state"] == "warm") > 5


def test_the_run_holds_what_a_report_needs_and_no_secret(run):
    assert run["limits"]["item_size"]
    assert run["servers"][0]["counters"]["uptime"] <= run["servers_after"][0]["counters"]["uptime"]
    assert run["configuration"]["storage_in_use"] is True
    assert "EXAMPLEKEY" not in json.dumps(run)


def test_forgetting_removes_one_structure_that_the_next_request_restores(courses, playbooks, memcached, learner):
    def forget() -> int:
        """Return how many items memcached was asked to delete, and had."""
        before = int(memcached.stats()["delete_hits"])
        message = {"block_structure_benchmark_courses": [], "block_structure_benchmark_forget": [courses[0]]}
        done = playbooks.run("benchmark", "--extra-vars", json.dumps(message))
        assert done.exit_code == 0, done.output
        return int(memcached.stats()["delete_hits"]) - before

    for _ in range(2):
        assert learner.visit(courses[0])[courses[0]]["status"] == 200
        assert forget() == 1


def test_a_profile_explains_a_request_and_creates_no_session(courses, lms, tmp_path):
    def sessions() -> str:
        return lms.check_output("mariadb --batch --skip-column-names edxapp --execute 'SELECT COUNT(*) FROM django_session'")

    before = sessions()
    report = json.loads(tool("profile", "--format", "json", "--course", courses[2], "--cold", "-o", str(tmp_path)))
    assert sessions() == before
    assert report["request"]["status"] == 200
    share = {entry["part"]: entry["share"] for entry in report["parts"]}
    assert sum(share.values()) == pytest.approx(1)
    assert share["collection"] == 0  # the storage answers
    assert share["storage"] + share["unpickle"] > 0
    apps = {entry["app"] for entry in report["apps"]}
    assert "openedx.core.djangoapps.content.block_structure" in apps
    # What only passes the request on; other parts of Django may do work of their own.
    assert "django.core.handlers" not in apps
    for name in ("flamegraph.svg", "callgraph.svg"):
        ElementTree.parse(tmp_path / name)
