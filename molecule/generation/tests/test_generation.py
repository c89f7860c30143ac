"""Generation on a deployed site: what has nothing to do, what is chosen, what goes on where it stopped, who may run."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import stopped
from .conftest import USER

ENROL = "REPLACE INTO student_courseenrollment (user_id, course_id, is_active, mode) SELECT id, @key, 1, 'audit' FROM auth_user"
UNPUBLISH = "UPDATE split_modulestore_django_splitmodulestorecourseindex SET published_version = '' WHERE course_id = @key"
FORGET = "DELETE FROM block_structure WHERE data_usage_key = @key"


# In the LMS: all that the stored objects of the courses hold, as plain values, after the name of each object.
STRUCTURES = """
import json
from opaque_keys import OpaqueKey
from opaque_keys.edx.keys import UsageKey
from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel
from openedx.core.lib.cache_utils import zunpickle

def plain(value):
    if isinstance(value, dict):
        return sorted(([plain(name), plain(item)] for name, item in value.items()), key=repr)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    if isinstance(value, OpaqueKey) or not (slots or hasattr(value, "__dict__")):
        return repr(value)
    fields = dict(getattr(value, "__dict__", {}), **{name: getattr(value, name, None) for name in slots if name != "__dict__"})
    return [type(value).__name__, plain(fields)]

found = {}
for text in COURSES:
    usage_key = UsageKey.from_string(text.replace("course-v1:", "block-v1:") + "+type@course+block@course")
    row = BlockStructureModel.objects.get(data_usage_key=usage_key)
    with row.data.storage.open(row.data.name) as stream:
        found[text] = [row.data.name, plain(zunpickle(stream.read()))]
print("FOUND " + json.dumps(found))
"""


def structures(lms: Host, courses: list[str]) -> dict[str, list[Any]]:
    """Return [name of the object, what it holds] of each course."""
    program = f"exec({STRUCTURES.replace('COURSES', repr(courses))!r}, {{}})"
    command = " ".join(["%s"] * (len(USER) + 5))
    output = lms.check_output(command, *USER, "lms", "--settings=production", "shell", "-c", program)
    found: dict[str, list[Any]] = json.loads(output.rpartition("FOUND ")[2].splitlines()[0])
    return found


def named(courses: list[str]) -> list[str]:
    """Return the options that name courses."""
    return [word for course in courses for word in ("--course", course)]


@pytest.mark.slow
def test_a_fresh_site_costs_one_boot_and_changes_nothing(playbooks, boots, rows) -> None:
    before, stored = boots.count(), rows()
    ended = playbooks.run("regenerate")
    assert ended.exit_code == 0, ended.output
    assert ended.changed == []
    assert boots.count() - before == 1
    assert rows() == stored


def test_each_structure_is_what_the_platforms_own_command_makes(lms, engine, some) -> None:
    """Our workers collect garbage between courses and keep the hashes of keys: neither may be seen in what they store."""
    command = " ".join(["%s"] * (len(USER) + 5 + len(some)))
    own = ("lms", "--settings=production", "generate_course_blocks", "--force_update", "--courses", *some)
    lms.check_output(command, *USER, *own)
    before = structures(lms, some)
    result = engine.generate(some, workers=2).result()
    assert (result["failures"], result["left"]) == ([], [])
    after = structures(lms, some)
    assert all(before[course][0] != after[course][0] for course in some)
    assert {course: held for course, (_, held) in after.items()} == {course: held for course, (_, held) in before.items()}
    assert all(len(json.dumps(held)) > 10_000 for _, held in after.values())


@pytest.mark.slow
def test_check_mode_says_what_would_run_and_does_nothing(playbooks, boots, rows, courses) -> None:
    before, stored = boots.count(), rows()
    ended = playbooks.run("regenerate", "--check", "-e", "block_structure_generation_force=true")
    assert ended.exit_code == 0, ended.output
    assert f"{courses[0]}: forced (it is up to date)" in ended.output
    assert f"{len(courses)} courses would be generated" in ended.output
    assert boots.count() - before == 1
    assert rows() == stored


@pytest.mark.slow
def test_each_state_is_detected_and_fixed_and_progress_is_reported(
    tool, playbooks, lms, s3_api, memcached, courses, rows, studio
) -> None:
    """One course without a row, one stale, one whose object is gone, one that is only not cached: nothing else runs."""
    missing, stale, gone, cold = courses[:4]
    usage_key = missing.replace("course-v1:", "block-v1:") + "+type@course+block@course"
    # Stale first: the worker's own rebuild comes COURSE_PUBLISH_TASK_DELAY later, and must not come at all.
    with stopped(lms, "lms worker"):
        try:
            studio.manage("sandbox_publish", stale)
            lms.check_output("mariadb --init-command %s edxapp --execute %s", f"SET @key = '{usage_key}'", FORGET)
            s3_api.call("delete_object", Bucket="example-block-structures", Key=rows()[gone])
            code, reported, _ = tool.run("regenerate", "--dry-run")
            assert code == 0
            assert {course["key"]: course["why"] for course in reported["planned"]} == {
                missing: "missing",
                stale: "stale",
                gone: "object-gone",
            }
            memcached.flush()
            stored = rows()
            ended = playbooks.run("regenerate", "-e", json.dumps({"block_structure_regenerate_only": ["broken"]}))
            assert ended.exit_code == 0, ended.output
            assert "courses to generate" in ended.output
            after = rows()
            # The one that was only cold was read into the cache, not rebuilt; the missing and the stale one were not asked for.
            assert after[gone] != stored[gone]
            assert {key: name for key, name in after.items() if key != gone} == {
                key: name for key, name in stored.items() if key != gone
            }
            assert cold in after
            code, reported, _ = tool.run("regenerate")
            assert code == 0
            assert {course["key"]: (course["why"], course["status"]) for course in reported["courses"]} == {
                missing: ("missing", "ok"),
                stale: ("stale", "ok"),
            }
        finally:
            lms.check_output("redis-cli del edx.lms.core.default")


def test_ctrl_c_ends_in_order_and_resume_goes_on(tool, s3_faults, some) -> None:
    process = tool.start("regenerate", *named(some), "--force", "--workers", "1", "--format", "jsonl")
    seen = []
    # The second course by its key is held until the run has heard of the signal: news of the first one takes seconds to come.
    with s3_faults("hang", methods=["PUT"], match="S120"):
        for line in iter(process.stdout.readline, ""):
            seen.append(json.loads(line))
            if seen[-1]["event"] == "course":
                process.send_signal(signal.SIGINT)
            if seen[-1]["event"] == "stopping":
                break
    output, text = process.communicate(timeout=300)
    seen += [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 130, text
    assert "courses are left.\nRemedy: continue with --resume." in text
    report = seen[-1]
    assert report["ended"] == "stopped"
    done = {course["key"] for course in report["courses"]}
    assert done
    assert sorted([*done, *report["left"]]) == sorted(some)
    code, resumed, text = tool.run("regenerate", "--resume")
    assert code == 0, text
    assert resumed["resumed"] == report["run"]
    assert resumed["planned"] == len(report["left"])
    assert {course["key"] for course in resumed["courses"]} == set(some)
    code, _, text = tool.run("regenerate", "--resume")
    assert code == 2
    assert f"The run {resumed['run']} is complete.\nRemedy: start a new one without --resume." in text


def test_a_host_that_lost_power_resumes(tool, lms, s3_faults, some) -> None:
    """Everything of the run dies at once: the module, the LMS process, its workers."""
    process = tool.start("regenerate", *named(some), "--force", "--workers", "1", "--format", "jsonl")
    pid = None
    # As above: held at its second course until all of it is dead.
    with s3_faults("hang", methods=["PUT"], match="S120"):
        for line in iter(process.stdout.readline, ""):
            event = json.loads(line)
            pid = event["pid"] if event["event"] == "begin" else pid
            if event["event"] == "course":
                break
        family = lms.check_output("pgrep --parent %s --full manage.py || true", str(pid)).split()
        workers = lms.check_output("pgrep --parent %s || true", ",".join(family)).split()
        lms.check_output("kill -KILL %s", str(pid))
        for number in [*family, *workers]:
            lms.run("kill -KILL %s", number)
    _, text = process.communicate(timeout=300)
    assert process.returncode == 3, text
    assert "The run broke off: its process on the host ended without an answer; was it killed?\n" in text
    assert "Remedy: run it again with --resume; finished courses are not repeated." in text
    code, resumed, text = tool.run("regenerate", "--resume")
    assert code == 0, text
    assert 0 < resumed["planned"] < len(some)
    assert {course["key"] for course in resumed["courses"]} == set(some)


def test_a_second_run_is_refused_and_names_the_running_one_and_its_start(engine, tool, lms, s3_faults, some) -> None:
    # Held at its first course for as long as the second one takes to come.
    with s3_faults("hang", methods=["PUT"]):
        first = engine.generate(some)
        first.wait_for("plan")
        code, reported, text = tool.run("regenerate")
    assert first.result()["failures"] == []
    assert code == 4, text
    assert f"A run on {lms.check_output('hostname')} (process " in text
    assert ", user www-data, run -) has been working on this site since 20" in text
    assert "Remedy: wait until it ends, or end that process, which releases the lock." in text
    assert reported["error"]["id"] == "run-held"


@pytest.mark.slow
def test_a_site_that_would_delete_what_it_writes_is_refused(tool, lms, memcached, rows) -> None:
    insert = (
        "INSERT INTO block_structure_config (change_date, enabled, num_versions_to_keep, cache_timeout_in_seconds)"
        " VALUES (NOW(), 1, {}, NULL)"
    )
    stored = rows()
    lms.check_output("mariadb edxapp --execute %s", insert.format(0))
    memcached.flush()
    try:
        code, _, text = tool.run("regenerate", "--force")
    finally:
        lms.check_output("mariadb edxapp --execute %s", insert.format(5))
        # The platform keeps the active configuration in the cache, and SQL goes past it.
        memcached.flush()
    assert code == 4, text
    assert "num_versions_to_keep is 0: the platform would delete each object right after writing it." in text
    assert rows() == stored


@pytest.mark.slow
def test_prune_lists_what_no_row_names_and_removes_it_only_on_yes(tool, studio, rows, objects, s3_api) -> None:
    studio.manage("sandbox_courses", "--blocks", "12", "--org", "PruneX")
    course = "course-v1:PruneX+B12N0001+2026"
    code, reported, text = tool.run("regenerate", "--pattern", "*PruneX*")
    assert (code, len(reported["courses"])) == (0, 1), text
    orphan = rows()[course]
    studio.delete(course)
    assert course not in rows()
    assert orphan in objects()
    # Young objects are left alone: a worker may be about to write the row.
    assert tool.run("prune")[1]["objects"] == []
    code, reported, _ = tool.run("prune", "--min-age-hours", "0")
    assert code == 0
    listed = {entry["name"]: entry for entry in reported["objects"]}
    assert (listed[orphan]["why"], reported["removed"]) == ("its course was deleted", [])
    assert listed[orphan]["bytes"] > 0
    assert not set(listed) & set(rows().values())
    assert orphan in objects()
    code, reported, _ = tool.run("prune", "--min-age-hours", "0", "--yes")
    assert code == 0
    assert set(reported["removed"]) == set(listed)
    assert not set(listed) & objects()
    versions = s3_api.call("list_object_versions", Bucket="example-block-structures", Prefix=orphan)
    assert [version["Key"] for version in versions["Versions"]] == [orphan]


def test_a_course_that_was_never_published_is_named_and_costs_no_attempt(tool, lms, studio, rows) -> None:
    """A rerun or an import that broke off leaves such a course: Studio shows it, the LMS has none."""
    studio.manage("sandbox_courses", "--blocks", "12", "--org", "DraftX")
    course = "course-v1:DraftX+B12N0001+2026"
    lms.check_output("mariadb --init-command %s edxapp --execute %s", f"SET @key = '{course}'", UNPUBLISH)
    try:
        code, reported, _ = tool.run("regenerate", "--pattern", "*DraftX*", "--dry-run")
        assert code == 2
        code, reported, text = tool.run("regenerate")
        assert code == 0, text
        assert (reported["unpublished"], reported["courses"]) == ([course], [])
        code, reported, text = tool.run("regenerate", "--course", course)
        assert code == 2
        assert f"Never published, so learners cannot open it: {course}.\nRemedy: publish it in Studio, then" in text
        assert course not in rows()
    finally:
        studio.delete(course)


def test_what_goes_first_and_how_many(engine, lms, courses) -> None:
    run = engine.generate(select={"force": True, "order": "largest", "limit": 2}, dry_run=True)
    planned = run.result()
    assert planned["skipped"] == {"over-limit": len(courses) - 2}
    assert [course["key"].split("+")[1] for course in planned["run"]] == ["OVER2M", "OVER1M"]
    assert planned["run"][0]["bytes"] > planned["run"][1]["bytes"] > 2**20
    lms.check_output("mariadb --init-command %s edxapp --execute %s", f"SET @key = '{courses[3]}'", ENROL)
    run = engine.generate(select={"force": True, "order": "enrolled", "limit": 1}, dry_run=True)
    assert [course["key"] for course in run.result()["run"]] == [courses[3]]
