"""Run locust on a site, bounded, and return the time of each page.

Locust patches Python's standard library (gevent), so it runs in a separate process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from block_structure.module_utils.probe.protocol import outline_path

from . import ROOT
from .exits import ENVIRONMENT, Failure
from .runs import page_name
from .target import Target

LOCUSTFILE = ROOT / "scripts" / "loadtest" / "locustfile.py"
_SIGN_IN = ROOT / "scripts" / "loadtest" / "learner.py"
_SIGN_IN_SECONDS = 300
MOST_USERS = 200
MOST_SECONDS = 600
MOST_SPAWN_RATE = 50
_GRACE_SECONDS = 330  # for requests in flight when the time is up


@dataclass(frozen=True)
class Learner:
    """The account that sends the requests. username: None for what the site says."""

    email: str
    username: str | None
    password: str


@dataclass(frozen=True)
class Session:
    """A learner whom the site knows: the username that it answered, and the Cookie header."""

    username: str
    cookie: str


@dataclass(frozen=True)
class Load:
    """Amount of load: concurrent users, new users per second, seconds of load, and (min, max) seconds between requests."""

    users: int
    spawn_rate: float
    seconds: int
    think_seconds: tuple[float, float]


# One user visits each page once, in order. The time limit only ends a run that hangs.
ONCE = Load(1, 1, 3600, (0, 0))


def visits(courses: list[str], pages: list[str], nav_depths: list[int], username: str) -> list[dict[str, Any]]:
    """Return every page to visit.

    Path of the blocks API: edx-platform lms/djangoapps/course_api/blocks/urls.py.
    """
    found: list[dict[str, Any]] = []
    for course in courses:
        if "outline" in pages:
            found.append({"page": "outline", "nav_depth": None, "course": course, "path": outline_path(course)})
        for depth in nav_depths if "blocks" in pages else []:
            query = {
                "course_id": course,
                "username": username,
                "depth": "all",
                "nav_depth": depth,
                "requested_fields": "children,display_name,type,due,graded,format",
            }
            path = "/api/courses/v2/blocks/?" + urlencode(query)
            found.append({"page": "blocks", "nav_depth": depth, "course": course, "path": path})
    return found


def _command(target: Target, load: Load) -> list[str]:
    return [
        *target.prefix,
        sys.executable,
        "-m",
        "locust",
        "--headless",
        "--only-summary",
        "--loglevel=ERROR",
        "--exit-code-on-error=0",
        f"--locustfile={LOCUSTFILE}",
        f"--host={target.url}",
        f"--users={load.users}",
        f"--spawn-rate={load.spawn_rate}",
        f"--run-time={load.seconds}s",
        "--stop-timeout=300s",
    ]


def _wait(process: subprocess.Popen[str], seconds: int, on_second: Callable[[float], None]) -> None:
    start = time.monotonic()
    try:
        while process.poll() is None:
            elapsed = time.monotonic() - start
            if elapsed > seconds + _GRACE_SECONDS:
                raise Failure(
                    f"The load generator was still running {_GRACE_SECONDS} seconds after its time limit.",
                    "check the site: its requests hang.",
                    ENVIRONMENT,
                )
            on_second(elapsed)
            time.sleep(0.2)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def sign_in(target: Target, learner: Learner) -> Session:
    """Log in and ask the site who the learner is. Raises Failure: refused, anonymous, or somebody else."""
    asked = {
        "sign_in": True,
        "lms": target.url,
        "host": target.host,
        "email": learner.email,
        "password": learner.password,
    }
    try:
        done = subprocess.run(
            [*target.prefix, sys.executable, str(_SIGN_IN)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=_SIGN_IN_SECONDS,
            check=True,
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        lines = [line for line in str(getattr(error, "stderr", "") or error).splitlines() if line.strip()]
        answer = {"refused": lines[-1][:300] if lines else type(error).__name__}
    if "refused" in answer:
        raise Failure(
            f"The learner cannot log in to {target.host or target.url}: {answer['refused']}.",
            "correct --learner and BLOCK_STRUCTURE_LEARNER_PASSWORD, or the site's name with --url; nothing was changed. "
            "The site must answer /api/user/v1/account/login_session/ and /api/user/v1/me.",
            ENVIRONMENT,
        )
    if learner.username not in (None, answer["username"]):
        raise Failure(
            f"The site says that {learner.email} is {answer['username']}, not {learner.username}.",
            "correct --username, or leave it out.",
            ENVIRONMENT,
        )
    return Session(answer["username"], answer["cookie"])


def _explain(code: int, message: str) -> Failure:
    lines = [line for line in message.splitlines() if line.strip()]
    refused = [line for line in lines if line.startswith("LOGIN ")]
    if refused:
        return Failure(
            f"The times of this run are not those of a learner: {refused[-1][len('LOGIN ') :]}.",
            "measure again, with an account that nobody else logs in with meanwhile.",
            ENVIRONMENT,
        )
    return Failure(
        f"The load generator ended with code {code}: {lines[-1][:300] if lines else 'it printed nothing'}.",
        "check the URL of the site, and with `block-structure doctor` that the extra 'load' is complete.",
        ENVIRONMENT,
    )


def run(
    target: Target,
    learner: Session,
    wanted: list[dict[str, Any]],
    load: Load,
    *,
    on_second: Callable[[float], None] = lambda _elapsed: None,
) -> list[dict[str, Any]]:
    """Visit pages and return one sample per visit, as written by scripts/loadtest/locustfile.py.

    on_second: called with the elapsed seconds while locust runs.
    Raises Failure: the session ended meanwhile, or locust does not run.
    """
    with tempfile.TemporaryDirectory(prefix="block-structure-load-") as folder:
        samples = Path(folder) / "samples.jsonl"
        request = Path(folder) / "request.json"  # mode 0700: the session must not appear in arguments
        request.write_text(
            json.dumps(
                {
                    "username": learner.username,
                    "cookie": learner.cookie,
                    "host": target.host,
                    "visits": wanted,
                    "order": "once" if load is ONCE else "random",
                    "think_seconds": load.think_seconds,
                    "samples": str(samples),
                }
            )
        )
        with (Path(folder) / "locust.log").open("w+") as log:
            try:
                process = subprocess.Popen(
                    _command(target, load),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env={**os.environ, "BLOCK_STRUCTURE_LOADTEST": str(request)},
                )
            except OSError as error:
                raise Failure(
                    f"The load generator cannot be started: {error}.", "run `block-structure doctor`.", ENVIRONMENT
                ) from error
            _wait(process, load.seconds, on_second)
            log.seek(0)
            message = log.read()
        if process.returncode:
            raise _explain(process.returncode, message)
        found = [json.loads(line) for line in samples.read_text().splitlines()] if samples.exists() else []
    if not found:
        raise Failure("The load generator made no request.", "give it a longer --duration.", ENVIRONMENT)
    return found


def group(samples: list[dict[str, Any]], state: str) -> list[dict[str, Any]]:
    """Return samples grouped by page and course, as in a run file. state: cold or warm."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for sample in samples:
        key = (page_name(sample["page"], sample["nav_depth"]), sample["course"])
        entry = groups.setdefault(
            key,
            {
                "state": state,
                **{name: sample[name] for name in ("page", "nav_depth", "course")},
                "ms": [],
                "errors": 0,
                "first_error": None,
            },
        )
        if sample["error"]:
            entry["errors"] += 1
            entry["first_error"] = entry["first_error"] or sample["error"]
        else:
            entry["ms"].append(sample["ms"])
    return list(groups.values())
