"""The site lock on SQLite, held by real processes, and the refusal without a lock. The sandbox tests MySQL's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from block_structure.module_utils.probe.engine import lock

ROOT = Path(__file__).resolve().parents[2]
# Takes the lock, forks a worker as a run does, reports it, and waits until its standard input ends.
RUN = """
import os, sys
sys.path.insert(0, sys.argv[1])
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}})
import django
django.setup()
from block_structure.module_utils.probe.engine import lock
lock.WAIT_SECONDS = 0.5
try:
    with lock.site_lock(sys.argv[3]):
        worker = os.fork()
        if worker == 0:
            os.read(0, 1)
            os._exit(0)
        print("held by", os.getpid(), worker, flush=True)
        os.read(0, 1)
        os.waitpid(worker, 0)
except lock.HeldError as error:
    print(error, flush=True)
"""


@contextmanager
def run(database: Path | str, name: str) -> Iterator[tuple[str, list[int]]]:
    """Start a run; yield its output and, once it has the lock, the ids of its two processes."""
    arguments = [str(ROOT / "scripts"), str(database), name]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    message = process.stdout.readline().strip()
    numbers = [int(word) for word in message.split()[2:]] if message.startswith("held by") else []
    try:
        yield message, numbers
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def test_a_second_run_is_refused_and_told_who_runs(tmp_path):
    database = tmp_path / "edxapp.sqlite3"
    with run(database, "first") as (message, (parent, _worker)):
        assert message
        with run(database, "second") as (refused, numbers):
            assert numbers == []
            assert f"(process {parent}, user " in refused
            assert ", run first) has been working on this site since 20" in refused
        with run(tmp_path / "another.sqlite3", "elsewhere") as (_, numbers):
            assert numbers
    with run(database, "third") as (_, numbers):
        assert numbers


def test_killed_run_keeps_the_lock_until_its_workers_end(tmp_path):
    database = tmp_path / "edxapp.sqlite3"
    with run(database, "first") as (_, (parent, worker)):
        os.kill(parent, signal.SIGKILL)
        with run(database, "second") as (refused, _):
            assert "run first" in refused
        os.kill(worker, signal.SIGKILL)
        with run(database, "third") as (_, numbers):
            assert numbers


def test_a_database_in_memory_has_nobody_to_keep_away():
    with run(":memory:", "first") as (_, first), run(":memory:", "second") as (_, second):
        assert first
        assert second


def test_database_without_a_supported_lock_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "django.db", SimpleNamespace(connection=SimpleNamespace(vendor="postgresql")))
    with pytest.raises(lock.UnsupportedError, match=r"^The site's database is postgresql, which has no lock to") as refused:
        lock.site_lock("first")
    assert refused.value.identifier == "lock-unsupported"
    assert refused.value.remedy.startswith("Open edX runs on MySQL and MariaDB; ")
