"""Generation on the platform's own Celery workers, over the sandbox's Redis."""

from __future__ import annotations

import re

import pytest

from ...conftest import start, stopped

WORKER = "lms worker"


@pytest.fixture
def quiet_worker(lms):
    """The LMS worker, stopped; afterwards it runs and its queue is empty."""
    with stopped(lms, WORKER):
        yield WORKER
        lms.run("redis-cli del edx.lms.core.default")


def test_workers_generate_and_completion_is_read_from_rows(tool, rows, some) -> None:
    named = rows()
    words_of = [word for course in some for word in ("--course", course)]
    code, reported, text = tool.run("regenerate", "--force", "--engine", "celery", "--batch", "3", *words_of)
    assert code == 0, text
    assert {course["key"]: course["status"] for course in reported["courses"]} == dict.fromkeys(some, "ok")
    now = rows()
    assert all(now[course] != named[course] for course in some)
    assert all(course["task"] and course["object"] == now[course["key"]] for course in reported["courses"])


@pytest.mark.usefixtures("quiet_worker")
def test_a_lost_task_is_enqueued_once_more(engine, lms, courses) -> None:
    run = engine.generate(engine="celery", select={"force": True, "courses": courses[:2]})
    run.wait_for("progress", enqueued=sorted(courses[:2]))
    # Lost: as if the broker had been restarted without its memory.
    lms.check_output("redis-cli del edx.lms.core.default")
    start(lms, WORKER)
    result = run.result()
    assert (result["failures"], result["left"]) == ([], [])
    assert {report["attempt"] for report in run.reports().values()} == {2}
    lost = run.wait_for("retry")
    assert lost["type"] == "TaskLost"
    assert "no worker and no queue has it, and row and object are unchanged" in lost["message"]


@pytest.mark.slow
def test_a_task_that_fails_is_reported_with_its_id(engine, lms, studio, courses, rows) -> None:
    course = courses[1]
    named = rows()[course]
    studio.manage("sandbox_break", course)
    try:
        run = engine.generate(engine="celery", select={"force": True, "courses": [course]})
        result = run.result()
    finally:
        studio.manage("sandbox_break", course, "--heal")
    report = run.reports()[course]
    assert [failure["key"] for failure in result["failures"]] == [course]
    assert (report["type"], report["attempt"]) == ("TaskLost", 2)
    assert report["task"] in report["message"]
    log = lms.check_output(
        "cat /edx/var/log/supervisor/lms_default_1-stderr.log /edx/var/log/supervisor/lms_default_1-stdout.log"
    )
    assert report["task"] in log
    assert rows()[course] == named


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_worker")
def test_workers_that_do_not_answer_are_reported(engine, courses) -> None:
    run = engine.generate(engine="celery", select={"force": True, "courses": courses[:1]}, patience_seconds=8)
    result = run.result()
    assert (result["ended"], result["outage"], result["left"]) == ("outage", "Celery workers", courses[:1])
    # Studio's worker does answer, and reads none of the LMS's queues.
    message = run.wait_for("warning")["message"]
    assert re.fullmatch("no Celery worker reads the queue; waiting messages: [1-9] in edx.lms.core.default", message), message
