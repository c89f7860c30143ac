"""The playbooks beside deploy on a Tutor site, as an operator runs them there: what each reports is what then can be seen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.slow

BUCKET = "example-block-structures"


@pytest.fixture
def report(playbooks, tmp_path):
    """Return a function that runs a playbook to a good end and returns what it reported."""

    def run(name: str, *arguments: str) -> Any:
        path = tmp_path / f"{name}.json"
        ended = playbooks.run(name, "-e", f"block_structure_report_path={path}", *arguments)
        assert ended.exit_code == 0, ended.output
        return json.loads(path.read_text())

    return run


def test_diagnose_finds_nothing_on_a_deployed_site_in_one_boot(report, findings, courses, boots) -> None:
    before = boots.count()
    reported = report("diagnose")
    assert boots.count() - before == 1
    assert findings(reported) == {}
    assert sorted(course["key"] for course in reported["courses"]) == sorted(courses)
    assert {course["tier_when_cold"] for course in reported["courses"]} == {"storage"}


def test_diagnose_reports_a_redis_that_is_too_small(playbooks, message, site) -> None:
    site.set_redis(maxmemory="20mb")
    try:
        ended = playbooks.run("diagnose")
    finally:
        site.set_redis(maxmemory="4gb")
    assert ended.exit_code != 0
    assert "Redis holds at most 20 MiB (maxmemory)" in message(ended)


def test_regenerate_generates_what_was_chosen_and_prune_finds_what_it_left(report, courses, lms: Host, s3_api) -> None:
    course = courses[0]
    rows = "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
    before = lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", rows).splitlines()
    chosen = json.dumps({"block_structure_regenerate_courses": [course], "block_structure_generation_force": True})
    reported = report("regenerate", "-e", chosen)
    assert [entry["key"] for entry in reported["courses"]] == [course]
    after = lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", rows).splitlines()
    assert len([row for row in after if row not in before]) == 1
    stray = "block_structures/block-v1:ExampleX+GONE+2026+type@course+block@course/stray"
    assert "code" not in s3_api.call("put_object", Bucket=BUCKET, Key=stray, Body="x")
    pruned = report("prune", "-e", json.dumps({"block_structure_prune_min_age_seconds": 0}))
    assert stray in json.dumps(pruned)
    report("prune", "-e", json.dumps({"block_structure_prune_min_age_seconds": 0, "block_structure_prune_remove": True}))
    assert s3_api.call("head_object", Bucket=BUCKET, Key=stray)["status"] == 404


def test_benchmark_measures_the_tiers(report, courses) -> None:
    reported = report("benchmark", "-e", json.dumps({"block_structure_benchmark_courses": [courses[-1]]}))
    assert courses[-1] in json.dumps(reported)
