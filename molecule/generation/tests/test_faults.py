"""What goes wrong in the middle of a run: nothing is lost and each outcome is named."""

from __future__ import annotations

import time

import pytest

from ...conftest import restart, stopped, wait_until

# A run that has its lock says so by a statement of its own in the process list (plugins/module_utils/probe/engine/lock.py).
HELD = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT /* block-structure-run %'"


def all_well(run, courses) -> None:
    """Assert that each course has a good report in the end."""
    result = run.result()
    assert (result["failures"], result["left"], result["ended"]) == ([], [], "done"), run.events[-5:]
    reports = run.reports()
    assert sorted(reports) == sorted(courses)
    assert {report["status"] for report in reports.values()} == {"ok"}


def test_a_killed_worker_costs_its_course_one_retry(engine, lms, some) -> None:
    run = engine.generate(some, workers=2)
    pid, course = next(iter(run.working().items()))
    lms.check_output("kill -KILL %s", pid)
    all_well(run, some)
    assert run.wait_for("retry")["message"] == "the worker died: killed by signal 9"
    assert [report["attempt"] for report in run.reports().values()].count(2) == 1
    assert course in run.reports()


@pytest.mark.slow
def test_s3_that_is_away_for_half_a_minute_costs_nothing(engine, s3_faults, some) -> None:
    run = engine.generate(some)
    run.wait_for("course")
    with s3_faults("refuse"):
        assert run.wait_for("outage", over=False)["service"] == "storage"
        time.sleep(30)
    run.wait_for("outage", over=True)
    all_well(run, some)
    assert {report["attempt"] for report in run.reports().values()} == {1}


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), pytest.param(500, "InternalError", marks=pytest.mark.slow)])
def test_s3_that_answers_with_errors_is_waited_for(engine, s3_faults, some, status: int, code: str) -> None:
    run = engine.generate(some)
    run.wait_for("course")
    with s3_faults("answer", status=status, code=code, methods=["PUT"]):
        reported = run.wait_for("outage", over=False)
    assert (reported["service"], reported["type"], code in reported["message"]) == ("storage", "ClientError", True)
    all_well(run, some)


@pytest.mark.slow
def test_slow_s3_is_only_slow(engine, s3_faults, some) -> None:
    with s3_faults("delay", seconds=0.7):
        run = engine.generate(some, workers=2)
        all_well(run, some)
    assert run.of("outage") == []


def test_s3_that_stays_away_leaves_the_rest_named(engine, s3_faults, rows, some) -> None:
    named = rows()
    run = engine.generate(some, patience_seconds=3)
    run.wait_for("course")
    with s3_faults("refuse"):
        result = run.result()
    assert (result["ended"], result["outage"]) == ("outage", "storage")
    done = set(run.reports())
    assert sorted([*done, *result["left"]]) == sorted(some)
    assert {key: name for key, name in rows().items() if key in result["left"]} == {key: named[key] for key in result["left"]}


@pytest.mark.slow
def test_s3_that_is_away_from_the_start_is_reported_before_anything_begins(engine, s3_faults, rows) -> None:
    named = rows()
    with s3_faults("refuse"):
        last = engine.generate(select={}).end()
    assert (last["event"], last["where"], last["type"]) == ("error", "generate", "EndpointConnectionError")
    assert rows() == named


@pytest.mark.slow
def test_without_memcached_storage_serves(engine, cache, some) -> None:
    with stopped(cache, "memcached"):
        run = engine.generate(some, workers=2)
        all_well(run, some)
    assert {report["tier"] for report in run.reports().values()} == {"storage"}


def test_a_database_that_restarts_is_waited_for_and_the_lock_is_taken_again(engine, lms, s3_faults, some) -> None:
    run = engine.generate(some)
    run.wait_for("course")
    # Held at its last course, the smallest, for as long as the second run takes to come.
    with s3_faults("hang", methods=["PUT"], match="S50"):
        restart(lms, "mariadb")
        assert wait_until(lambda: lms.check_output("mariadb --batch --skip-column-names --execute %s", HELD) == "1")
        refused = engine.generate(select={}).end()
    assert refused["type"] == "HeldError", refused
    all_well(run, some)


@pytest.mark.slow
def test_a_course_that_always_fails_is_named_and_serves_what_it_had(tool, studio, rows, some) -> None:
    course = some[1]
    named = rows()[course]
    studio.manage("sandbox_break", course)
    try:
        code, reported, _ = tool.run("regenerate", "--force", "--course", some[0], "--course", course)
        assert code == 1
        assert [report["key"] for report in reported["failures"]] == [course]
        assert reported["courses"][-1]["key"] == course
        assert (reported["failures"][0]["type"], bool(reported["failures"][0]["message"])) == ("XMLSyntaxError", True)
        assert rows()[course] == named
    finally:
        studio.manage("sandbox_break", course, "--heal")
    code, reported, _ = tool.run("regenerate")
    assert code == 0
    assert [report["key"] for report in reported["courses"]] in ([course], [])


def test_a_course_deleted_during_the_run_is_gone_and_leaves_no_row(engine, studio, rows, courses) -> None:
    studio.manage("sandbox_courses", "--blocks", "12", "--org", "ZzDeletedX")
    course = "course-v1:ZzDeletedX+B12N0001+2026"
    # It is the last one by its key.
    run = engine.generate(select={"force": True, "order": "key", "courses": [*courses, course]})
    run.wait_for("plan")
    studio.delete(course)
    result = run.result()
    assert (result["failures"], result["ended"]) == ([], "done")
    report = run.reports()[course]
    assert (report["status"], report["message"]) == ("gone", "the course was deleted during the run")
    assert course not in rows()


@pytest.mark.slow
def test_a_hanging_course_is_given_up_after_its_timeout(engine, s3_faults, some) -> None:
    with s3_faults("hang", methods=["PUT"], match="S300"):
        run = engine.generate(some, workers=2, course_timeout_seconds=25)
        result = run.result()
    assert [(report["type"], report["key"].split("+")[1]) for report in result["failures"]] == [("Timeout", "S300")]
    assert len(run.reports()) == len(some)
    assert run.wait_for("retry")["message"] == "not finished within 25 seconds"
