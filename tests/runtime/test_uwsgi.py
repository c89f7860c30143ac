"""The package in uWSGI's workers, prepared by the settings: forked from a loaded application, or each loading its own."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from . import servers

pytestmark = pytest.mark.skipif(not os.environ.get("BLOCK_STRUCTURE_SLOW"), reason="minutes: make test-all runs it")

HOOKS = json.dumps({"collector": "out_of_band", "keys": "hash_once"})


@pytest.fixture
def uwsgi(serve, programs):
    """Start uWSGI with these options, much as Tutor does, and wait until it serves."""

    def start(*options, master=True, **variables):
        command = [programs / "uwsgi", "--http-socket", "127.0.0.1:PORT", "--wsgi", "pages", "--die-on-term", "--need-app"]
        command += ["--single-interpreter", "--enable-threads", *(["--master"] if master else [])]
        server = serve(*command, *options, RUNTIME_HOOKS=HOOKS, **variables)
        servers.until(server.is_up, "uWSGI serves")
        return server

    return start


def workers(server):
    """The pids of the live workers."""
    return servers.children(server.process.pid)


@pytest.mark.parametrize("options", [[], ["--lazy-apps"], ["--http-keepalive"]])
def test_a_worker_says_what_it_runs_with(uwsgi, options):
    server = uwsgi("--processes", "2", *options)
    for pid in workers(server):
        said = server.reported(pid)
        assert (said["kind"], said["pid"], said["workers"], said["enabled"]) == ("uwsgi", pid, 2, True)
        assert (said["collector"]["mode"], said["collector"]["why"]) == ("out_of_band", None)
        assert said["thresholds"][0] == said["collector"]["bound"]
        assert said["frozen"] > 1000
        assert said["keys"] == {"mode": "hash_once", "asked": "hash_once", "why": None}
    assert not (server.reports / f"{server.process.pid}.json").exists()


def test_it_works_without_a_master_process(uwsgi):
    server = uwsgi(master=False)
    assert server.reported(server.process.pid)["collector"]["mode"] == "out_of_band"
    assert server.json("/garbage?pairs=20000")["seen"]["in"] == 0
    assert server.json("/state")["alive"] == 0


@pytest.mark.parametrize("options", [[], ["--lazy-apps"]])
def test_what_a_request_left_is_collected_between_two_requests(uwsgi, options):
    server = uwsgi(*options)
    for _ in range(3):
        said = server.json("/garbage?pairs=20000")
        assert (said["alive"], said["seen"]["in"]) == (40_000, 0)
        assert server.json("/state")["alive"] == 0


@pytest.mark.parametrize("path", ["/garbage?pairs=20000", "/streams?pieces=20"])
def test_no_client_waits_for_the_collection(uwsgi, path):
    server = uwsgi(SLOW_COLLECTION="3")
    began = time.monotonic()
    server.get(path, version="HTTP/1.0")
    answered = time.monotonic() - began
    server.json("/state")
    assert answered < 3 <= time.monotonic() - began


def test_the_young_objects_of_a_runaway_request_are_bounded(uwsgi):
    server = uwsgi()
    [pid] = workers(server)
    bound = server.reported(pid)["collector"]["bound"]
    said = server.json("/runaway?pairs=1000000")
    assert bound // 2 < said["most"] < bound + 1000
    assert server.json("/state")["alive"] == 0


@pytest.mark.parametrize("options", [["--threads", "4"], ["--gevent", "10"], ["--async", "4", "--ugreen"]])
def test_workers_with_several_requests_at_once_are_left_alone(uwsgi, options):
    server = uwsgi(*options)
    [pid] = workers(server)
    said = server.reported(pid)
    at_once = max(int(word) for word in options if word.isdigit())
    assert said["collector"] == {
        "mode": "stock",
        "asked": "out_of_band",
        "why": f"uWSGI serves up to {at_once} requests at once in this worker (threads, async or gevent)",
    }
    assert (said["thresholds"], said["frozen"], said["enabled"]) == ([700, 10, 10], 0, True)
    assert said["keys"]["mode"] == "hash_once"
    state = server.json("/garbage?pairs=20000")
    assert (state["thresholds"], state["enabled"]) == ([700, 10, 10], True)
    assert sum(state["seen"].values()) > 10


def test_a_worker_writes_its_report_anew_after_requests(uwsgi):
    server = uwsgi()
    [pid] = workers(server)
    first = server.reported(pid)
    server.json("/garbage?pairs=20000")

    def anew():
        server.json("/state")
        return server.report(pid)["time"] > first["time"] and server.report(pid)

    said = servers.until(anew, "a new report")
    assert (said["collector"]["collections"], said["collector"]["requests"] > 1) == (1, True)


def test_hooks_of_the_site_still_run(uwsgi, tmp_path):
    """One that was there first, and uWSGI's own decorator."""
    (tmp_path / "sites.py").write_text(
        "import uwsgi\n"
        "from uwsgidecorators import postfork\n"
        "uwsgi.after_req_hook = lambda: print('after of the site', flush=True)\n"
        "postfork(lambda: print('fork of the site', flush=True))\n"
        "from pages import application\n"
        "postfork(lambda: print('second fork of the site', flush=True))\n"
    )
    server = uwsgi("--pythonpath", str(tmp_path), "--wsgi", "sites")
    assert server.json("/garbage?pairs=20000")["seen"]["in"] == 0
    assert server.json("/state")["alive"] == 0
    log = server.log.read_text()
    assert all(text in log for text in ("after of the site", "\nfork of the site", "second fork of the site"))


def test_mules_are_no_workers(uwsgi):
    server = uwsgi("--mule")
    found = workers(server)
    assert len(found) == 2
    servers.until(lambda: [pid for pid in found if server.report(pid)], "the worker reports")
    time.sleep(0.5)
    assert len(list(server.reports.glob("*.json"))) == 1


def test_a_storm_of_killed_requests_and_hang_ups_leaves_every_worker_collecting(uwsgi):
    server = uwsgi("--processes", "3", "--harakiri", "2", "--max-requests", "100", "--reload-mercy", "2")
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
            os.kill(live[number % len(live)], [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP, signal.SIGUSR1][number % 4])

    with ThreadPoolExecutor(8) as pool:
        killed = pool.submit(lambda: [kill(number) for number in range(8)])
        done = list(pool.map(ask, range(96)))
        killed.result()
        # One that takes longer than harakiri is killed in the middle.
        server.raw("/garbage?pairs=5000&ms=5000")
    assert done.count("done") > 48
    server.settle(3)
    met = {pid: [] for pid in workers(server)}

    def every_worker_was_met_twice():
        said = server.json("/garbage?pairs=20000&ms=50")
        assert said["enabled"]
        assert said["thresholds"][0] == server.reported(said["pid"])["collector"]["bound"]
        met[said["pid"]].append(said["alive"])
        return all(len(lives) >= 2 for lives in met.values())

    def keep_busy():
        server.raw("/garbage?pairs=100&ms=40")

    with ThreadPoolExecutor(2) as pool:
        for _ in range(60):
            pool.submit(keep_busy)
        servers.until(every_worker_was_met_twice, "every worker serves two pages", 60)
    assert all(alive < 45_000 for lives in met.values() for alive in lives[1:])
