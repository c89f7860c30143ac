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
from block_structure_cli.commands import benchmark
from block_structure_cli.main import main
from click.testing import CliRunner

COURSES = ["course-v1:SandboxX+A+2026", "course-v1:SandboxX+B+2026"]
LEARNER = load.Learner("learner@example.com", "learner", "edx")
SITE = "learn.example.test"
INFO = r'"{\"version\": 1\054 \"username\": \"learner\"}"'


class Site(BaseHTTPRequestHandler):
    """Answers a learner as an LMS does that is asked by its own name: pages for the owner of a session; course B is broken.

    The authentication micro-frontend is on, and cookies are for the site's domain and for TLS only.
    """

    def log_message(self, *_arguments):
        """Log nothing."""

    def answer(self, status, body=None, cookie=None, location=None):
        self.send_response(status)
        if cookie:
            # As edx-user-info: quoted, with an escaped comma; it has to come back as it is.
            self.send_header("Set-Cookie", f"user-info={INFO}; Path=/")
        if cookie:
            self.send_header("Set-Cookie", f"{cookie}; Path=/; Domain=.example.test; Secure; HttpOnly")
        if location:
            self.send_header("Location", location)
        content = json.dumps(body or {}).encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @property
    def learner(self):
        """The learner whose session came with the request, if it is still valid."""
        cookies = self.headers.get("Cookie", "")
        owns = f"sessionid={self.server.session}" in cookies and f"user-info={INFO}" in cookies
        return "learner" if owns and self.server.asked.count("page") < self.server.pages_until_expiry else None

    def do_GET(self):
        if self.headers["Host"] != self.server.site:
            self.answer(400)
        elif self.path == "/burn":
            end = time.process_time() + 0.3
            while time.process_time() < end:
                pass
            self.answer(200)
        elif self.path == "/csrf/api/v1/token" and self.server.has_csrf_api:
            self.answer(200, {"csrfToken": "token"}, "csrftoken=token")
        elif self.path == "/login":
            self.answer(302, None, "csrftoken=token", "https://apps.example.test/authn/login")
        elif self.path == "/api/user/v1/me":
            self.answer(200 if self.learner else 401, {"username": self.learner})
        elif self.path.startswith("/api"):
            name = self.learner
            self.server.asked.append("page")
            broken = "SandboxX%2BB" in self.path or "SandboxX+B" in self.path
            # As an outline is: a page for everybody, but not the learner's.
            self.answer(500 if broken else 200, {"for": name or "anonymous"})
        else:
            self.answer(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.logins += 1
        own = self.headers["Referer"] == f"http://{self.server.site}/login" and self.headers["X-CSRFToken"] == "token"
        good = b"password=edx" in body and own and self.headers["Host"] == self.server.site
        keeps = self.server.session if self.server.keeps_sessions else "another"
        self.answer(200 if good else 403, None, f"sessionid={keeps}" if good else None)


@pytest.fixture
def site():
    """A running site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.asked, server.logins, server.session = [], 0, "session"
    server.site, server.has_csrf_api, server.keeps_sessions, server.pages_until_expiry = SITE, True, True, 10**9
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(site) -> target.Target:
    return target.Target(f"http://127.0.0.1:{site.server_port}", host=SITE)


@pytest.mark.parametrize("has_csrf_api", [True, False], ids=["token API", "redirecting login page"])
def test_a_learner_is_logged_in_when_the_site_says_so(site, has_csrf_api):
    site.has_csrf_api = has_csrf_api
    for name in ("learner", None):
        session = load.sign_in(address(site), load.Learner(LEARNER.email, name, LEARNER.password))
        assert session.username == "learner"
        assert "sessionid=session" in session.cookie


def test_another_name_than_the_site_says_is_refused(site):
    with pytest.raises(exits.Failure) as refused:
        load.sign_in(address(site), load.Learner(LEARNER.email, "somebody", LEARNER.password))
    assert refused.value.message.splitlines() == [
        "The site says that learner@example.com is learner, not somebody.",
        "Remedy: correct --username, or leave it out.",
    ]
    assert refused.value.exit_code == exits.ENVIRONMENT


def test_a_login_after_which_the_site_knows_nobody_is_refused(site):
    site.keeps_sessions = False
    with pytest.raises(exits.Failure, match=r"LoginError: asked who it is, the site answers HTTP 401\.\nRemedy: "):
        load.sign_in(address(site), LEARNER)


def test_a_site_asked_by_another_name_is_refused(site):
    with pytest.raises(exits.Failure, match="neither /csrf/api/v1/token nor /login gives a CSRF token"):
        load.sign_in(target.Target(address(site).url), LEARNER)


def test_times_after_the_end_of_a_session_are_refused(site):
    session = load.sign_in(address(site), LEARNER)
    site.pages_until_expiry = 2
    wanted = load.visits(COURSES[:1], ["outline", "blocks"], [2, 3], "learner")
    with pytest.raises(exits.Failure) as refused:
        load.run(address(site), session, wanted, load.ONCE)
    assert refused.value.message.startswith(
        "The times of this run are not those of a learner: the session ended during the load"
    )
    assert refused.value.exit_code == exits.ENVIRONMENT


def test_every_page_of_every_course_is_visited_once_in_one_session(site):
    wanted = load.visits(COURSES, ["outline", "blocks"], [2, 3], "learner")
    samples = load.run(address(site), load.sign_in(address(site), LEARNER), wanted, load.ONCE)
    assert [(entry["page"], entry["nav_depth"], entry["course"]) for entry in samples] == [
        (page, depth, key) for key in COURSES for page, depth in (("outline", None), ("blocks", 2), ("blocks", 3))
    ]
    assert {entry["status"] for entry in samples if entry["course"] == COURSES[0]} == {200}
    assert site.logins == 1
    report = load.group(samples, "cold")
    assert [entry["errors"] for entry in report] == [0, 0, 0, 1, 1, 1]
    assert all("500" in entry["first_error"] for entry in report if entry["errors"])
    assert all(len(entry["ms"]) == 1 for entry in report if not entry["errors"])


def test_no_cache_is_emptied_before_the_learner_is_logged_in(site, monkeypatch, tmp_path):
    site.keeps_sessions = False
    played = []
    where = {"connection": "local", "address": "localhost", "url": address(site).url, "host": SITE}

    def play(_name, _site, **options):
        played.append(options.get("block_structure_benchmark_forget"))
        parts = dict.fromkeys(("release", "platform", "servers", "limits", "configuration", "runtime", "workers"))
        return {**parts, "lms": where, "courses": [{"key": COURSES[0], "error": None}]}

    monkeypatch.setattr(benchmark, "play_for_report", play)
    path = tmp_path / "run.json"
    ended = invoke("--learner", LEARNER.email, "-o", str(path), **{benchmark.PASSWORD: LEARNER.password})
    assert ended.exit_code == exits.ENVIRONMENT, ended.output
    assert ended.stderr.startswith(f"The learner cannot log in to {SITE}: ")
    assert played == [None]
    assert not path.exists()


def test_a_site_named_by_its_url_is_logged_in_to_before_anything_is_measured(site, monkeypatch):
    site.site = f"127.0.0.1:{site.server_port}"
    monkeypatch.setattr(benchmark, "play_for_report", lambda *_given, **_more: pytest.fail("measured"))
    ended = invoke("--url", address(site).url, "--learner", LEARNER.email, **{benchmark.PASSWORD: "not-the-password"})
    assert ended.exit_code == exits.ENVIRONMENT, ended.output


def test_users_share_the_session_and_the_run_ends_in_time(site):
    wanted = load.visits(COURSES[:1], ["outline"], [], "learner")
    seconds = []
    samples = load.run(
        address(site), load.sign_in(address(site), LEARNER), wanted, load.Load(3, 3, 2, (0.05, 0.1)), on_second=seconds.append
    )
    assert len(samples) > 6
    assert site.logins == 1
    assert seconds[-1] < 30
    assert {entry["error"] for entry in samples} == {None}


def test_refused_login_is_reported_without_the_password(site):
    with pytest.raises(exits.Failure) as refused:
        load.sign_in(address(site), load.Learner("learner@example.com", "learner", "not-the-password"))
    assert refused.value.message.startswith(f"The learner cannot log in to {SITE}: HTTPError: HTTP Error 403")
    assert "Remedy: correct --learner and BLOCK_STRUCTURE_LEARNER_PASSWORD" in refused.value.message
    assert "not-the-password" not in refused.value.message


def test_unreachable_site_is_reported():
    with pytest.raises(exits.Failure, match=r"cannot log in to http://127\.0\.0\.1:9: URLError"):
        load.sign_in(target.Target("http://127.0.0.1:9"), LEARNER)


def test_learner_reports_cpu_time_of_the_workers_per_visit(site):
    where = {
        "lms": address(site).url,
        "host": SITE,
        "email": LEARNER.email,
        "username": LEARNER.username,
        "password": LEARNER.password,
    }
    visits = [{"url": where["lms"] + path, "pids": [os.getpid()]} for path in ("/burn", "/api/broken?SandboxX+B")]
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


def lms(connection, address):
    """Return where the role found the LMS."""
    return {"connection": connection, "address": address, "url": "http://127.0.0.1:8000", "host": SITE}


def test_lms_on_another_machine_needs_a_url():
    with pytest.raises(
        exits.Failure,
        match=r"The LMS is on another machine, and its URL is not known\.\nRemedy: name the URL that learners use with --url",
    ):
        target.find(lms("ssh", "lms1.example.com"), None)


def test_local_lms_is_contacted_at_its_own_url():
    found = target.find(lms("ansible.builtin.local", "localhost"), None)
    assert found == target.Target("http://127.0.0.1:8000", host=SITE)


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
    found = target.find(lms(connection, "example-lms1"), None)
    assert found == target.Target("http://127.0.0.1:8000", ("nsenter", "--target=4711", "--net"), sandbox=True, host=SITE)


@pytest.mark.usefixtures("podman")
def test_host_without_a_local_container_needs_a_url():
    with pytest.raises(exits.Failure, match="The LMS is on another machine"):
        target.find(lms("ssh", "lms1.example.com"), None)


@pytest.mark.usefixtures("podman")
def test_stopped_container_of_the_inventory_is_reported():
    with pytest.raises(exits.Failure, match=r"podman has no container example-lms2\.\nRemedy: start it, or name the site"):
        target.find(lms("containers.podman.podman", "example-lms2"), None)


def test_in_a_log_the_load_says_what_it_does_once(monkeypatch, capsys):
    """And no empty line for a bar that nobody sees."""
    monkeypatch.setattr(load, "run", lambda *given: [{"given": len(given)}])
    amount = load.Load(users=1, spawn_rate=1, seconds=1, think_seconds=(0, 0))
    assert benchmark._load_with_bar("warming up", None, None, [], amount) == [{"given": 4}]
    assert capsys.readouterr().err == "warming up\n"
