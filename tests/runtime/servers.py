"""Real servers for the tests of the runtime package, each in a folder of its own and on loopback."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins/module_utils/probe/block_structure_runtime"
PROGRAMS = Path(__file__).parent / "programs"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def requirements() -> str:
    """Return the requirements; BLOCK_STRUCTURE_TEST_SERVERS, such as `gunicorn==20.1.0 uwsgi==2.0.31`, replaces some."""
    lines = {re.split("[=<>]", line)[0]: line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")}
    for wanted in os.environ.get("BLOCK_STRUCTURE_TEST_SERVERS", "").split():
        # uWSGI itself instead of its wheel.
        name = re.split("[=<>]", wanted)[0].replace("uwsgi", "pyuwsgi")
        lines[name] = wanted
    return "\n".join(lines.values()) + "\n"


def environment() -> Path:
    """Return the folder of the programs of a virtual environment with the servers, made once in .cache/runtime."""
    wanted = requirements()
    digest = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / "runtime" / digest
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        (folder / "requirements.txt").write_text(wanted)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", folder / "requirements.txt"], check=True)
        (folder / "done").touch()
    return folder / "bin"


def free_port() -> int:
    """Return a port of loopback that nothing listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def until(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Return what the condition comes to once it is true; AssertionError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def children(pid: int) -> list[int]:
    """Return the processes that a process started, in whichever of its threads."""
    return sorted(int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split())


class Server:
    """A server of the test's pages, with the package where the role puts it: beside a folder of reports."""

    def __init__(self, folder: Path, command: list[str | Path], **variables: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.reports = folder / "reports"
        self.reports.mkdir()
        shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
        for program in PROGRAMS.glob("*.py"):
            shutil.copy(program, folder)
        self.log = folder / "log"
        words = [str(word).replace("PORT", str(self.port)) for word in command]
        system = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SERVICE_VARIANT": "lms",
            **variables,
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(words, cwd=folder, env=system, stdout=log, stderr=log, start_new_session=True)

    def stop(self) -> None:
        """End everything that was started here."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def get(self, path: str, version: str = "HTTP/1.1", timeout: float = 30) -> bytes:
        """Return the body of a page, read up to the end of the connection."""
        body = self.raw(path, version, timeout).partition(b"\r\n\r\n")[2]
        assert body, self.log.read_text()
        return body

    def raw(self, path: str, version: str = "HTTP/1.1", timeout: float = 30) -> bytes:
        """Return all that the server sends on a connection that asks for one page; the connection ends it, not a length."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(f"GET {path} {version}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            received = b""
            while piece := connection.recv(65536):
                received += piece
        return received

    def json(self, path: str) -> dict[str, Any]:
        """Return the answer of a page that is JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def is_up(self) -> bool:
        """Whether a page is answered."""
        try:
            return bool(self.json("/state"))
        except (OSError, http.client.HTTPException):
            assert self.process.poll() is None, self.log.read_text()
            return False

    def hang_up(self, path: str, after: float = 0.02) -> None:
        """Ask for a page and leave without reading the answer, with a reset."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep(after)

    def settle(self, workers: int) -> None:
        """Wait until so many workers have lived for two seconds together."""
        seen: list[Any] = [None, 0.0]

        def steady() -> bool:
            live = sorted(children(self.process.pid))
            if live != seen[0]:
                seen[:] = [live, time.monotonic()]
            return len(live) == workers and time.monotonic() - seen[1] > 2

        until(steady, f"{workers} workers live on", 40)

    def report(self, pid: int) -> dict[str, Any] | None:
        """Return the report of a worker, None if it has none."""
        try:
            report: dict[str, Any] = json.loads((self.reports / f"{pid}.json").read_text())
        except FileNotFoundError:
            return None
        return report

    def reported(self, pid: int) -> dict[str, Any]:
        """Wait for the report of a worker, and return it."""
        report: dict[str, Any] = until(lambda: self.report(pid), f"worker {pid} reports\n{self.log.read_text()}")
        return report
