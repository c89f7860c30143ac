"""Learners who keep asking the sandbox's LMS while something else happens to it, and what they met."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / "scripts" / "loadtest"
ENGINE = os.environ.get("BLOCK_STRUCTURE_ENGINE", "podman")
HOST = f"{os.environ.get('BLOCK_STRUCTURE_SANDBOX_NAME', 'block-structure')}-lms1"
LMS = "http://127.0.0.1:8000"
LEARNERS = 3
# Nothing asks longer, whatever becomes of whoever started it.
MOST_SECONDS = 3600
COURSES = "SELECT course_id FROM split_modulestore_django_splitmodulestorecourseindex"
# The program and the module that it imports, without a file on the host.
LOADER = """
import sys, types
learner = sys.modules["learner"] = types.ModuleType("learner")
exec({learner!r}, learner.__dict__)
exec({program!r})
"""


@dataclass(frozen=True)
class Request:
    """One request: when, for which page, HTTP status (0 without an answer), milliseconds, and what went wrong."""

    start: float
    page: str
    status: int
    ms: float
    error: str | None

    @property
    def failed(self) -> bool:
        """Whether it was not answered with 200."""
        return self.status != 200


@dataclass(frozen=True)
class Met:
    """What learners met in a while: number of requests, of failed ones, and times in milliseconds."""

    requests: int
    failed: int
    p50: float
    p95: float
    worst: float

    @classmethod
    def of(cls, requests: list[Request]) -> Met:
        """Sum up some requests."""
        waits = sorted(request.ms for request in requests) or [0.0]
        p95 = statistics.quantiles(waits, n=20, method="inclusive")[-1] if len(waits) > 1 else waits[0]
        failed = sum(request.failed for request in requests)
        return cls(len(requests), failed, round(statistics.median(waits), 1), round(p95, 1), waits[-1])


def inside(*argv: str, stdin: str = "", host: str = HOST) -> str:
    """Return the output of a command on the LMS host, or another host of the sandbox. Raises CalledProcessError."""
    command = [ENGINE, "exec", "--interactive", host, *argv]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True).stdout


class Asking:
    """A context in which learners ask all the time."""

    def __init__(self, learners: int = LEARNERS) -> None:
        self._learners = learners
        self._lines = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed at the end of the context
        self.requests: list[Request] = []

    def __enter__(self) -> Asking:
        sources = {
            name: (PROGRAMS / f"{file}.py").read_text() for name, file in (("learner", "learner"), ("program", "constantly"))
        }
        courses = inside("mariadb", "--batch", "--skip-column-names", "edxapp", "--execute", COURSES).split()
        order = {"lms": LMS, "courses": courses, "learners": self._learners, "seconds": MOST_SECONDS}
        command = [ENGINE, "exec", "--interactive", HOST, "python3", "-c", LOADER.format(**sources)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self._lines, text=True)
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the learners, each after the answer that it waits for, and read what they met."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._lines.seek(0)
        read: list[Any] = [json.loads(line) for line in self._lines if line.endswith("\n")]
        self.requests = [Request(*fields) for fields in read]
        self._lines.close()

    def between(self, begun: float, ended: float) -> list[Request]:
        """Return the requests that were made in a while."""
        return [request for request in self.requests if begun <= request.start < ended]


def now() -> float:
    """Return the time, which the containers share with this machine."""
    return time.time()
