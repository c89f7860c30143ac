"""The package in gunicorn's workers: sync ones collect out of band, whatever becomes of a request; others are left alone."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from . import servers

# As the role's block of the gunicorn configuration file has it, after a hook of the site's own.
CONFIGURATION = """
def post_worker_init(worker):
    worker.log.info("a hook of the site")


import sys

sys.path.insert(0, "{folder}")
from block_structure_runtime import gunicorn_hooks

post_worker_init = gunicorn_hooks.post_worker_init(
    collector="out_of_band", keys="hash_once", previous=globals().get("post_worker_init")
)
"""


@pytest.fixture
def gunicorn(serve, programs, tmp_path):
    """Start gunicorn with these options, and wait until it serves."""

    def start(*options, configuration=CONFIGURATION, **variables):
        configured = tmp_path / "gunicorn.py"
        configured.write_text(configuration.format(folder=tmp_path / "0"))
        command = [programs / "gunicorn", "--config", configured, "--bind", "127.0.0.1:PORT", "--log-level", "info"]
        server = serve(*command, *options, "pages:application", **variables)
        servers.until(server.is_up, "gunicorn serves")
        return server

    return start


def asked(server, pid):
    """Ask a live worker for its report by SIGUSR1, and return it."""
    before = server.reported(pid)["time"]
    os.kill(pid, signal.SIGUSR1)
    return servers.until(lambda: (said := server.report(pid))["time"] > before and said, f"worker {pid} answers")


def workers(server):
    """The pids of the live workers."""
    return servers.children(server.process.pid)


def test_a_worker_says_what_it_runs_with(gunicorn):
    server = gunicorn()
    [pid] = workers(server)
    said = server.reported(pid)
    assert (said["kind"], said["pid"], said["enabled"]) == ("gunicorn", pid, True)
    assert said["collector"]["mode"] == said["collector"]["asked"] == "out_of_band"
    assert said["thresholds"][0] == said["collector"]["bound"]
    assert said["frozen"] > 10_000
    assert said["keys"] == {"mode": "hash_once", "asked": "hash_once", "why": None}
    assert (said["collector"]["why"], said["collector"]["collections"]) == (None, 0)
    assert "a hook of the site" in server.log.read_text()


def test_what_a_request_left_is_collected_between_two_requests(gunicorn):
    server = gunicorn()
    first = server.json("/garbage?pairs=20000")
    assert first["alive"] == first["most"] == 40_000
    assert first["seen"]["in"] == 0
    second = server.json("/state")
    assert (second["alive"], second["seen"]["in"]) == (0, 0)
    said = asked(server, second["pid"])["collector"]
    assert (said["collections"], said["full"]) == (1, 0)
    assert said["freed"] >= 40_000
    assert 0 < said["worst_seconds"] <= said["seconds"]


def test_small_requests_are_not_followed_by_a_collection_each(gunicorn):
    server = gunicorn()
    for _ in range(30):
        server.json("/garbage?pairs=500")
    [pid] = workers(server)
    said = asked(server, pid)["collector"]
    # 1,000 objects a request: it takes 20 of them to be worth a collection.
    assert said["requests"] >= 30
    assert said["collections"] == 1


@pytest.mark.parametrize("path", ["/garbage?pairs=20000", "/streams?pieces=20"])
def test_no_client_waits_for_the_collection(gunicorn, path):
    """Also one that reads up to the end of the connection, as HTTP/1.0 has it."""
    server = gunicorn(SLOW_COLLECTION="3")
    began = time.monotonic()
    server.get(path, version="HTTP/1.0")
    answered = time.monotonic() - began
    server.json("/state")
    assert answered < 3 <= time.monotonic() - began


def test_the_young_objects_of_a_runaway_request_are_bounded(gunicorn):
    server = gunicorn()
    said = server.json("/runaway?pairs=1000000")
    [pid] = workers(server)
    report = asked(server, pid)
    bound = report["collector"]["bound"]
    # A few more are young than those that this page counts.
    assert bound // 2 < said["most"] < bound + 1000
    assert said["seen"]["in"] >= 2_000_000 // bound
    assert sum(report["collections"]) == said["seen"]["in"]
    assert report["worst_pause_ms"][0] > 0
    assert server.json("/state")["alive"] == 0


def test_garbage_that_grew_old_is_taken_by_a_full_collection(gunicorn):
    server = gunicorn()
    for _ in range(12):
        server.json("/garbage?pairs=20000")
    assert server.json("/state")["alive"] == 0
    [pid] = workers(server)
    said = asked(server, pid)["collector"]
    assert (said["collections"], said["full"]) == (12, 1)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--worker-class", "gthread", "--threads", "4"], "gunicorn.workers.gthread.ThreadWorker"),
        (["--threads", "2"], "gunicorn.workers.gthread.ThreadWorker"),
        (["--worker-class", "gevent"], "gunicorn.workers.ggevent.GeventWorker"),
    ],
)
def test_workers_with_several_requests_at_once_are_left_alone(gunicorn, options, name):
    server = gunicorn(*options)
    server.json("/garbage?pairs=20000")
    [pid] = workers(server)
    said = asked(server, pid)
    assert said["collector"] == {
        "mode": "stock",
        "asked": "out_of_band",
        "why": f"gunicorn's worker class {name} may serve several requests at once",
    }
    assert (said["thresholds"], said["frozen"], said["enabled"]) == ([700, 10, 10], 0, True)
    # The keys are safe in any worker.
    assert said["keys"]["mode"] == "hash_once"
    state = server.json("/state")
    assert (state["thresholds"], state["alive"]) == ([700, 10, 10], state["alive"])
    assert state["seen"]["in"] > 10


def test_a_preloaded_application_is_frozen_as_it_is(gunicorn):
    server = gunicorn("--preload")
    [pid] = workers(server)
    said = server.reported(pid)
    assert said["frozen"] > 10_000
    assert server.json("/garbage?pairs=20000")["seen"]["in"] == 0
    assert server.json("/state")["alive"] == 0


def test_a_worker_of_max_requests_ends_without_a_last_collection(gunicorn):
    server = gunicorn("--max-requests", "3", SLOW_COLLECTION="0.2")
    pids = {server.json("/garbage?pairs=20000")["pid"] for _ in range(9)}
    assert len(pids) >= 3
    assert "Traceback" not in server.log.read_text()


def test_choices_that_do_not_exist_are_reported(gunicorn):
    server = gunicorn(configuration=CONFIGURATION.replace("out_of_band", "other").replace("hash_once", "other"))
    [pid] = workers(server)
    said = asked(server, pid)
    assert said["collector"] == {"mode": "stock", "asked": "other", "why": "there is no collector other"}
    assert said["keys"] == {"mode": "stock", "asked": "other", "why": "there is no choice other for the keys"}
    assert said["thresholds"] == [700, 10, 10]


def test_a_storm_of_killed_requests_and_hang_ups_leaves_every_worker_collecting(gunicorn):
    server = gunicorn("--workers", "3", "--timeout", "2")
    pages = ["/garbage?pairs=5000", "/fails", "/ends", "/dies", "/streams?pieces=50", "/garbage?pairs=5000&ms=300"]

    def ask(number):
        path = pages[number % len(pages)]
        if number % 4 == 3:
            server.hang_up(path, after=0.01 * (number % 7))
        else:
            try:
                server.raw(path)
            except OSError:
                return "broken"
        return "done"

    def kill(number):
        time.sleep(0.2 * number)
        live = workers(server)
        if live:
            os.kill(live[number % len(live)], [signal.SIGTERM, signal.SIGQUIT, signal.SIGABRT, signal.SIGUSR1][number % 4])

    with ThreadPoolExecutor(8) as pool:
        killed = pool.submit(lambda: [kill(number) for number in range(8)])
        done = list(pool.map(ask, range(96)))
        killed.result()
        # One that takes longer than gunicorn's timeout is killed in the middle.
        pool.submit(ask, 0)
        server.raw("/garbage?pairs=5000&ms=4000")
    assert done.count("done") > 48
    # Workers that were asked to end may still be at it.
    server.settle(3)
    counts = {}
    for pid in workers(server):
        said = asked(server, pid)
        assert (said["enabled"], said["collector"]["mode"]) == (True, "out_of_band")
        assert said["thresholds"][0] == said["collector"]["bound"]
        counts[pid] = said["collector"]["collections"]
    # Each goes on collecting: pages are asked for until every one of them has served two, the second without a rest.
    met = {pid: [] for pid in counts}

    def every_worker_was_met_twice():
        said = server.json("/garbage?pairs=20000")
        met[said["pid"]].append(said["alive"])
        return all(len(lives) >= 2 for lives in met.values())

    servers.until(every_worker_was_met_twice, "every worker serves two pages", 60)
    assert all(lives[1:] == [40_000] * len(lives[1:]) for lives in met.values())
    server.json("/state")
    assert all(asked(server, pid)["collector"]["collections"] > collections for pid, collections in counts.items())
