"""The collector of the LMS's workers: what is proposed, refused, recommended, written, and asked of live processes."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import measured as sample_runs
import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import desired, runtime
from block_structure.module_utils.edit import managed_block
from block_structure.module_utils.host import processes
from block_structure.module_utils.probe.operations import runtime as probe
from block_structure_cli import runs, tables
from hypothesis import example, given
from hypothesis import strategies as st

from .conftest import ROLE

TUNED = runtime.Wanted([50000, 20, 100], freeze=False)


@pytest.mark.parametrize(
    ("objects", "young"), [(490_000, 50_000), (100_000, 10_000), (0, 10_000), (760_000, 80_000), (5_000_000, 100_000)]
)
def test_thresholds_are_proposed_from_the_sites_heap(objects, young):
    assert probe.propose(objects) == [young, 20, 100]


@given(st.integers(min_value=0, max_value=10**8))
def test_every_proposal_is_accepted(objects):
    runtime.check_thresholds(probe.propose(objects))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([50000, 20], "gc.set_threshold takes three numbers"),
        ("50000,20,100", "gc.set_threshold takes three numbers"),
        ([50000, 20, "100"], "each must be an integer"),
        ([50000, True, 100], "each must be an integer"),
        ([0, 20, 100], "zero disables garbage collection, and the memory of a worker would grow without limit"),
        ([699, 20, 100], "699 is not between 700 and 1000000"),
        ([50000, 0, 100], "0 is not between 1 and 1000"),
        ([50000, 20, 1001], "1001 is not between 1 and 1000"),
    ],
)
def test_thresholds_that_hurt_are_refused(variables, table, value, why):
    reported = desired.resolve({**variables, runtime.THRESHOLDS_VARIABLE: value}, table)
    assert [str(error) for error in reported.errors] == [
        (
            f"block_structure_runtime_gc_thresholds is {value}: {why}.\nRemedy: set three integers, such as [50000, 20, 100]: "
            "the first from 700 to 1000000, the others from 1 to 1000; or leave it unset (null)."
        )
    ]


def test_gc_tuning_is_off_by_default(variables, table):
    assert desired.resolve(variables, table).desired.runtime == {
        "thresholds": None,
        "freeze": False,
        "wanted": False,
        "managed": True,
        "python": "None",
        "environment": "",
    }
    asked = {**variables, runtime.THRESHOLDS_VARIABLE: [50000, 20, 100], runtime.FREEZE_VARIABLE: True}
    reported = desired.resolve(asked, table).desired.runtime
    assert (reported["wanted"], reported["python"], reported["environment"]) == (
        True,
        "[50000, 20, 100]",
        "50000,20,100,freeze",
    )


def test_platform_without_gc_tuning_is_refused_only_on_request(variables):
    elsewhere = {**variables, "block_structure_platform": "elsewhere"}
    assert not runtime.wanted(elsewhere)
    with pytest.raises(BlockStructureError, match="does not support it on the platform elsewhere yet") as refused:
        runtime.wanted({**elsewhere, runtime.FREEZE_VARIABLE: True})
    assert refused.value.remedy.endswith("supported are native, tutor_local, tutor_k8s.")


def test_measured_courses_are_few_and_of_all_sizes():
    sizes = [50, 599, 700, 1900, 2100, 4900, 9000, 10_000, 12_000, 16_000]
    courses = [{"key": f"c{blocks}", "blocks": blocks} for blocks in sizes] + [{"key": "unknown", "blocks": None}]
    assert probe.pick(courses) == ["c1900", "c4900", "c10000", "c16000"]
    assert probe.pick([{"key": "small", "blocks": 100}]) == []


class Store:
    """Deserializes into many containers, like a structure."""

    def _deserialize(self, data, _usage_key):
        return [{"block": [number]} for number in range(data)]


def test_fork_measures_without_changing_this_process():
    before = (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count())
    compared = probe.variants([700, 10, 10], [50000, 20, 100])
    reported = {name: probe._in_fork(lambda v=v: probe._reads(v, [(200_000, None)], Store())) for name, v in compared.items()}
    assert (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()) == before
    assert {name: answer["thresholds"] for name, answer in reported.items()} == {
        name: variant["thresholds"] for name, variant in compared.items()
    }
    assert sum(reported["off"]["collections"]) == 0
    assert sum(reported["stock"]["collections"]) > 10 * sum(reported["thresholds"]["collections"]) > 0
    assert reported["stock"]["worst_pause_ms"] > 0
    assert all(answer["ms"][0] > 0 and answer["peak_kb"] > 10_000 for answer in reported.values())


def test_what_fails_in_a_fork_is_told():
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        probe._in_fork(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="the measuring process was killed"):
        probe._in_fork(lambda: os.kill(os.getpid(), 9))


def measured(stock=1640.0, tuned=830.0, **more):
    kinds = {"stock": stock, "thresholds": tuned, "freeze": stock * 0.75, "both": tuned * 0.95, "off": tuned * 0.9}
    return {
        "python": "3.11.2",
        "objects": 490_000,
        "candidate": [50000, 20, 100],
        "freeze_possible": True,
        "courses": [{"key": "course-v1:X+10K+1", "bytes": 857_000, "ms": kinds}],
        "variants": {
            name: {"thresholds": [50000, 20, 100], "worst_pause_ms": 180.0 if name == "stock" else 210.0, "peak_kb": 512_000}
            for name in kinds
        },
        **more,
    }


def test_benchmark_table_shows_each_tier_and_the_cost():
    key = "course-v1:X+10K+1"
    reported = runtime.recommend(measured(), blocks={key: 10_000})
    course = sample_runs.course(key, 10_000, cache=[2.0], storage=[30.0], unpickle=[1600.0])
    after = {**sample_runs.run([course]), "runtime": reported}
    before = sample_runs.run([sample_runs.course(key, 10_000, rebuild=[20_000.0])])
    table = tables.collector(after, before)
    assert table.cells() == [[key, "10,000", "20,000", "1,670", "1,642", "832", "749", "49 %"]]
    assert table.title == (
        "Garbage collector tuned to [50000, 20, 100]: peak memory 512,000 -> 512,000 KiB, worst pause 180 -> 210 ms"
    )
    assert tables.collector({**after, "runtime": None}).cells() == tables.collector(before).cells() == []
    runs.save(after, Path(os.devnull))


def test_uncacheable_course_is_read_from_storage_also_when_tuned():
    key = "course-v1:X+10K+1"
    course = sample_runs.course(key, 10_000, storage=[30.0])
    [row] = runs.ways({**sample_runs.run([course]), "runtime": runtime.recommend(measured())})
    assert (row["rebuild"], row["storage"], row["cache"], row["tuned"]) == (None, 1670.0, None, 860.0)


@pytest.mark.parametrize(
    ("stock", "tuned", "worth"), [(1640.0, 830.0, True), (60.0, 20.0, False), (1000.0, 930.0, False), (100.0, 120.0, False)]
)
def test_gain_must_be_large_in_milliseconds_and_percent(stock, tuned, worth):
    assert runtime.recommend(measured(stock, tuned))["worth_it"] is worth


def test_a_look_measures_what_its_finding_is_made_of_and_no_more():
    assert runtime.inspect(runtime.Wanted(None, False)) == {
        "op": "runtime",
        "thresholds": None,
        "variants": ["stock", "thresholds", "off"],
        "seconds": 10,
    }
    assert runtime.inspect(runtime.Wanted([60000, 20, 100], True))["variants"] == ["stock", "thresholds", "both", "off"]


class Platform:
    """The parts of the platform that the operation needs, and a clock that only forks advance."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.rounds = 0.0, 0
        monkeypatch.setattr(probe.edxapp, "store", Store, raising=False)
        monkeypatch.setattr(probe.edxapp, "forget_request", lambda: None)
        monkeypatch.setattr(probe.edxapp, "close_connections", lambda: None)
        rows = type("Rows", (), {"objects": None})
        monkeypatch.setattr(probe.edxapp, "models", lambda: type("Models", (), {"BlockStructureModel": rows}))
        monkeypatch.setattr(probe, "_stored", lambda _store, _rows, _key: ((b"data", None), None))
        monkeypatch.setattr(probe, "emit", lambda *_, **__: None)
        monkeypatch.setattr(probe.time, "time", lambda: self.now)
        monkeypatch.setattr(probe, "_in_fork", lambda _function: self.answer(seconds))

    def answer(self, seconds):
        self.now += seconds
        self.rounds += 1
        reported = {"thresholds": [700, 10, 10], "worst_pause_ms": 0.0, "peak_kb": 1, "collections": [0, 0, 0]}
        return {"ms": [1.0], "failed": {}, **reported}


@pytest.mark.parametrize(("seconds", "rounds"), [(60.0, 1), (5.0, 2), (0.1, 3)])
def test_rounds_end_in_time_and_at_least_one_runs(monkeypatch, seconds, rounds):
    platform = Platform(monkeypatch, seconds)
    reported = probe.run({"courses": ["c"], "variants": ["stock"], "seconds": 10}, None)
    assert platform.rounds == rounds
    assert [course["ms"] for course in reported["courses"]] == [{"stock": 1.0}]


def test_corrupt_object_is_named_and_other_courses_are_measured(monkeypatch):
    class Reading:
        def _deserialize(self, data, _usage_key):
            if data == b"corrupt":
                raise ValueError("not a structure")

    fork = probe._in_fork
    Platform(monkeypatch, 0.1)
    monkeypatch.setattr(probe, "_in_fork", fork)
    monkeypatch.setattr(probe.edxapp, "store", Reading, raising=False)
    monkeypatch.setattr(probe, "_stored", lambda _store, _rows, key: ((key.encode(), None), None))
    reported = probe.run({"courses": ["corrupt", "whole"], "variants": ["stock"]}, None)
    assert [course["key"] for course in reported["courses"]] == ["whole"]
    assert [(one["key"], one["type"], one["message"]) for one in reported["skipped"]] == [
        ("corrupt", "ValueError", "not a structure")
    ]


def test_without_a_course_only_named_variants_are_tried(monkeypatch):
    platform = Platform(monkeypatch, 0.1)
    assert probe.run({"courses": []}, None)["variants"] == {}
    assert platform.rounds == 0
    assert list(probe.run({"courses": [], "variants": ["thresholds"]}, None)["variants"]) == ["thresholds"]


def test_what_other_processes_do_is_not_taken_for_the_collector():
    """Processor time: a read that only waits costs none."""

    class Waiting:
        def _deserialize(self, _data, _usage_key):
            time.sleep(0.2)

    reported = probe._reads({"thresholds": [700, 10, 10], "freeze": False}, [(b"", None)], Waiting())
    assert reported["ms"][0] < 100


def test_unsupported_python_is_refused_before_any_change():
    old = measured(python="3.5.2", freeze_possible=False)
    with pytest.raises(BlockStructureError, match=r"Python 3\.5\.2 of the LMS has no gc\.freeze"):
        runtime.check_possible(runtime.Wanted(None, True), old)
    runtime.check_possible(TUNED, old)
    with pytest.raises(BlockStructureError, match=r"turns the thresholds \[60000, 20, 100\] into \[50000, 20, 100\]"):
        runtime.check_possible(runtime.Wanted([60000, 20, 100], False), measured())


def test_python_3_14_has_no_third_threshold():
    assert runtime.takes([50000, 20, 100], [50000, 20, 0], "3.14.0")
    assert not runtime.takes([50000, 20, 100], [50000, 20, 0], "3.12.1")


def worker(**report):
    reported = {"thresholds": [50000, 20, 100], "python": "3.11.2", "enabled": True, "frozen": 0, **report}
    return {"pid": 7, "service": "lms", "report": reported}


@pytest.mark.parametrize(
    ("found", "want", "problems"),
    [
        (worker(), TUNED, []),
        (worker(thresholds=[700, 10, 10]), TUNED, ["worker 7 of lms runs with [700, 10, 10], wanted is [50000, 20, 100]"]),
        ({**worker(), "report": None}, TUNED, ["worker 7 of lms does not report its thresholds"]),
        (worker(), runtime.Wanted(None, True), ["worker 7 of lms has frozen nothing"]),
        (worker(frozen=1000), runtime.Wanted(None, True), []),
        (worker(enabled=False), TUNED, ["worker 7 of lms has garbage collection disabled"]),
        (worker(), runtime.Wanted(None, False), ["worker 7 of lms still runs with [50000, 20, 100]"]),
        ({**worker(), "report": None}, runtime.Wanted(None, False), []),
        ({**worker(), "service": "other"}, TUNED, ["no worker of lms is running"]),
    ],
)
def test_workers_are_checked_by_their_reports(found, want, problems):
    assert runtime.judge_workers([found], ["lms"], want) == problems


def test_workers_are_children_with_the_command_line_of_their_service():
    def process(pid, parent, *message):
        return processes.Process(pid, pid * 10, parent, message)

    conf, app = "/edx/app/edxapp/lms_gunicorn.py", "--app=lms.celery:APP"
    seen = [
        process(1, 0, "/sbin/init"),
        process(10, 1, "python", "/venv/bin/gunicorn", "-c", conf, "lms.wsgi"),
        process(11, 10, "python", "/venv/bin/gunicorn", "-c", conf, "lms.wsgi"),
        process(12, 10, "python", "/venv/bin/gunicorn", "-c", conf, "lms.wsgi"),
        process(20, 1, "python", "/venv/bin/gunicorn", "-c", "/edx/app/edxapp/cms_gunicorn.py", "cms.wsgi"),
        process(21, 20, "python", "/venv/bin/gunicorn", "-c", "/edx/app/edxapp/cms_gunicorn.py", "cms.wsgi"),
        process(30, 1, "python", "/venv/bin/celery", app, "worker"),
        process(31, 30, "python", "/venv/bin/celery", app, "worker"),
        process(40, 1, "vi", conf),
        process(50, 1, "gunicorn: master [lms.wsgi]"),
        process(51, 50, "gunicorn: worker [lms.wsgi]"),
    ]
    services = [
        {"name": "lms", "kind": "gunicorn", "match": conf, "title": "[lms.wsgi"},
        {"name": "worker", "kind": "celery", "match": "lms.celery:APP"},
    ]
    assert [(name, process.pid) for name, process in processes.workers(seen, services)] == [
        ("lms", 11),
        ("lms", 12),
        ("lms", 51),
        ("worker", 31),
    ]


def test_a_process_is_known_by_pid_and_start():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        [found] = [process for process in processes.running() if process.pid == child.pid]
        assert found.parent == os.getpid()
        assert found.alive()
        memory = found.memory()  # one reading: a process that starts grows between two
        assert memory["peak_kb"] >= memory["resident_kb"] > 0
        assert not processes.Process(found.pid, found.started + 1, found.parent, found.argv).alive()
    finally:
        child.kill()
        child.wait()
    assert not found.alive()
    assert found.memory() == {"resident_kb": 0, "peak_kb": 0}


AGENT = """
import gc, signal, sys, time
sys.path.insert(0, sys.argv[1])
import block_structure_runtime
from block_structure_runtime import gunicorn_hooks
block_structure_runtime.REPORTS = sys.argv[2]
signal.signal(signal.SIGUSR1, lambda *_: print("logs reopened", flush=True))
class Worker:
    class cfg: preload_app = False
gunicorn_hooks.post_worker_init([50000, 20, 100], freeze=True, former=lambda worker: print("former", flush=True))(Worker)
gc.set_threshold(1234, 5, 6)
print("ready", flush=True)
while True: time.sleep(0.1)
"""


def test_worker_reports_current_thresholds_and_keeps_its_handler(tmp_path):
    (tmp_path / "4194305.json").write_text("{}")  # no pid is that large: its process is gone
    argv = [sys.executable, "-B", "-c", AGENT, str(ROLE / "files"), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert [child.stdout.readline().strip() for _ in range(2)] == ["former", "ready"]
            path = tmp_path / f"{child.pid}.json"
            assert list(tmp_path.iterdir()) == [path]
            first = json.loads(path.read_text())
            assert (first["thresholds"], first["kind"], first["enabled"]) == ([50000, 20, 100], "gunicorn", True)
            assert first["frozen"] > 1000
            assert first["started"] == next(entry for entry in processes.running() if entry.pid == child.pid).started
            child.send_signal(signal.SIGUSR1)
            assert child.stdout.readline().strip() == "logs reopened"
            deadline = time.monotonic() + 10
            while (now := json.loads(path.read_text()))["time"] <= first["time"] and time.monotonic() < deadline:
                time.sleep(0.05)
            assert now["thresholds"] == [1234, 5, 6]
        finally:
            child.kill()


@given(st.text(), st.text(alphabet="abc =\n"), st.text(alphabet="xyz\n"))
@example("", "a", "b")
@example("unended", "a", "b")
@example("unix\r", "a", "b")
@example("a\r\nb\r\n", "a\nb", "b")
@example("a\r\nunended", "a\nb", "b")
def test_adding_and_removing_a_block_restores_every_byte(text, block, other):
    once = managed_block.put(text, block)
    assert managed_block.put(once, block) == once
    assert managed_block.get(text) is None
    assert (managed_block.get(once) or "").splitlines() == block.splitlines()
    assert managed_block.put(once, None) == text
    assert managed_block.put(managed_block.put(once, other), None) == text
    assert managed_block.put(text, None) == text


@given(st.text(alphabet="ab\n"), st.text(alphabet="cd\n"))
def test_block_keeps_its_position(before, after):
    text = managed_block.put(before, "one") + after
    changed = managed_block.put(text, "two")
    assert managed_block.put(changed, None) == before + after
    assert changed.endswith(after)


def test_a_block_without_its_end_is_refused():
    with pytest.raises(ValueError, match="line 2 begins a block without the end marker '# END block_structure'"):
        managed_block.put(f"a\n{managed_block.BEGIN}\nb\n", "c")
