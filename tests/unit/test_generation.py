"""Generation without a platform: selection and reasons, run directories, reports, and a pool of real forked workers."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.host import runs
from block_structure.module_utils.probe import entry, protocol
from block_structure.module_utils.probe.engine import (
    enqueue,
    memory,
    objects,
    selection,
    tally,
    workers,
)
from block_structure.module_utils.probe.operations import generate, prune
from block_structure.plugin_utils.reports import exit_codes, generation, progress
from hypothesis import given
from hypothesis import strategies as st


def facts(key: str, **known):
    return {"key": key, "row": True, "fresh": True, "why_stale": "older", "exists": True, "bytes": 10, **known}


# State of a course in the survey -> its most severe reason.
STATES = {
    "missing": {"row": False, "exists": None, "fresh": None},
    "object-gone": {"exists": False, "fresh": False},
    "unreadable": {"unreadable": "EOFError: no data"},
    "stale": {"fresh": False},
    "not-cached": {"not_cached": True},
    "fresh": {},
}
SITE = [facts(f"course-v1:X+{name}+1", **known) for name, known in STATES.items()]


def chosen(spec, courses=SITE, **named):
    return {course["key"].split("+")[1]: course["why"] for course in selection.choose(courses, spec, **named)["run"]}


@pytest.mark.parametrize("state", STATES)
def test_course_is_selected_for_its_most_severe_reason(state):
    assert chosen({}).get(state) == (None if state == "fresh" else state)


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["missing"], {"missing": "missing"}),
        # A stale course whose object is also gone still counts as stale.
        (["stale"], {"object-gone": "stale", "stale": "stale"}),
        (["broken"], {"object-gone": "object-gone", "unreadable": "unreadable", "not-cached": "not-cached"}),
    ],
)
def test_only_selects_these_states(only, expected):
    assert chosen({"only": only}) == expected


def test_force_generates_everything_in_scope_and_says_what_is_wrong_with_it():
    assert set(chosen({"force": True}).values()) == {"forced"}
    assert len(chosen({"force": True})) == len(SITE)


def test_scope_is_a_list_or_patterns():
    assert set(chosen({"courses": ["course-v1:X+stale+1"], "force": True})) == {"stale"}
    assert set(chosen({"patterns": ["*+un*", "*+fr*"], "force": True})) == {"unreadable", "fresh"}


def test_nonexistent_course_is_refused_or_reported_gone():
    with pytest.raises(
        selection.SelectionError, match=r"The site has no published course course-v1:X\+nowhere\+1\."
    ) as refused:
        chosen({"courses": ["course-v1:X+nowhere+1"]})
    assert (refused.value.identifier, bool(refused.value.remedy)) == ("course-unknown", True)
    with pytest.raises(selection.SelectionError) as near:
        selection.require_published(["course-v1:ExampleX+Dmo+2026"], ["course-v1:ExampleX+Demo+2026", "course-v1:Y+A+1"])
    assert near.value.remedy.startswith("correct the key (the nearest is course-v1:ExampleX+Demo+2026); ")
    plan = selection.choose(SITE, {"courses": ["course-v1:X+nowhere+1"], "absent_is_gone": True})
    assert (plan["run"], plan["gone"]) == ([], ["course-v1:X+nowhere+1"])


def test_unpublished_course_is_listed_and_refused_if_named():
    never = ["course-v1:X+draft+1", "course-v1:Y+draft+1"]
    assert selection.choose(SITE, {}, unpublished=never)["unpublished"] == never
    assert selection.choose(SITE, {"patterns": ["course-v1:X+*"]}, unpublished=never)["unpublished"] == never[:1]
    assert selection.choose(SITE, {})["unpublished"] is None
    with pytest.raises(
        selection.SelectionError, match=r"^Never published, so learners cannot open it: course-v1:X\+draft\+1\.$"
    ) as refused:
        selection.choose(SITE, {"courses": never[:1]}, unpublished=never)
    assert (refused.value.identifier, refused.value.remedy) == (
        "course-unpublished",
        "publish it in Studio, then run this again.",
    )


def test_pattern_without_a_match_is_refused():
    with pytest.raises(selection.SelectionError, match="No published course matches the pattern 'x'") as refused:
        chosen({"patterns": ["x"]})
    assert refused.value.identifier == "pattern-matches-nothing"


def test_orders():
    courses = [facts("a", bytes=1), facts("b", bytes=3), facts("c", bytes=None), facts("d", bytes=3)]
    force = {"force": True}

    def keys(**spec):
        return [course["key"] for course in selection.choose(courses, {**force, **spec}, {"d": 7, "b": 2})["run"]]

    assert keys() == ["a", "b", "c", "d"]
    assert keys(order="largest") == ["c", "b", "d", "a"]
    assert keys(order="enrolled") == ["d", "b", "a", "c"]
    assert keys(order="enrolled", limit=1) == ["d"]


def test_numbers_may_be_text_as_from_ansible_extra_vars():
    assert len(chosen({"force": True, "limit": "2"})) == 2
    options = generate.Options({"workers": "3", "patience_seconds": "0", "memory_mb": None})
    assert (options.workers, options.patience, options.memory_mb) == (3, 0, None)


KNOWN = st.fixed_dictionaries(
    {
        "row": st.booleans(),
        "fresh": st.sampled_from([True, False, None]),
        "exists": st.sampled_from([True, False, None]),
        "bytes": st.none() | st.integers(0, 10**7),
        "not_cached": st.booleans(),
    }
)
SPEC = st.fixed_dictionaries(
    {
        "only": st.lists(st.sampled_from(["missing", "stale", "broken"]), unique=True),
        "force": st.booleans(),
        "limit": st.none() | st.integers(1, 5),
        "order": st.sampled_from(selection.ORDERS),
    }
)


@given(st.lists(KNOWN, max_size=12), SPEC)
def test_every_course_runs_once_or_is_skipped_with_a_counted_reason(known, spec):
    courses = [facts(f"course-v1:X+{number}+1", **item) for number, item in enumerate(known)]
    plan = selection.choose(courses, spec)
    assert len(plan["run"]) + sum(plan["skipped"].values()) == len(courses)
    assert len({course["key"] for course in plan["run"]}) == len(plan["run"])
    assert spec["limit"] is None or len(plan["run"]) <= spec["limit"]
    whole = {facts["key"] for facts in courses if not selection.reasons(facts)}
    if not spec["force"]:
        assert not whole & {course["key"] for course in plan["run"]}


NOW = 1_000_000
FOLDERS = ["block-v1:X+A+1+type@course+block@course", "block-v1:X+B+1+type@course+block@course"]


@given(
    st.lists(
        st.tuples(st.sampled_from(FOLDERS), st.integers(0, 30), st.integers(0, 10**6)), max_size=30, unique_by=lambda t: t[:2]
    ),
    st.integers(1, 5),
    st.integers(0, 10**6),
    st.data(),
)
def test_prune_never_lists_referenced_newest_or_young_objects(written, keep, min_age, data):
    listing = objects.Listing()
    for folder, number, age in written:
        listing.add(f"{folder}/{number:04d}", 5, NOW - age)
    of_a = sorted(name for name in listing.names if name.startswith(FOLDERS[0]))
    named = {FOLDERS[0]: data.draw(st.sampled_from(of_a))} if of_a else {}
    listed = {entry["name"] for entry in prune.unnamed(listing, named, keep, "canaries", NOW, min_age)}
    assert not listed & set(named.values())
    assert not listed & set(of_a[-keep:])
    assert all(NOW - listing.modified[name] >= min_age for name in listed)
    old = {name for name in listing.names if name.startswith(FOLDERS[1]) and NOW - listing.modified[name] >= min_age}
    assert old <= listed


def test_prune_keeps_all_versions_without_a_limit():
    listing = objects.Listing()
    for number in range(9):
        listing.add(f"{FOLDERS[0]}/{number}", 5, 0)
    assert prune.unnamed(listing, {FOLDERS[0]: f"{FOLDERS[0]}/8"}, None, "canaries", NOW, 0) == []


# Run directories


def line(**event) -> str:
    return json.dumps(event) + "\n"


PLAN = line(event="plan", run=[{"key": "a"}, {"key": "b"}, {"key": "c"}], select={"only": ["stale"]}, skipped={})


def test_interrupted_run_resumes_unreported_and_failed_courses():
    torn = '{"event": "course", "key": "c", "sta'
    lines = [PLAN, line(event="course", key="a", status="ok"), line(event="course", key="b", status="failed"), torn]
    run = runs.parse("x", lines)
    assert run.remaining == ["b", "c"]
    assert run.ended is None
    assert run.select == {"only": ["stale"]}


def test_latest_run_with_work_is_resumed(tmp_path):
    for name, lines in (("20260101T000000Z-0000", [PLAN]), ("20260102T000000Z-0000", [])):
        log = runs.Log(tmp_path, name)
        for text in lines:
            log.write(json.loads(text))
        log.close()
    assert runs.to_resume(tmp_path, "latest").name == "20260101T000000Z-0000"
    with pytest.raises(BlockStructureError, match="There is no run 20250101T000000Z-0000 in"):
        runs.to_resume(tmp_path, "20250101T000000Z-0000")


def test_nothing_to_resume_is_reported(tmp_path):
    with pytest.raises(BlockStructureError, match="There is no run to resume in"):
        runs.to_resume(tmp_path / "nowhere", "latest")
    log = runs.Log(tmp_path, "20260101T000000Z-0000")
    log.write(json.loads(PLAN))
    for key in "abc":
        log.write({"event": "course", "key": key, "status": "ok"})
    log.close()
    with pytest.raises(BlockStructureError, match="The run 20260101T000000Z-0000 is complete"):
        runs.to_resume(tmp_path, "latest")


def test_oldest_runs_are_removed_and_directories_are_private(tmp_path):
    for number in range(runs.KEEP + 3):
        runs.Log(tmp_path, f"202601{number + 1:02d}T000000Z-0000").close()
    kept = runs.find(tmp_path)
    assert len(kept) == runs.KEEP
    assert kept[0].name == "20260123T000000Z-0000"
    assert kept[0].stat().st_mode & 0o777 == 0o700


# The program in the LMS


def test_an_operation_without_an_answer_does_not_end_the_others(monkeypatch):
    """As of the spool of a storage class that has none."""
    events = []
    monkeypatch.setattr(entry, "emit", lambda event, **data: events.append({"event": event, **data}))
    monkeypatch.setitem(entry.OPERATIONS, "spool", lambda _operation, _release: None)
    entry.run({"protocol": entry.PROTOCOL, "release": {}, "operations": [{"op": "spool"}, {"op": "spool"}]})
    assert events[-1]["event"] == "result", events
    assert events[-1]["results"] == [None, None]


# Reports and exit codes

COURSE = {"key": "a", "status": "ok", "blocks": 1}
RESULT = {
    "planned": 1,
    "skipped": {},
    "unpublished": [],
    "failures": [],
    "left": [],
    "ended": "done",
    "outage": None,
    "published_meanwhile": [],
}


def done(courses=(COURSE,), **result):
    return {"run": "r", "results": [{**RESULT, **result}], "courses": list(courses), "resumed": None, "ended": "done"}


@pytest.mark.parametrize(
    ("given_back", "code", "message"),
    [
        (done(), exit_codes.OK, ""),
        (
            done([COURSE, {"key": "b", "status": "failed", "type": "XMLSyntaxError", "message": "no"}]),
            exit_codes.FAILED,
            "b failed: XMLSyntaxError: no\nRemedy: fix",
        ),
        (
            done(ended="stopped", left=["b"]),
            exit_codes.INTERRUPTED,
            "The run was stopped; 1 courses are left.\nRemedy: continue",
        ),
        (
            done(ended="outage", outage="storage", left=["b"]),
            exit_codes.ENVIRONMENT,
            "The storage was unavailable for too long; 1 courses are left.\nRemedy: fix it",
        ),
        (
            {"failed": True, "error": BlockStructureError("run-held", "Held.", "wait.").as_dict()},
            exit_codes.REFUSED,
            "Held.\nRemedy: wait.",
        ),
        (
            {"failed": True, "error": BlockStructureError("course-unknown", "No.", "correct.").as_dict()},
            exit_codes.USAGE,
            "No.\nRemedy: correct.",
        ),
        (
            {"failed": True, "msg": "Timeout exceeded"},
            exit_codes.ENVIRONMENT,
            "The run broke off: Timeout exceeded\nRemedy: run it",
        ),
        (
            {
                "failed": True,
                "data": "",
                "msg": "Traceback (most recent call last):\n  File\nValueError: No start of json char",
            },
            exit_codes.ENVIRONMENT,
            "The run broke off: its process on the host ended without an answer; was it killed?\nRemedy: run it",
        ),
        (
            {"failed": True, "data": "Killed", "msg": "Traceback (most recent call last):\n  File\nValueError: No start"},
            exit_codes.ENVIRONMENT,
            "The run broke off: ValueError: No start\nRemedy: run it",
        ),
    ],
)
def test_each_outcome_has_its_exit_code_and_message(given_back, code, message):
    reported = generation.report(given_back)
    assert reported["exit_code"] == code
    assert generation.failure_text(reported).startswith(message)
    assert bool(generation.failure_text(reported)) == bool(code)


def test_what_a_second_look_finds_fresh_was_generated_by_the_first():
    first = {"op": "generate", "ended": "done", "planned": 2, "skipped": {}, "seconds": 2.5}
    second = {"op": "generate", "ended": "done", "planned": 0, "skipped": {"fresh": 2}, "seconds": 0.1}
    courses = [{**COURSE, "key": key} for key in ("a", "b")]
    reported = generation.report({"results": [first, second, {"op": "survey"}], "courses": courses, "ended": "done"})
    assert (reported["planned"], reported["skipped"], reported["seconds"]) == (2, {}, 2.6)
    assert generation.totals(reported)[0].startswith("2 generated, 0 failed, 0 gone, 0 left; ")


def test_totals_have_wall_time_and_processor_time():
    courses = [{**COURSE, "cpu_seconds": 1.25}, {**COURSE, "key": "b", "cpu_seconds": 2.5}]
    assert "took 2.0 s, 3.8 s of processor time" in generation.totals(generation.report(done(courses, seconds=2.0)))
    unknown = generation.totals(generation.report(done(seconds=2.0)))
    assert "took 2.0 s, processor time unknown (Celery workers do not report it)" in unknown


def test_failed_courses_come_last():
    reported = generation.report(done([{**COURSE, "status": "failed"}, {**COURSE, "key": "b"}]))
    assert [course["key"] for course in reported["courses"]] == ["b", "a"]


def test_a_dry_run_lists_reasons():
    reported = generation.report(
        done([], ended="dry-run", run=[{"key": "a", "why": "stale", "words": "older"}], skipped={"fresh": 3})
    )
    assert generation.summary(reported) == ["a: stale (older)", "1 courses would be generated, 3 fresh"]


def test_summary_names_unpublished_courses():
    reported = generation.report(done(unpublished=[f"course-{number}" for number in range(7)]))
    assert reported["unpublished"][-1] == "course-6"
    never = "7 never published, so there is nothing to generate: course-0, course-1, course-2, course-3, course-4 and 2 more"
    assert generation.totals(reported)[-1] == never
    # Before Maple there is no index to know it from, so nothing is reported.
    assert "never published" not in " ".join(generation.totals(generation.report(done(unpublished=None))))


def test_progress_reports_failures_at_once_and_counts_periodically(monkeypatch):
    lines = progress.Progress()
    count = {"event": "progress", "operation": "generate", "done": 2, "total": 4, "failed": 1}
    assert lines.lines({"event": "course", "key": "a", "status": "failed", "type": "T", "message": "m"}) == ["a failed: T: m"]
    assert lines.lines(count) == ["generate: 2/4 courses, 1 failed"]
    assert lines.lines({**count, "done": 3}) == []
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0)
    assert lines.lines({**count, "done": 3})[0].startswith("generate: 3/4 courses, 1 failed, ")
    # A deploy surveys afterwards: a separate operation with its own start time.
    assert lines.lines({**count, "operation": "survey", "done": 0}) == ["survey: 0/4 courses, 1 failed"]


def test_progress_shows_rate_time_left_and_the_slow_course(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    event = {"event": "progress", "operation": "generate", "done": 0, "total": 4, "failed": 0, "seconds_left": None}
    lines = progress.Progress()
    assert lines.lines(event) == ["generate: 0/4 courses, 0 failed"]
    now[0] += 90
    longest = {"key": "course-v1:X+H2+1", "seconds": 41.4}
    reported = lines.lines({**event, "done": 2, "seconds_left": 130.4, "longest": longest})
    assert reported == ["generate: 2/4 courses, 0 failed, 1.3 per minute, about 2 min left, course-v1:X+H2+1 for 41 s"]
    now[0] += 90
    # No estimate once it is used up.
    reported = lines.lines({**event, "done": 2, "longest": {**longest, "seconds": 9}})
    assert reported == ["generate: 2/4 courses, 0 failed, 40.0 per hour"]


@pytest.mark.parametrize(
    ("seconds", "message"), [(0.2, "1 s"), (119.4, "119 s"), (120, "2 min"), (3600, "60 min"), (7200, "2.0 h")]
)
def test_times_are_reported_as_exactly_as_they_are_known(seconds, message):
    assert progress.duration(seconds) == message


# How long it will take


def tallied(sizes):
    seen = []
    return tally.Tally("generate", sizes, seen.append), seen


def test_time_left_is_reported_by_size_and_never_rises_while_a_large_course_runs():
    counts, _ = tallied({"large": 10**6, "small": 10**4, "other": 10**4})
    assert counts.left({}, 1) is None
    counts.final({"key": "small", "status": "ok"}, 1.0)
    pace = 1.0 / (10**4 + tally.FIXED_BYTES)
    large = (10**6 + tally.FIXED_BYTES) * pace
    assert counts.left({}, 1) == pytest.approx(large + 1.0)
    seen = [counts.left({"large": second}, 2) for second in range(0, int(large) + 30, 5)]
    assert seen == sorted(seen, reverse=True)
    # The largest course is the lower bound for any number of workers.
    assert counts.left({}, 8) == pytest.approx(large)
    counts.final({"key": "other", "status": "failed"}, 50.0)
    assert counts.left({}, 8) == pytest.approx(large)
    # It takes longer than any estimate.
    assert counts.left({"large": large + 1}, 2) is None
    counts.final({"key": "large", "status": "ok"}, large)
    assert counts.left({}, 2) == 0
    assert (counts.done, counts.failed, counts.total) == (3, 1, 3)


@given(st.lists(st.none() | st.integers(0, 10**7), min_size=1, max_size=9), st.integers(1, 8), st.floats(0.01, 100))
def test_time_left_is_exact_at_a_constant_rate(sizes, lanes, pace):
    counts, reports = tallied({str(number): size for number, size in enumerate(sizes)})
    weights = dict(counts.ahead)
    key = next(iter(weights))
    counts.final({"key": key, "status": "ok"}, weights.pop(key) * pace)
    expected = max([sum(weights.values()) / lanes, *weights.values()]) * pace
    assert counts.left({}, lanes) == pytest.approx(expected)
    assert len(reports) == 1


# A pool of forked workers

BEFORE = gc.get_threshold()


@pytest.fixture
def reported(monkeypatch):
    """Events that a pool emits, without a platform whose connections it would close."""
    seen = []

    def emit(event, **data):
        seen.append({"event": event, **data})

    for module in (workers, generate, enqueue, tally):
        monkeypatch.setattr(module, "emit", emit)
    monkeypatch.setattr(workers.edxapp, "close_connections", lambda: None)
    return seen


class Job(workers.Job):
    """A function of a course's key."""

    def __init__(self, work):
        self.work = work

    def __call__(self, key):
        return self.work(key)


def test_what_the_operations_have_a_worker_do_is_a_job():
    """A worker of anything else ends before its first course, and each course counts as one that could not be read."""
    for operation in (generate.CourseJob, generate.ReadJob):
        assert issubclass(operation, workers.Job)


def pool(job, keys, *, size=2, timeout=30, budget_mb=None, patience=20):
    reports = []
    counts = tally.Tally("generate", dict.fromkeys(keys), reports.append)
    made = workers.WorkerPool(Job(job), keys, counts, size, timeout, budget_mb, patience)
    made.reports = reports
    return made


KEYS = [f"course-{number}" for number in range(12)]


@pytest.mark.usefixtures("reported")
def test_a_crew_does_each_course_once_in_several_processes(monkeypatch):
    monkeypatch.setattr(workers, "COURSES_PER_WORKER", 3)
    made = pool(lambda _key: {"status": "ok", "pid": os.getpid()}, KEYS)
    made.work()
    assert sorted(report["key"] for report in made.reports) == sorted(KEYS)
    pids = [report["pid"] for report in made.reports]
    assert os.getpid() not in pids
    assert max(pids.count(pid) for pid in pids) == 3


@pytest.mark.usefixtures("reported")
def test_waiting_counts_as_wall_time_and_work_as_processor_time():
    def job(key):
        until = time.monotonic() + 0.3
        while key == "busy" and time.monotonic() < until:
            pass
        time.sleep(0.3 if key == "waiting" else 0)
        return {"status": "ok"}

    made = pool(job, ["busy", "waiting"], size=1)
    made.work()
    found = {report["key"]: report for report in made.reports}
    assert min(report["seconds"] for report in found.values()) >= 0.3
    assert found["busy"]["cpu_seconds"] > 10 * found["waiting"]["cpu_seconds"]


class Block:
    """Garbage in a cycle, as XBlock runtimes make it; counts those that nobody has freed."""

    alive = 0

    def __init__(self):
        self.cycle = self
        Block.alive += 1

    def __del__(self):
        Block.alive -= 1


@pytest.mark.usefixtures("reported")
def test_what_a_course_leaves_is_collected_between_courses_and_is_bounded():
    def job(_key):
        left, collected = Block.alive, sum(one["collections"] for one in gc.get_stats())
        for _ in range(30_000):
            Block()
        during = sum(one["collections"] for one in gc.get_stats()) - collected
        return {"status": "ok", "left": left, "during": during, "enabled": gc.isenabled(), "thresholds": gc.get_threshold()}

    made = pool(job, KEYS, size=1)
    made.work()
    assert [(report["left"], report["during"], report["enabled"]) for report in made.reports] == [(0, 0, True)] * len(KEYS)
    assert {report["thresholds"][0] for report in made.reports} == {workers.collector.BOUND}
    assert (Block.alive, gc.get_threshold()[0]) == (0, BEFORE[0])


@pytest.mark.usefixtures("reported")
def test_hashes_of_keys_are_kept_in_a_worker_and_nowhere_else(monkeypatch):
    calls = []
    monkeypatch.setattr(workers.keys, "hash_once", lambda: calls.append(os.getpid()))
    made = pool(lambda _key: {"status": "ok", "calls": list(calls)}, KEYS, size=1)
    made.work()
    assert all(report["calls"] == [report["worker"]] for report in made.reports)
    assert calls == []


def test_killed_worker_costs_its_course_one_retry(reported, tmp_path):
    def job(key):
        mark = tmp_path / key
        if key == "course-3" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"status": "ok"}

    made = pool(job, KEYS)
    made.work()
    attempts = {report["key"]: report["attempt"] for report in made.reports}
    assert attempts.pop("course-3") == 2
    assert set(attempts.values()) == {1}
    assert [event["message"] for event in reported if event["event"] == "retry"] == ["the worker died: killed by signal 9"]


@pytest.mark.usefixtures("reported")
def test_course_whose_worker_dies_twice_has_failed():
    made = pool(lambda key: os._exit(7) if key == "course-3" else {"status": "ok"}, KEYS)
    made.work()
    failed = [report for report in made.reports if report["status"] == "failed"]
    assert [(report["key"], report["type"], report["attempt"]) for report in failed] == [("course-3", "WorkerDied", 2)]
    assert failed[0]["message"] == "the worker died: exited with 7"
    assert len(made.reports) == len(KEYS)


@pytest.mark.usefixtures("reported")
def test_hanging_worker_is_killed_after_the_course_timeout():
    made = pool(lambda key: time.sleep(60) or {} if key == "course-3" else {"status": "ok"}, KEYS[:5], timeout=1)
    made.work()
    failed = [report for report in made.reports if report["status"] == "failed"]
    assert [(report["key"], report["type"], report["attempt"]) for report in failed] == [("course-3", "Timeout", 2)]


def test_outage_is_waited_out_without_costing_an_attempt(reported):
    start = time.time()

    def job(_key):
        away = time.time() - start < 3
        return {"status": "failed", "outage": "storage", "type": "T", "message": "m"} if away else {"status": "ok"}

    made = pool(job, KEYS)
    made.work()
    assert [report["status"] for report in made.reports] == ["ok"] * len(KEYS)
    assert {report["attempt"] for report in made.reports} == {1}
    assert [event["over"] for event in reported if event["event"] == "outage"] == [False, True]
    assert made.left == []


@pytest.mark.usefixtures("reported")
def test_long_outage_leaves_the_rest_for_a_resumed_run():
    made = pool(lambda _key: {"status": "failed", "outage": "database", "type": "T", "message": "m"}, KEYS, patience=2)
    made.work()
    assert made.outage == "database"
    assert made.reports == []
    assert sorted(made.left) == sorted(KEYS)


def test_first_signal_lets_running_courses_finish(reported):
    made = pool(lambda _key: time.sleep(1) or {"status": "ok"}, KEYS)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    made.work()
    assert made.stopped
    assert len(made.reports) == 2
    assert sorted([report["key"] for report in made.reports] + made.left) == sorted(KEYS)
    assert [event["event"] for event in reported if event["event"] == "stopping"] == ["stopping"]


@pytest.mark.usefixtures("reported")
def test_second_signal_abandons_running_courses():
    made = pool(lambda _key: time.sleep(30) or {"status": "ok"}, KEYS)
    for seconds in (0.3, 1.2):
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.time()
    made.work()
    assert time.time() - start < 15
    assert made.reports == []
    assert sorted(made.left) == sorted(KEYS)


@pytest.mark.usefixtures("reported")
def test_memory_limits_the_number_of_workers():
    made = pool(lambda _key: {"status": "ok"}, KEYS, size=4, budget_mb=1)
    made.work()
    assert made.figures()["workers"] == 1
    assert len(made.reports) == len(KEYS)


def test_budget_uses_the_measured_memory_of_a_worker():
    budget = memory.Budget(1000)
    budget.measured(300, 500)
    assert (budget.allowed(8), budget.worker_mb, budget.peak_mb) == (3, 300, 500)
    budget.measured(450, 460)
    assert (budget.allowed(8), budget.peak_mb) == (2, 500)
    budget.measured(5000, 5000)
    assert budget.allowed(8) == 1


# The platform's Celery workers; the broker is a list of its content at each check. The sandbox tests a real one


LMS, HIGH = "edx.lms.core.default", "edx.lms.core.high"


def held(*, tasks=(), waiting=None, served=(LMS,)):
    return enqueue.Held(tasks, {LMS: 0, **(waiting or {})}, set(served))


@pytest.fixture
def queue(monkeypatch):
    """Return a function that lets a queue with one task out look at what a broker holds, a second apart."""
    monkeypatch.setattr(enqueue, "INSPECT_SECONDS", 0)
    monkeypatch.setattr(enqueue.edxapp, "published_version", lambda _key: "1")

    def inspect(*seen, patience=1):
        broker = iter(seen)
        monkeypatch.setattr(enqueue, "Broker", lambda _key: type("Broker", (), {"inspect_site": lambda _self: next(broker)})())
        options = generate.Options({"patience_seconds": patience, "engine": "celery"})
        made = enqueue.Queue([], {}, {}, options, tally.Tally("generate", {"a": 1}, lambda _report: None), None)
        made.out["a"] = enqueue._Task("a")
        made.out["a"].since = time.time()
        for number in range(len(seen)):
            now = 100.0 + number
            monkeypatch.setattr(enqueue.time, "time", lambda now=now: now)
            made._inspect()
        return made

    return inspect


def test_unresponsive_workers_become_an_outage(queue, reported):
    silent = held(tasks=None, waiting={LMS: 1}, served=())
    assert queue(silent, silent).outage is None
    assert queue(silent, silent, silent).outage == "Celery workers"
    assert reported[-1]["message"] == "no Celery worker answers; waiting messages: 1 in edx.lms.core.default"


def test_unread_queue_is_an_outage_even_if_studios_worker_answers(queue, reported):
    unread = held(waiting={LMS: 1}, served=["edx.cms.core.default"])
    assert queue(unread, unread, unread).outage == "Celery workers"
    assert reported[-1]["message"] == "no Celery worker reads the queue; waiting messages: 1 in edx.lms.core.default"


def test_messages_of_others_that_nobody_reads_do_not_matter_while_ours_move(queue, reported):
    working = held(tasks=["update_course_in_cache_v2 {'course_id': 'a'}"], waiting={HIGH: 7})
    waits = held(waiting={LMS: 1, HIGH: 7})
    assert queue(working, waits, working, waits).outage is None
    assert reported == []


def test_a_task_that_nothing_holds_is_lost_after_some_looks(queue, reported):
    made = queue(*[held()] * enqueue.MISSES_BEFORE_LOST)
    assert [(event["event"], event["type"]) for event in reported] == [("retry", "TaskLost")]
    assert [task.attempt for task in made.waiting] == [2]
    assert made.out == {}


def away(module: str, name: str, **attributes):
    """Return an exception as raised by a library of that name."""
    return type(name, (Exception,), {"__module__": module, **attributes})("m")


@pytest.mark.parametrize(
    ("error", "service"),
    [
        (away("botocore.exceptions", "EndpointConnectionError"), "storage"),
        (away("botocore.exceptions", "ReadTimeoutError"), "storage"),
        (away("botocore.exceptions", "ClientError", response={"Error": {"Code": "SlowDown"}}), "storage"),
        (away("botocore.exceptions", "ClientError", response={"ResponseMetadata": {"HTTPStatusCode": 503}}), "storage"),
        (away("botocore.exceptions", "ClientError", response={"Error": {"Code": "AccessDenied"}}), None),
        (away("django.db.utils", "OperationalError"), "database"),
        (away("django.db.utils", "IntegrityError"), None),
        (away("pymongo.errors", "ServerSelectionTimeoutError"), "modulestore"),
        (away("lxml.etree", "XMLSyntaxError"), None),
    ],
)
def test_an_outage_is_reported_from_a_course_that_is_broken(error, service):
    assert generate.outage_of(error) == service
    wrapper = Exception("wrapped")
    wrapper.__cause__ = error
    assert generate.outage_of(wrapper) == service


def test_events_are_parsed_from_mixed_output(capsys):
    protocol.emit("progress", done=1)
    assert json.loads(capsys.readouterr().out.partition(protocol.MARK)[2]) == {"event": "progress", "done": 1}


def test_interrupted_prune_cannot_be_resumed():
    reported = generation.prune_report({"failed": True, "msg": "Timeout exceeded"})
    assert reported["exit_code"] == exit_codes.ENVIRONMENT
    assert generation.failure_text(reported) == (
        "The run broke off: Timeout exceeded\nRemedy: run it again; removed objects are no longer listed."
    )
