"""A real gunicorn takes new settings while a client asks all the time: no request fails, and as many workers run as before."""

from __future__ import annotations

import contextlib
import getpass
import http.client
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..unit import modules
from . import servers

# How long anything may take on a machine with other work to do.
PATIENCE_SECONDS = 120
CONFIGURATION = "workers = 2\ntimeout = 300\n"


class Site:
    """A gunicorn of the LMS, its settings file, and what the module says of it."""

    def __init__(self, folder: Path, serve: Any, programs: Path, *options: str) -> None:
        self.folder = folder
        self.settings = folder / "lms.yml"
        self.settings.write_text("first\n")
        self.env_file = folder / "environment.sh"
        self.env_file.write_text("export LANG=C\n")
        self.configuration = folder / "gunicorn.py"
        self.configuration.write_text(CONFIGURATION)
        self.state = folder / "state"
        self.state.mkdir()
        command = [programs / "gunicorn", "--config", self.configuration, "--bind", "127.0.0.1:PORT", *options]
        self.server = serve(*command, "slow_site:application", LMS_CFG=str(self.settings))
        servers.until(lambda: self.answers(2), "two workers serve", PATIENCE_SECONDS)
        self._serves = time.time()

    def configure(self, text: str) -> None:
        """Write the configuration, later than the module takes for the start of the gunicorn."""
        servers.until(lambda: time.time() > self._serves + 1.5, "the gunicorn is old enough")
        self.configuration.write_text(text)

    @property
    def workers(self) -> list[int]:
        """The pids of the live workers."""
        return servers.children(self.server.process.pid)

    def ask(self, path: str = "/") -> str:
        """Return the answer to one request: settings and pid of the worker."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status == 200, text
        return text

    def answers(self, workers: int) -> bool:
        """Whether so many workers run and one of them answers."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return len(self.workers) == workers and bool(self.ask())
        assert self.server.process.poll() is None, self.server.log.read_text()
        return False

    def reload(self, *, check: bool = False, **more: Any) -> dict[str, Any]:
        """Run the module as the role does."""
        given = {
            "user": getpass.getuser(),
            "settings_files": [{"name": "lms", "path": str(self.settings)}],
            "env_file": str(self.env_file),
            "state_dir": str(self.state),
            "timeout_seconds": PATIENCE_SECONDS,
            **more,
        }
        return modules.run_here("gunicorn_reload", given, check=check)

    @contextlib.contextmanager
    def asked_constantly(self) -> Iterator[list[str]]:
        """Ask from several threads while the body runs; yield all answers, one that begins with `failed` for each failure."""
        answers: list[str] = []
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                try:
                    answers.append(self.ask())
                except (OSError, http.client.HTTPException, AssertionError) as error:
                    answers.append(f"failed: {error!r}")
                done.wait(0.02)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield answers
        finally:
            done.set()
            for thread in threads:
                thread.join()


@pytest.fixture
def site(tmp_path: Path, serve: Any, programs: Path) -> Callable[..., Site]:
    """Start a gunicorn with these options in addition."""
    return lambda *options: Site(tmp_path, serve, programs, *options)


def failures(answers: list[str]) -> list[str]:
    return [answer for answer in answers if answer.startswith("failed")]


def test_no_request_fails_and_every_worker_is_new(site):
    lms = site()
    before = lms.workers
    lms.settings.write_text("second\n")
    with lms.asked_constantly() as answers:
        predicted = lms.reload(check=True)
        assert (predicted["method"], predicted["boots"], lms.workers) == ("reload", 0, before)
        done = lms.reload()
    assert failures(answers) == []
    assert {answer.split()[0] for answer in answers} == {"first", "second"}
    assert (done["method"], done["boots"], done["changed"]) == ("reload", 1, False)
    [finding] = done["findings"]
    batch = min(2, max(1, len(os.sched_getaffinity(0)) // 2))
    assert finding["message"] == (
        f"The workers of LMS (2) are replaced without an interruption: up to {batch} new ones start at a time, and the "
        "old ones go once all of them serve.\nRemedy: nothing."
    )
    assert [web["workers"] for web in done["webs"]] == [2]
    assert len(lms.workers) == 2
    assert not set(lms.workers) & set(before)
    assert {lms.ask().split()[0] for _ in range(6)} == {"second"}


def test_settings_that_cannot_be_loaded_reach_no_worker(site):
    """A worker that cannot load the application would end gunicorn and all of its workers."""
    lms = site()
    before = lms.workers
    lms.settings.write_text("BROKEN\n")
    with lms.asked_constantly() as answers:
        refused = lms.reload()
    assert refused["msg"] == (
        "gunicorn cannot load LMS on the new settings: ImportError: no storage class of this name\n"
        "Remedy: correct what the message names, or set block_structure_native_reload to never; the running workers were left "
        "alone."
    )
    assert (failures(answers), lms.workers) == ([], before)
    assert {answer.split()[0] for answer in answers} == {"first"}


def test_workers_that_do_not_come_up_leave_the_old_ones_serving_and_the_next_run_heals(site):
    """Loading went well before, and hangs in the worker: the run fails, and with the former settings back all is as it was."""
    lms = site()
    before = lms.workers
    with lms.asked_constantly() as answers:
        lms.settings.write_text("HANGS\n")
        failed = lms.reload(timeout_seconds=2)
        assert failed["msg"] == (
            "The workers of LMS could not be replaced: new workers did not serve within 2 s; the old ones still do.\n"
            "Remedy: read the log of LMS's gunicorn; set block_structure_native_reload to never to restart it instead."
        )
        assert set(before) < set(lms.workers)
        lms.settings.write_text("first\n")
        healed = lms.reload()
    assert failures(answers) == []
    assert (healed["method"], len(lms.workers)) == ("reload", 2)
    assert not set(lms.workers) & set(before)
    assert {answer.split()[0] for answer in answers} == {"first"}


def test_an_old_worker_ends_its_request_and_is_named(site):
    lms = site()
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(lms.ask("/long")))
    asking.start()
    servers.until((lms.folder / "begun").exists, "a worker has the request", PATIENCE_SECONDS)
    done = lms.reload(finish_seconds=1)
    assert [finding["id"] for finding in done["findings"]] == ["web-reloads", "web-lingers"]
    assert len(lms.workers) == 3
    # It counts neither as a worker that gunicorn has to have, nor as one that is added.
    lms.settings.write_text("second\n")
    again = lms.reload(finish_seconds=1)
    assert [finding["id"] for finding in again["findings"]] == ["web-reloads", "web-lingers"]
    assert len(lms.workers) == 3
    assert lms.ask().startswith("second ")
    (lms.folder / "go").touch()
    asking.join()
    assert answers[0].startswith("first ")
    servers.until(lambda: len(lms.workers) == 2, "the old worker goes", PATIENCE_SECONDS)


def test_a_run_that_died_in_its_reload_leaves_no_worker_too_many(site):
    lms = site()
    [pid] = [lms.server.process.pid]
    started = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    os.kill(pid, servers.signal.SIGTTIN)
    servers.until(lambda: lms.answers(3), "a third worker runs", PATIENCE_SECONDS)
    (lms.state / "gunicorn.json").write_text(json.dumps({str(pid): {"started": started, "workers": 2}}))
    assert [web["workers"] for web in lms.reload()["webs"]] == [2]
    assert len(lms.workers) == 2
    assert json.loads((lms.state / "gunicorn.json").read_text()) == {
        str(pid): {"started": started, "workers": None, "left": {}}
    }


def test_a_gunicorn_that_preloads_is_left_to_a_restart(site):
    lms = site("--preload")
    before = lms.workers
    lms.settings.write_text("second\n")
    way = lms.reload()
    assert (way["method"], way["boots"], lms.workers) == ("restart", 0, before)
    assert way["why"] == "LMS's gunicorn has loaded the application itself (preload_app), so new workers have the old settings"


def test_what_new_workers_would_not_have_or_fit_needs_a_restart(site):
    lms = site()
    before = lms.workers
    large = lms.reload(reserve_mb=100_000_000, boot_seconds=14.4)
    assert re.fullmatch(
        r"LMS and Studio restart and answer nobody until they have started \(a boot of the LMS with its survey took 14 s\): "
        r"there is no memory for 2 more workers of \d+ MB\.\n"
        r"Remedy: deploy at a quiet hour, or give the host more memory\.",
        large["findings"][0]["message"],
    )
    fewer = lms.reload(expected=2)
    assert fewer["why"] == "only a gunicorn of LMS runs as block_structure_native_user, and 2 heartbeat addresses are given"
    lms.env_file.write_text("export AWS_REQUEST_CHECKSUM_CALCULATION=when_required\n")
    other = lms.reload()
    assert other["why"] == "LMS's gunicorn was started with another environment (AWS_REQUEST_CHECKSUM_CALCULATION)"
    assert {way["method"] for way in (large, fewer, other)} == {"restart"}
    assert lms.workers == before


def test_a_changed_configuration_is_read_again_once(site):
    lms = site()
    before = lms.workers
    lms.configure(f"{CONFIGURATION}workers = 3\n")
    # As of a file that was put back with its old time.
    os.utime(lms.configuration, (1, 1))
    with lms.asked_constantly() as answers:
        done = lms.reload()
    assert failures(answers) == []
    assert (done["method"], len(lms.workers)) == ("hup", 3)
    assert not set(lms.workers) & set(before)
    assert done["findings"][0]["message"] == (
        f"LMS must read {lms.configuration} again (HUP): requests wait until new workers have started, none fails.\n"
        "Remedy: nothing."
    )
    # Newer than its main process, and older than the HUP.
    assert lms.reload(check=True)["method"] == "reload"


def test_workers_without_what_the_configuration_asks_for_are_replaced_by_hup(site):
    lms = site()
    assert lms.reload(check=True)["method"] == "reload"
    assert lms.reload(check=True, reread=True)["method"] == "hup"
