"""Load: permitted targets, and locust itself against a small server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from block_structure_cli import exits, load, target
from block_structure_cli.main import main
from click.testing import CliRunner

COURSES = ["course-v1:SandboxX+A+2026", "course-v1:SandboxX+B+2026"]
LEARNER = load.Learner("learner@example.com", "learner", "edx")


class Site(BaseHTTPRequestHandler):
    """Answers a learner as an LMS does: a session by CSRF token, and pages for its owner; course B is broken."""

    def log_message(self, *_arguments):
        """Log nothing."""

    def answer(self, status, cookie=None):
        self.send_response(status)
        if cookie:
            self.send_header("Set-Cookie", f"{cookie}; Path=/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/burn":
            end = time.process_time() + 0.3
            while time.process_time() < end:
                pass
            self.answer(200)
        elif self.path == "/login":
            self.answer(200, "csrftoken=token")
        elif "sessionid=session" not in self.headers.get("Cookie", ""):
            self.answer(401)
        else:
            self.answer(500 if "SandboxX%2BB" in self.path or "SandboxX+B" in self.path else 200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.logins += 1
        good = b"password=edx" in body and self.headers["X-CSRFToken"] == "token"
        self.answer(200 if good else 403, "sessionid=session" if good else None)


@pytest.fixture
def site():
    """A running site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked, server.logins = [], 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(site) -> target.Target:
    return target.Target(f"http://127.0.0.1:{site.server_port}")


def test_every_page_of_every_course_is_visited_once_in_one_session(site):
    wanted = load.visits(COURSES, ["outline", "blocks"], [2, 3], "learner")
    samples = load.run(address(site), LEARNER, wanted, load.ONCE)
    assert [(entry["page"], entry["nav_depth"], entry["course"]) for entry in samples] == [
        (page, depth, key) for key in COURSES for page, depth in (("outline", None), ("blocks", 2), ("blocks", 3))
    ]
    assert {entry["status"] for entry in samples if entry["course"] == COURSES[0]} == {200}
    assert site.logins == 1
    report = load.group(samples, "cold")
    assert [entry["errors"] for entry in report] == [0, 0, 0, 1, 1, 1]
    assert all("500" in entry["first_error"] for entry in report if entry["errors"])
    assert all(len(entry["ms"]) == 1 for entry in report if not entry["errors"])


def test_users_share_the_session_and_the_run_ends_in_time(site):
    wanted = load.visits(COURSES[:1], ["outline"], [], "learner")
    seconds = []
    samples = load.run(address(site), LEARNER, wanted, load.Load(3, 3, 2, (0.05, 0.1)), on_second=seconds.append)
    assert len(samples) > 6
    assert site.logins == 1
    assert seconds[-1] < 30
    assert {entry["error"] for entry in samples} == {None}


def test_refused_login_is_reported_without_the_password(site):
    wanted = load.visits(COURSES, ["outline"], [], "learner")
    with pytest.raises(exits.Failure) as refused:
        load.run(address(site), load.Learner("learner@example.com", "learner", "not-the-password"), wanted, load.ONCE)
    assert refused.value.message.startswith("The learner cannot log in: HTTPError: HTTP Error 403")
    assert "Remedy: correct --learner and BLOCK_STRUCTURE_LEARNER_PASSWORD" in refused.value.message
    assert "not-the-password" not in refused.value.message


def test_unreachable_site_is_reported():
    with pytest.raises(exits.Failure, match="The learner cannot log in: URLError"):
        load.run(target.Target("http://127.0.0.1:9"), LEARNER, load.visits(COURSES, ["outline"], [], "learner"), load.ONCE)


def test_learner_reports_cpu_time_of_the_workers_per_visit(site):
    where = {"lms": address(site).url, "email": LEARNER.email, "username": LEARNER.username, "password": LEARNER.password}
    visits = [{"url": where["lms"] + path, "pids": [os.getpid()]} for path in ("/burn", "/broken?SandboxX+B")]
    program = Path(load.__file__).parents[1] / "loadtest" / "learner.py"
    done = subprocess.run(
        [sys.executable, str(program)],
        input=json.dumps({**where, "visits": visits}),
        capture_output=True,
        text=True,
        check=True,
    )
    burnt, broken = [json.loads(line) for line in done.stdout.splitlines()]
    assert (burnt["status"], broken["status"]) == (200, 500)
    assert burnt["cpu_ms"] >= 250
    assert burnt["ms"] >= 250
    assert broken["cpu_ms"] < burnt["cpu_ms"]


@pytest.mark.parametrize(
    ("url", "loopback"),
    [("http://127.0.0.1:8000", True), ("http://localhost", True), ("http://[::1]:80", True), ("http://192.0.2.7", False)],
)
def test_loopback_is_detected_by_address(url, loopback):
    assert target.is_loopback(url) is loopback


def invoke(*message: str, **environment: str):
    return CliRunner().invoke(main, ["benchmark", *message], env=environment)


def test_load_on_another_machine_is_refused_before_anything_runs():
    ended = invoke("--url", "https://192.0.2.7/courses")
    assert ended.exit_code == exits.REFUSED
    assert ended.stderr.splitlines() == [
        "https://192.0.2.7 is not on this machine. No load was sent.",
        "Remedy: if the site is yours, repeat with --yes-i-own-this-site.",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--users", "201"], "201 is not in the range 1<=x<=200"),
        (["--duration", "601"], "601 is not in the range 1<=x<=600"),
        (["--nav-depth", "two"], "'two' is not a list of depths, such as 2,3."),
        (["--nav-depth", "0"], "'0' is not a list of depths, such as 2,3."),
        (["--url", "learn.example.com"], "'learn.example.com' is not the URL of a site, such as https://learn.example.com."),
    ],
)
def test_load_is_bounded_and_invalid_values_are_usage_errors(arguments, message):
    ended = invoke(*arguments)
    assert ended.exit_code == exits.USAGE
    assert message in ended.stderr


def test_lms_on_another_machine_needs_a_url():
    with pytest.raises(
        exits.Failure,
        match=r"The LMS is on another machine, and its URL is not known\.\nRemedy: name the URL that learners use with --url",
    ):
        target.find({"connection": "ssh", "address": "lms1.example.com", "url": "http://127.0.0.1:8000"}, None)


def test_local_lms_is_contacted_at_its_own_url():
    found = target.find({"connection": "ansible.builtin.local", "address": "localhost", "url": "http://127.0.0.1:8000"}, None)
    assert found == target.Target("http://127.0.0.1:8000")


@pytest.fixture
def podman(tmp_path, monkeypatch):
    """Stand-ins for podman, with one sandbox container of process 4711, and for nsenter."""
    program = tmp_path / "podman"
    program.write_text(
        '#!/bin/sh\n[ "$4" = example-lms1 ] || exit 125\n'
        "case $3 in *Labels*block-structure-sandbox*) echo example;; *State.Pid*) echo 4711;; esac\n"
    )
    program.chmod(0o755)
    (tmp_path / "nsenter").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("BLOCK_STRUCTURE_ENGINE", raising=False)
    monkeypatch.setattr(target.os, "geteuid", lambda: 0)


@pytest.mark.usefixtures("podman")
@pytest.mark.parametrize("connection", ["ssh", "containers.podman.podman"])
def test_sandbox_is_contacted_inside_its_network(connection):
    found = target.find({"connection": connection, "address": "example-lms1", "url": "http://127.0.0.1:8000"}, None)
    assert found == target.Target("http://127.0.0.1:8000", ("nsenter", "--target=4711", "--net"), sandbox=True)


@pytest.mark.usefixtures("podman")
def test_host_without_a_local_container_needs_a_url():
    with pytest.raises(exits.Failure, match="The LMS is on another machine"):
        target.find({"connection": "ssh", "address": "lms1.example.com", "url": "http://127.0.0.1:8000"}, None)


@pytest.mark.usefixtures("podman")
def test_stopped_container_of_the_inventory_is_reported():
    with pytest.raises(exits.Failure, match=r"podman has no container example-lms2\.\nRemedy: start it, or name the site"):
        target.find({"connection": "containers.podman.podman", "address": "example-lms2", "url": "http://127.0.0.1:8000"}, None)
