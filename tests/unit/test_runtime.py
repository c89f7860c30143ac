"""What the LMS's workers run with: what is refused, measured, recommended, written, and asked of live processes."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import measured as sample_runs
import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import desired, runtime
from block_structure.module_utils.edit import managed_block
from block_structure.module_utils.host import processes
from block_structure.module_utils.probe.engine import running
from block_structure.module_utils.probe.operations import runtime as probe
from block_structure.plugin_utils.steps import worker_findings
from block_structure_cli import runs, tables
from hypothesis import example, given
from hypothesis import strategies as st

from .conftest import ROLE

BOTH = runtime.Wanted(runtime.OUT_OF_BAND, runtime.HASH_ONCE)
OUT_OF_BAND, HASH_ONCE = runtime.Wanted(runtime.OUT_OF_BAND), runtime.Wanted(keys=runtime.HASH_ONCE)


def test_workers_are_left_alone_by_default(variables, table):
    assert desired.resolve(variables, table).desired.runtime == {
        "collector": "stock",
        "keys": "stock",
        "wanted": False,
        "managed": True,
        "environment": "collector=stock,keys=stock",
    }
    asked = {**variables, runtime.COLLECTOR_VARIABLE: "out_of_band", runtime.KEYS_VARIABLE: "hash_once"}
    reported = desired.resolve(asked, table).desired.runtime
    assert (reported["wanted"], reported["environment"]) == (True, "collector=out_of_band,keys=hash_once")
    assert desired.resolve({**variables, runtime.KEYS_VARIABLE: "hash_once"}, table).desired.runtime["wanted"]


def test_platform_without_a_runtime_is_refused_only_on_request(variables):
    elsewhere = {**variables, "block_structure_platform": "elsewhere"}
    assert not runtime.wanted(elsewhere)
    with pytest.raises(BlockStructureError) as refused:
        runtime.wanted({**elsewhere, runtime.KEYS_VARIABLE: "hash_once"})
    assert str(refused.value) == (
        "A runtime for the LMS's workers is requested, and this role does not support it on the platform elsewhere yet.\n"
        "Remedy: remove block_structure_runtime_collector and block_structure_runtime_keys; supported are native, "
        "tutor_local, tutor_k8s."
    )


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


def worker(pid=7, service="lms", collector="out_of_band", keys="hash_once", **report):
    """A worker that was asked for both, with what it runs with."""
    reported = {
        "thresholds": [500_000, 10, 10],
        "enabled": True,
        "collector": {"mode": collector, "asked": "out_of_band", "why": None, "bound": 500_000},
        "keys": {"mode": keys, "asked": "hash_once", "why": None},
        **report,
    }
    return {"pid": pid, "service": service, "report": reported}


def refusing(choice, why, asked, **more):
    found = worker(**more)
    found["report"][choice] = {"mode": "stock", "asked": asked, "why": why}
    return found


@pytest.mark.parametrize(
    ("found", "want", "problems"),
    [
        (worker(), BOTH, []),
        (worker(collector="stock"), BOTH, ["worker 7 of lms runs with collector stock, wanted is out_of_band"]),
        (worker(keys="stock"), BOTH, ["worker 7 of lms runs with keys stock, wanted is hash_once"]),
        (worker(), OUT_OF_BAND, ["worker 7 of lms runs with keys hash_once, wanted is stock"]),
        (worker(), HASH_ONCE, ["worker 7 of lms runs with collector out_of_band, wanted is stock"]),
        ({**worker(), "report": None}, BOTH, ["worker 7 of lms does not report what it runs with"]),
        ({**worker(), "pid": None, "report": None}, BOTH, ["worker of lms does not report what it runs with"]),
        (worker(enabled=False), BOTH, ["worker 7 of lms has garbage collection disabled"]),
        (worker(thresholds=[700, 10, 10]), BOTH, ["worker 7 of lms collects at 700 young objects, wanted is 500000"]),
        (worker(collector="stock", keys="hash_once", thresholds=[700, 10, 10], enabled=False), HASH_ONCE, []),
        (worker(), runtime.Wanted(), ["worker 7 of lms still runs with collector out_of_band and keys hash_once"]),
        ({**worker(), "report": None}, runtime.Wanted(), []),
        (worker(service="other"), BOTH, ["no worker of lms is running"]),
        # Another version of the package, or another package of that name.
        (
            {**worker(), "report": {"thresholds": [50000, 20, 100], "enabled": True}},
            BOTH,
            [
                "worker 7 of lms runs with collector None, wanted is out_of_band",
                "worker 7 of lms runs with keys None, wanted is hash_once",
            ],
        ),
    ],
)
def test_workers_are_judged_by_their_reports(found, want, problems):
    judged = runtime.judge_workers([found], ["lms"], want)
    assert (judged.problems, judged.refusals) == (problems, [])


def test_a_reason_to_leave_workers_alone_is_told_once_and_is_no_problem():
    threads = "gunicorn's worker class gunicorn.workers.gthread.ThreadWorker may serve several requests at once"
    unknown = "the installed edx-opaque-keys is not as expected: OpaqueKey has no method __eq__ of its own"
    found = [refusing("collector", threads, "out_of_band", pid=pid) for pid in (7, 8)]
    found += [refusing("keys", unknown, "hash_once", pid=9, service="lms worker"), worker(10)]
    judged = runtime.judge_workers(found, ["lms", "lms worker"], BOTH)
    assert judged.problems == []
    assert judged.refusals == [
        {"choice": "collector", "why": threads, "services": ["lms"], "workers": 2},
        {"choice": "keys", "why": unknown, "services": ["lms worker"], "workers": 1},
    ]
    findings = worker_findings({"problems": ["worker 7 of lms has garbage collection disabled"], "refusals": judged.refusals})
    assert [(one["id"], one["severity"], one["variable"], one["value"]) for one in findings] == [
        ("runtime-differs", "error", "block_structure_runtime_collector", None),
        ("runtime-left-alone", "warning", "block_structure_runtime_collector", "stock"),
        ("runtime-left-alone", "warning", "block_structure_runtime_keys", "stock"),
    ]
    more = "\nRemedy: set block_structure_runtime_{} to stock, or change what the message names (docs/runtime.md)."
    assert [one["message"] for one in findings] == [
        "Worker 7 of lms has garbage collection disabled.\nRemedy: run playbooks/deploy.yml.",
        f"Garbage collection left as it is in 2 workers (lms): {threads}.{more.format('collector')}",
        f"Hashing of opaque keys left as it is in 1 worker (lms worker): {unknown}.{more.format('keys')}",
    ]


def test_a_refusal_of_what_was_not_asked_for_now_is_a_difference():
    """As when the variable was changed and the worker was not restarted."""
    found = refusing("collector", "several threads", "stock")
    assert runtime.judge_workers([found], ["lms"], BOTH).problems == [
        "worker 7 of lms runs with collector stock, wanted is out_of_band"
    ]


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


SLEEPER = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()", "/edx/lms_gunicorn.py", "gunicorn"]
SITE = {"variable": "LMS_CFG", "path": "/edx/etc/lms.yml"}


@contextmanager
def sleeper(*before, **environment):
    """A process with the command line of a gunicorn; yields its pid."""
    argv = [*before, *SLEEPER]
    system = {**os.environ, **environment}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=system) as child:
        assert child.stdout.readline() == "up\n"
        yield child.pid
        child.stdin.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process mounts of its own")
def test_processes_with_other_mounts_are_not_of_this_host():
    """Such as those of a container, whose paths look like the host's. `unshare` becomes the program that it starts."""
    with sleeper() as here, sleeper("unshare", "--mount", "--") as elsewhere:
        found = {process.pid for process in processes.running()}
        assert Path(f"/proc/{elsewhere}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink()
        assert (here in found, elsewhere in found) == (True, False)
        assert (running._elsewhere(here), running._elsewhere(elsewhere)) == (False, True)


def test_processes_of_another_settings_file_are_of_another_site():
    with sleeper(LMS_CFG="/edx/etc/lms.yml") as own, sleeper(LMS_CFG="/edx/etc/other.yml") as other, sleeper() as silent:
        every = [process for process in processes.running() if process.pid in (own, other, silent)]
        service = {"name": "lms", "kind": "gunicorn", "match": "lms_gunicorn.py"}

        def found(settings):
            return {process.pid for process in every if processes._belongs(process, {**service, "settings": settings})}

        assert found(SITE) == {own, silent}
        assert found(None) == {own, other, silent}


def test_a_settings_file_may_be_named_by_a_link(tmp_path):
    (tmp_path / "lms.yml").touch()
    (tmp_path / "link.yml").symlink_to("lms.yml")
    with sleeper(LMS_CFG=str(tmp_path / "link.yml")) as pid:
        [process] = [process for process in processes.running() if process.pid == pid]
        assert not processes._of_another_site(process, {"variable": "LMS_CFG", "path": str(tmp_path / "lms.yml")})


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
import gc, os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from block_structure_runtime import gunicorn_hooks, reports
reports.REPORTS = sys.argv[2]
signal.signal(signal.SIGUSR1, lambda *_: print("logs reopened", flush=True))
class Worker:
    class cfg: preload_app = False
    class log: exception = print
gunicorn_hooks.concurrency_of = lambda worker: None
gunicorn_hooks._after_each = lambda worker, ours: None
hook = gunicorn_hooks.post_worker_init(collector="out_of_band", previous=lambda worker: print("previous", flush=True))
hook(Worker)
print("ready", flush=True)
signal.pause()
gc.set_threshold(1234, 5, 6)
os.kill(os.getpid(), signal.SIGUSR1)
while True: time.sleep(0.1)
"""


def test_a_live_worker_is_judged_by_what_it_answers(tmp_path):
    """The package's report, the reader and the judgement together; tests/runtime has the real servers."""
    argv = [sys.executable, "-B", "-c", AGENT, str(ROLE / "files"), str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert [child.stdout.readline().strip() for _ in range(2)] == ["previous", "ready"]
            [process] = [process for process in processes.running() if process.pid == child.pid]

            def judged(want=OUT_OF_BAND):
                entry = {"pid": child.pid, "service": "lms", "report": processes.report_of(tmp_path, process)}
                return runtime.judge_workers([entry], ["lms"], want).problems

            assert judged() == []
            assert judged(BOTH) == [f"worker {child.pid} of lms runs with keys stock, wanted is hash_once"]
            child.send_signal(signal.SIGUSR1)
            assert [child.stdout.readline().strip() for _ in range(2)] == ["logs reopened"] * 2
            deadline = time.monotonic() + 10
            while not judged() and time.monotonic() < deadline:
                time.sleep(0.05)
            bound = processes.report_of(tmp_path, process)["collector"]["bound"]
            assert judged() == [f"worker {child.pid} of lms collects at 1234 young objects, wanted is {bound}"]
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
