"""The package in Celery's pools, imported as the role has it imported: by CELERY_WORKER_INCLUDE."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from . import servers

pytestmark = pytest.mark.skipif(not os.environ.get("BLOCK_STRUCTURE_SLOW"), reason="minutes: make test-all runs it")


class Worker:
    """A Celery worker and a way to run its tasks."""

    def __init__(self, server, programs, variables):
        self.server = server
        self.python = programs / "python"
        self.system = {**os.environ, **variables, "PYTHONPATH": str(server.folder)}

    def call(self, *calls: tuple[str, list[Any]]) -> list[Any]:
        """Run tasks one after the other and return what each returns, or the name of its error."""
        command = [self.python, self.server.folder / "tasks.py", json.dumps(calls)]
        done = subprocess.run(command, env=self.system, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers

    def pool(self) -> list[int]:
        """The pids of the pool's processes."""
        return servers.children(self.server.process.pid)


@pytest.fixture
def celery(serve, programs, tmp_path):
    """Start a Celery worker with these options and wait until it is ready."""

    def start(*options, **more):
        for name in ("queue", "control", "results"):
            (tmp_path / name).mkdir()
        variables = {
            "CELERY_FOLDER": str(tmp_path),
            "CELERY_WORKER_INCLUDE": "block_structure_runtime.celery_hooks",
            "BLOCK_STRUCTURE_RUNTIME": "collector=out_of_band,keys=hash_once",
            **more,
        }
        command = [
            programs / "celery",
            "--app",
            "tasks:app",
            "worker",
            "--without-mingle",
            "--without-gossip",
            "--loglevel=INFO",
        ]
        server = serve(*command, *options, **variables)
        servers.until(lambda: " ready." in server.log.read_text(), "the worker is ready", 40)
        return Worker(server, programs, variables)

    return start


def test_a_pool_process_says_what_it_runs_with(celery):
    worker = celery("--concurrency", "2")
    assert len(worker.pool()) == 2
    for pid in worker.pool():
        said = worker.server.reported(pid)
        assert (said["kind"], said["pid"], said["enabled"]) == ("celery", pid, True)
        assert (said["collector"]["mode"], said["collector"]["why"]) == ("out_of_band", None)
        assert said["thresholds"][0] == said["collector"]["bound"]
        assert said["frozen"] > 10_000
        assert said["keys"]["mode"] == "hash_once"
    # The process that feeds the pool runs no task.
    assert worker.server.report(worker.server.process.pid) is None


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_what_a_task_left_is_collected_between_two_tasks(celery, pool):
    worker = celery("--concurrency", "1", "--pool", pool)
    said = worker.call(*[("garbage", [20_000]), ("state", [])] * 2, ("nested", [20_000]), ("state", []))
    assert [one["alive"] for one in said] == [40_000, 0] * 3
    assert [one["during"] for one in said if "during" in one] == [0, 0]
    report = worker.server.reported(said[0]["pid"])
    assert (report["collector"]["mode"], report["enabled"]) == ("out_of_band", True)


def test_the_young_objects_of_a_runaway_task_are_bounded(celery):
    worker = celery("--concurrency", "1")
    runaway, after = worker.call(("garbage", [1_000_000]), ("state", []))
    bound = worker.server.reported(runaway["pid"])["collector"]["bound"]
    assert bound // 2 < runaway["most"] < bound + 1000
    assert after["alive"] == 0


@pytest.mark.parametrize("pool", ["threads", "gevent"])
def test_pools_that_run_several_tasks_at_once_are_left_alone(celery, pool):
    worker = celery("--concurrency", "4", "--pool", pool)
    pid = worker.server.process.pid
    said = worker.server.reported(pid)
    module = {"threads": "thread", "gevent": "gevent"}[pool]
    assert said["collector"] == {
        "mode": "stock",
        "asked": "out_of_band",
        "why": f"Celery's pool {module} runs several tasks at once in this process",
    }
    [task] = worker.call(("garbage", [20_000]))
    assert (task["pid"], task["thresholds"], task["during"] > 10) == (pid, [700, 10, 10], True)
    assert said["keys"]["mode"] == "hash_once"


def test_studios_workers_are_left_alone(celery):
    worker = celery("--concurrency", "1", SERVICE_VARIANT="cms")
    [task] = worker.call(("garbage", [20_000]))
    assert (task["thresholds"], task["during"] > 10) == ([700, 10, 10], True)
    assert list(worker.server.reports.iterdir()) == []


def test_a_storm_of_killed_tasks_leaves_every_process_collecting(celery):
    worker = celery("--concurrency", "2", "--max-tasks-per-child", "6")
    broken = [(name, [5_000]) for name in ("fails", "dies", "hangs", "stops")]
    answers = worker.call(*[call for one in broken for call in (one, ("garbage", [20_000]), one)])
    assert [answer for answer in answers if isinstance(answer, str)] == [
        *["ValueError"] * 2,
        *["WorkerLostError"] * 2,
        *["TimeLimitExceeded"] * 2,
        *["SoftTimeLimitExceeded"] * 2,
    ]
    worker.server.settle(2)
    bound = worker.server.reported(worker.pool()[0])["collector"]["bound"]
    met = {}
    for said in worker.call(*[("garbage", [20_000])] * 16):
        assert said["enabled"]
        assert said["thresholds"][0] == bound
        met.setdefault(said["pid"], []).append(said["alive"])
    # Whichever process runs a task finds nothing left of the ones before.
    assert {alive for lives in met.values() for alive in lives} == {40_000}
    assert sum(len(lives) for lives in met.values()) == 16
