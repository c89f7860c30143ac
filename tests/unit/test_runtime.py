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
from block_structure.module_utils.probe.engine import ages
from block_structure.module_utils.probe.operations import runtime as probe
from block_structure.plugin_utils.steps import worker_findings
from block_structure_cli import runs, tables
from hypothesis import example, given
from hypothesis import strategies as st

from .conftest import PLUGINS

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


class Structure:
    def __init__(self, size):
        self.blocks = [{"block": [number]} for number in range(size)]
        self.cycle = self  # the platform's are part of cycles too

    def topological_traversal(self):
        return iter(range(3))

    def get_xblock_field(self, key, name):
        return (key, name)


class Store:
    """Deserializes into as many containers as bytes, like a structure."""

    def _deserialize(self, data, _usage_key):
        if data == b"corrupt":
            raise ValueError("not a structure")
        return Structure(len(data))


def test_fork_measures_without_changing_this_process():
    before = (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count())
    structures = [(bytes(100_000), None, True)] * 2
    reported = {name: probe._in_fork(lambda n=name: probe._reads(n, structures, Store())) for name in ("stock", "out_of_band")}
    assert (gc.get_threshold(), list(gc.callbacks), gc.get_freeze_count()) == before
    stock, tuned = reported["stock"], reported["out_of_band"]
    assert (sum(tuned["collections"]), tuned["worst_pause_ms"]) == (0, 0.0)
    assert sum(stock["collections"]) > 100
    assert stock["worst_pause_ms"] > 0
    assert (stock["collect_ms"], tuned["collect_ms"] > 0) == (0.0, True)
    assert all(len(one["ms"]) == 2 and min(one["ms"]) > 0 and one["resident_mb"] > 10 for one in reported.values())


def test_what_fails_in_a_fork_is_reported():
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        probe._in_fork(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="the measuring process was killed"):
        probe._in_fork(lambda: os.kill(os.getpid(), 9))


def course(ms, page_ms=None, key="course-v1:X+10K+1"):
    """What the probe says of a course; stock, out_of_band, hash_once and both, each time."""
    names = ("stock", "out_of_band", "hash_once", "both")
    page = None if page_ms is None else dict(zip(names, page_ms, strict=False))
    return {"key": key, "bytes": 857_000, "ms": dict(zip(names, ms, strict=False)), "page_ms": page}


def measured(*courses, **more):
    variant = {"worst_pause_ms": 180.0, "collect_ms": 0.0, "resident_mb": 400, "collections": [9, 3, 1]}
    return {
        "python": "3.11.2",
        "objects": 490_000,
        "keys_why": None,
        "courses": list(courses or [course((1640.0, 830.0, 1500.0, 700.0))]),
        "variants": dict.fromkeys(("stock", "out_of_band", "hash_once", "both"), variant),
        "page_problem": None,
        "skipped": [],
        **more,
    }


READ = (100.0, 99.0, 98.0, 97.0)


@pytest.mark.parametrize(
    ("given", "offer"),
    [
        (course((1640.0, 830.0, 1500.0, 700.0)), ("out_of_band", "hash_once")),
        (course((1640.0, 830.0, 1600.0, 800.0)), ("out_of_band", "stock")),
        (course((1640.0, 1600.0, 1200.0, 1190.0)), ("stock", "hash_once")),
        # Less than 50 ms, and less than 10 %.
        (course((60.0, 20.0, 40.0, 15.0)), ("stock", "stock")),
        (course((1000.0, 930.0, 940.0, 910.0)), ("stock", "stock")),
        (course((100.0, 120.0, 110.0, 130.0)), ("stock", "stock")),
        # Each too little, both together enough.
        (course((400.0, 365.0, 365.0, 330.0)), ("out_of_band", "hash_once")),
        # A page weighs more than the read that is a part of it.
        (course(READ, (420.0, 300.0, 330.0, 220.0)), ("out_of_band", "hash_once")),
        (course((1640.0, 830.0, 1500.0, 700.0), (900.0, 890.0, 880.0, 870.0)), ("stock", "stock")),
        # Hashes cannot be kept here.
        (course((1640.0, 830.0)), ("out_of_band", "stock")),
    ],
)
def test_a_choice_is_offered_for_milliseconds_and_percent(given, offer):
    why = None if "both" in given["ms"] else "unknown"
    reported = runtime.recommend(measured(given, keys_why=why))
    assert tuple(reported["offer"].values()) == offer


def test_one_course_that_gains_is_enough():
    reported = runtime.recommend(measured(course(READ), course((1640.0, 830.0, 1500.0, 700.0), key="large")), {"large": 10_000})
    assert reported["offer"] == {"collector": "out_of_band", "keys": "hash_once"}
    assert [(one["blocks"], one["saved_ms"]) for one in reported["courses"]] == [(None, 3.0), (10_000, 940.0)]


@pytest.mark.parametrize(
    ("given", "blocks", "complete"),
    [
        (measured(course(READ, READ)), {"c": 700}, True),
        (measured(course(READ)), {"c": 700}, False),
        (measured(course(READ, READ), skipped=[{"key": "large"}]), {"c": 700}, False),
        (measured(course(READ, READ)), {"c": 700, "unknown": None}, False),
    ],
)
def test_what_was_not_measured_is_known(given, blocks, complete):
    assert runtime.recommend(given, blocks)["complete"] is complete


def test_benchmark_table_shows_each_tier_and_the_gain():
    key = "course-v1:X+10K+1"
    reported = runtime.recommend(measured(course((1600.0, 800.0, 1500.0, 700.0), (8500.0, 4000.0, 7000.0, 2700.0))))
    course_run = sample_runs.course(key, 10_000, cache=[2.0], storage=[30.0], unpickle=[1600.0])
    reported["courses"][0]["blocks"] = 10_000
    after = {**sample_runs.run([course_run]), "runtime": reported}
    before = sample_runs.run([sample_runs.course(key, 10_000, rebuild=[20_000.0])])
    table = tables.collector(after, before)
    assert table.cells() == [
        [key, "10,000", "20,000", "1,630", "1,602", "802", "702", "8,500", "4,000", "2,700", "68 %"],
    ]
    assert table.title == (
        "What each choice for the workers' runtime brings: resident memory 400 -> 400 MiB, longest pause in a read "
        "180 -> 180 ms"
    )
    assert tables.collector({**after, "runtime": None}).cells() == tables.collector(before).cells() == []
    runs.save(after, Path(os.devnull))


def test_uncacheable_course_is_read_from_storage_also_out_of_band():
    key = "course-v1:X+10K+1"
    given = sample_runs.course(key, 10_000, storage=[30.0])
    reported = runtime.recommend(measured(course((1640.0, 830.0)), keys_why="unknown"))
    [row] = runs.ways({**sample_runs.run([given]), "runtime": reported})
    assert (row["rebuild"], row["storage"], row["cache"], row["out_of_band"], row["both"]) == (None, 1670.0, None, 860.0, None)


def test_a_look_is_limited_in_time():
    assert runtime.inspect() == {"op": "runtime", "seconds": 10}


class Platform:
    """The parts of the platform that the operation needs, and a clock that only forks advance."""

    def __init__(self, monkeypatch, seconds, keys_why=None):
        self.now, self.reads, self.seconds, self.keys_why = 0.0, [], seconds, keys_why
        monkeypatch.setattr(probe.edxapp, "store", Store, raising=False)
        monkeypatch.setattr(probe.edxapp, "forget_request", lambda: None)
        monkeypatch.setattr(probe.edxapp, "close_connections", lambda: None)
        rows = type("Rows", (), {"objects": None})
        monkeypatch.setattr(probe.edxapp, "models", lambda: type("Models", (), {"BlockStructureModel": rows}))
        monkeypatch.setattr(probe, "_stored", lambda _store, _rows, key: ((key.encode(), None, True), None))
        monkeypatch.setattr(probe, "emit", lambda *_, **__: None)
        monkeypatch.setattr(probe.time, "time", lambda: self.now)
        monkeypatch.setattr(probe.keys, "hash_once", lambda: keys_why)
        monkeypatch.setattr(probe, "_in_fork", self.fork)
        monkeypatch.setattr(probe, "_reads", self.read)
        monkeypatch.setattr(probe.pages, "find_user", self.nobody)

    def fork(self, function):
        self.now += self.seconds
        return function()

    def read(self, name, structures, _store):
        self.reads.append(name)
        return {
            "ms": [1.0] * len(structures),
            "failed": {},
            "worst_pause_ms": 0.0,
            "collect_ms": 0.0,
            "resident_mb": 1,
            "collections": [0, 0, 0],
        }

    @staticmethod
    def nobody():
        raise LookupError("there is no active superuser or staff member")


@pytest.mark.parametrize(("seconds", "rounds"), [(60.0, 1), (1.0, 2), (0.1, 3)])
def test_rounds_end_in_time_and_at_least_one_runs(monkeypatch, seconds, rounds):
    platform = Platform(monkeypatch, seconds)
    reported = probe.run({"courses": ["c"], "seconds": 10}, None)
    assert platform.reads == ["both", "hash_once", "out_of_band", "stock"] * rounds
    assert [found["ms"] for found in reported["courses"]] == [dict.fromkeys(probe.VARIANTS, 1.0)]
    # A site without such a user has no page measured, and that is said.
    assert [found["page_ms"] for found in reported["courses"]] == [None]
    assert reported["page_problem"]["message"] == "there is no active superuser or staff member"


def test_where_keys_are_left_alone_only_the_collector_is_tried(monkeypatch):
    platform = Platform(monkeypatch, 0.1, keys_why="unknown edx-opaque-keys")
    reported = probe.run({"courses": ["c"], "repeats": 1}, None)
    assert platform.reads == ["out_of_band", "stock"]
    assert reported["keys_why"] == "unknown edx-opaque-keys"


def test_pages_are_asked_for_in_each_variant_until_time_is_up(monkeypatch):
    """The first course always; the page loads what it needs before the first fork."""
    platform = Platform(monkeypatch, 1.0)
    asked = []

    class Answer:
        status_code = 200

    monkeypatch.setattr(probe.pages, "find_user", lambda: "staff")
    monkeypatch.setattr(probe.pages, "opener", lambda _user: lambda path: asked.append(path) or Answer())
    monkeypatch.setattr(probe, "Variant", lambda _name: type("V", (), {"timed": lambda _self, work: (2.0, work())})())
    reported = probe.run({"courses": ["a", "b", "c"], "repeats": 1, "seconds": 6}, None)
    assert [found["page_ms"] and found["page_ms"]["both"] for found in reported["courses"]] == [2.0, 2.0, None]
    assert asked[:13] == ["/api/course_home/outline/a"] * 13
    assert (reported["page_problem"], platform.now > 8) == (None, True)


def test_page_with_an_error_is_reported_and_reads_are_kept(monkeypatch):
    Platform(monkeypatch, 0.1)
    monkeypatch.setattr(probe.pages, "find_user", lambda: "staff")
    monkeypatch.setattr(probe.pages, "opener", lambda _user: lambda _path: type("Answer", (), {"status_code": 404}))
    monkeypatch.setattr(probe, "Variant", lambda _name: type("V", (), {"timed": lambda _self, work: (2.0, work())})())
    reported = probe.run({"courses": ["a"], "repeats": 1}, None)
    assert reported["page_problem"]["message"] == "/api/course_home/outline/a answers 404"
    assert [(found["key"], found["page_ms"]) for found in reported["courses"]] == [("a", None)]


def test_corrupt_object_is_named_and_other_courses_are_measured(monkeypatch):
    reads, fork = probe._reads, probe._in_fork
    Platform(monkeypatch, 0.1, keys_why="left alone")
    monkeypatch.setattr(probe, "_in_fork", fork)
    monkeypatch.setattr(probe, "_reads", reads)
    reported = probe.run({"courses": ["corrupt", "whole"], "repeats": 1}, None)
    assert [found["key"] for found in reported["courses"]] == ["whole"]
    assert [(one["key"], one["type"], one["message"]) for one in reported["skipped"]] == [
        ("corrupt", "ValueError", "not a structure")
    ]


def test_without_a_course_nothing_is_forked(monkeypatch):
    platform = Platform(monkeypatch, 0.1)
    reported = probe.run({"courses": []}, None)
    assert (reported["variants"], reported["courses"], platform.now) == ({}, [], 0.0)


def test_what_other_processes_do_is_not_taken_for_the_collector():
    """Processor time: a read that only waits costs none."""

    class Waiting:
        def _deserialize(self, _data, _usage_key):
            time.sleep(0.2)
            return Structure(0)

    [milliseconds] = probe._in_fork(lambda: probe._reads("stock", [(b"", None, True)], Waiting()))["ms"]
    assert milliseconds < 100


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


def test_a_reason_to_leave_workers_alone_is_reported_once_and_is_no_problem():
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
        "Worker 7 of lms has garbage collection disabled.\nRemedy: run openedx_operators.block_structure.deploy.",
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


@pytest.mark.parametrize(
    ("cgroup", "root", "counts"),
    [
        ("0::/system.slice/openedx-lms.service\n", "/", True),
        ("12:cpu:/x\n1:name=systemd:/system.slice/openedx-lms.service\n", "/", True),
        ("0::/system.slice/docker-1f2e.scope\n", "/", False),
        ("0::/system.slice/openedx-lms.service\n", "/usr", False),
    ],
)
def test_services_of_this_host_may_have_mounts_of_their_own(tmp_path, cgroup, root, counts):
    """As proc(5) shows a service with PrivateTmp, and a container, which may run systemd itself."""
    (tmp_path / "ns").mkdir()
    (tmp_path / "ns" / "mnt").symlink_to("mnt:[1]")
    (tmp_path / "root").symlink_to(root)
    (tmp_path / "cgroup").write_text(cgroup)
    assert processes._elsewhere(tmp_path) is not counts


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process a root directory of its own")
def test_the_probe_leaves_out_processes_with_another_root_directory():
    """/usr is enough of a root for `sleep` where /bin and /lib are parts of it."""
    with subprocess.Popen(["chroot", "/usr", "/bin/sleep", "60"]) as child:
        try:
            deadline = time.monotonic() + 10
            while not (found := ages._elsewhere(child.pid)) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert (found, ages._elsewhere(os.getpid())) == (True, False)
        finally:
            child.kill()


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
    argv = [sys.executable, "-B", "-c", AGENT, str(PLUGINS / "module_utils/probe"), str(tmp_path)]
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


@given(st.text(alphabet="ab\n"), st.text(alphabet="cd\n"), st.text(alphabet="ef\n"))
def test_blocks_of_different_names_do_not_touch_each_other(text, block, other):
    both = managed_block.put(managed_block.put(text, block), other, "storage")
    assert (managed_block.get(both) or "").splitlines() == block.splitlines()
    assert (managed_block.get(both, "storage") or "").splitlines() == other.splitlines()
    assert managed_block.put(both, None, "storage") == managed_block.put(text, block)
    assert managed_block.put(both, None) == managed_block.put(text, other, "storage")
    assert managed_block.put(managed_block.put(both, None), None, "storage") == text


def test_a_block_without_its_end_is_refused():
    with pytest.raises(ValueError, match="line 2 begins a block without the end marker '# END block_structure'"):
        managed_block.put(f"a\n{managed_block.BEGIN.format('')}\nb\n", "c")
