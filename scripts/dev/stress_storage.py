"""Stress the resilient storage class: hosts x processes x threads x faults of S3 and disk x kill -9, against a real S3 API.

Usage: scripts/dev/stress_storage.py [--seconds 60] [--hosts 2] [--processes 3] [--threads 4] [--seed 1]

The sandbox's S3 API runs on loopback and injects all its faults; local files are truncated; processes are killed and forked
again. A name determines its bytes, so each read is checked. At the end S3 works, the spools are uploaded, and a host that never
saw an object must find the newest version of every course.

Runs for the given seconds plus at most a minute of checks. The last line is one JSON object:

| key          | what it counts                                                                             |
|--------------|--------------------------------------------------------------------------------------------|
| operations   | writes, reads, and queries of existence, size and listing                                  |
| lost         | courses whose newest successfully written version could not be read at the end             |
| wrong        | reads that returned other bytes than those written under that name                         |
| undocumented | exceptions that the class does not document                                                |

The exit code is 1 unless these three are zero.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import functools
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles/block_structure/files/block_structure_storage"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "molecule/images/s3"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/storage"))

import django.conf
import impostor
from block_structure_storage import counters, draining, storage
from django.core.files.base import ContentFile
from sandbox_s3.faults import Fault

BUCKET = "example-stress"
KWARGS: dict[str, Any] = {
    "access_key": "AKIAIOSFODNN7EXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "bucket_name": BUCKET,
    "region_name": "us-east-1",
    "addressing_style": "path",
    "default_acl": None,
    "signing": "require",
}
# Short, so that many outages begin and end; few copies, so that eviction runs all the time.
HASTY = {
    "connect_timeout_seconds": 0.5,
    "read_timeout_seconds": 1.0,
    "attempts": 1,
    "budget_seconds": 1.5,
    "breaker_seconds": 0.3,
    "local_max_bytes": 6_000_000,
}
PATIENT = {"connect_timeout_seconds": 30, "read_timeout_seconds": 30, "budget_seconds": 60}
COURSES = 60
KNOWN_NAMES = 400
WRITES, QUESTIONS = 0.004, 0.001  # shares of the operations; all others are reads
KILL_EVERY_SECONDS = 2.0
WELL_SECONDS, FAULT_SECONDS = 1.5, 0.7  # on average
CHECK_SECONDS = 60.0
FAULTS: list[dict[str, Any]] = [
    {"kind": "answer", "status": 503, "code": "SlowDown"},
    {"kind": "answer", "status": 500, "code": "InternalError"},
    {"kind": "answer", "status": 403, "code": "AccessDenied"},
    {"kind": "answer", "status": 403, "code": "AccessDenied", "match": "C7"},
    {"kind": "answer", "status": 501, "code": "NotImplemented"},
    {"kind": "ignore", "methods": ["PUT"]},
    {"kind": "hang"},
    {"kind": "hang", "methods": ["PUT"]},
    {"kind": "delay", "seconds": 0.3},
    {"kind": "refuse"},
]
BAD_RESPONSES: list[tuple[str, ...]] = [("page",), ("page", "PUT"), ("page", "GET"), ("bare", "GET"), ("half", "GET")]


@functools.lru_cache(maxsize=2 * KNOWN_NAMES)
def bytes_of(name: str) -> bytes:
    """Return the structure that belongs to a name."""
    seed = hashlib.sha256(name.encode()).digest()
    return zlib.compress(b"".join(seed + number.to_bytes(2, "big") for number in range(20 + seed[0] * 2)), 1)


def course_of(name: str) -> str:
    """Return the directory of a version's name."""
    return name.rpartition("/")[0]


def append(path: Path, line: str) -> None:
    """Append a line atomically; a killed process has written it whole or not at all."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def lines(path: Path) -> list[str]:
    """Return the lines of a file that `append` wrote."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def last_lines(path: Path, wanted: int) -> list[str]:
    """Return about this number of last lines of a file, without reading the others."""
    if not path.exists():
        return []
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 120 * wanted))
        return stream.read().decode().splitlines()[1:]


def storage_on(directory: Path, endpoint: str, **changes: Any) -> Any:
    """Return the storage of a process on the host that has this directory."""
    storage._SHARED.clear()
    return storage.ResilientS3Storage(**{**KWARGS, "endpoint_url": endpoint, "local_directory": str(directory), **changes})


class Thread:
    """One thread of an LMS process: mostly reads, some writes."""

    def __init__(self, made: Any, notes: Path, seed: str) -> None:
        self.made, self.notes, self.random = made, notes, random.Random(seed)
        self.count: Counter[str] = Counter()
        self.names: list[str] = []

    def run(self, deadline: float) -> None:
        """Work until the deadline, in time.monotonic()."""
        noted = 0.0
        while time.monotonic() < deadline:
            self.one()
            if time.monotonic() - noted > 0.5:
                noted = time.monotonic()
                self.note()
        self.note()

    def note(self) -> None:
        """Save the counts, and read the names that other threads have written."""
        append(self.notes / "counts", json.dumps(self.count))
        self.count.clear()
        self.names = last_lines(self.notes / "written", KNOWN_NAMES) or self.names

    def one(self) -> None:
        """Do one operation and check it."""
        chance = self.random.random()
        with contextlib.ExitStack() as judged:
            judged.push(self.count_exception)
            if not self.names or chance < WRITES:
                self.write()
            elif chance < WRITES + QUESTIONS:
                self.ask(self.random.choice(self.names))
            else:
                self.read(self.random.choice(self.names))

    def count_exception(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> bool:
        """Count and suppress an exception (a context manager's __exit__); documented ones were caught before."""
        if kind is None or not issubclass(kind, Exception):
            return False
        self.count["undocumented"] += 1
        append(self.notes / "undocumented", f"{kind.__name__}: {error}")
        return True

    def write(self) -> None:
        moment = datetime.datetime.now(datetime.UTC)
        course = f"block_structures/block-v1:example+C{self.random.randrange(COURSES)}+2026+type@course+block@course"
        name = f"{course}/{moment:%Y-%m-%d-%H%M%S-%f}"
        self.count["writes"] += 1
        saved = self.made.save(name, ContentFile(bytes_of(name)))
        append(self.notes / "written", name)
        self.names.append(name)
        self.count["wrong"] += saved != name

    def read(self, name: str) -> None:
        self.count["reads"] += 1
        try:
            with self.made.open(name) as stream:
                self.count["wrong"] += stream.read() != bytes_of(name)
        except FileNotFoundError:
            self.count["not_found"] += 1

    def ask(self, name: str) -> None:
        self.count["questions"] += 1
        question: Callable[[str], Any] = self.random.choice([self.made.exists, self.made.size, self.made.listdir, self.delete])
        with contextlib.suppress(OSError):
            question(course_of(name) if question == self.made.listdir else name)

    def delete(self, name: str) -> None:
        """Prune, as the platform does after a write: never the newest version."""
        older = [known for known in self.names if course_of(known) == course_of(name)]
        if older and name != max(older):
            self.made.delete(name)


def worker(made: Any, notes: Path, threads: int, deadline: float, seed: str) -> None:
    """Run one LMS process."""
    made._remote.client()  # making it takes longer than the budget when the machine is loaded
    started = [threading.Thread(target=Thread(made, notes, f"{seed} {n}").run, args=(deadline,)) for n in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def host(directory: Path, endpoint: str, processes: int, threads: int, seconds: float, seed: int) -> None:
    """Run one host: fork LMS processes from one that has created the storage, kill them and damage files until the deadline."""
    draining.INTERVAL_SECONDS, draining.AFTER_START_SECONDS, draining.REFUSED_SECONDS = 1.0, 0.3, 1.0
    counters.WRITE_INTERVAL_SECONDS = 0.5
    made, chance = storage_on(directory, endpoint, **HASTY), random.Random(seed)
    deadline = time.monotonic() + seconds
    running: set[int] = set()
    forks = 0

    def fork() -> None:
        nonlocal forks
        forks += 1
        child = os.fork()
        if child == 0:
            try:
                worker(made, directory.parent, threads, deadline, f"{seed} {forks}")
                made._counters.write()
            finally:
                os._exit(0)
        running.add(child)

    for _ in range(processes):
        fork()
    while time.monotonic() + KILL_EVERY_SECONDS < deadline:
        time.sleep(KILL_EVERY_SECONDS * chance.random() * 2)
        victim = chance.choice(sorted(running))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        running.remove(victim)
        append(directory.parent / "kills", str(victim))
        damage(directory / "objects", chance)
        fork()
    for child in running:
        os.waitpid(child, 0)


def damage(objects: Path, chance: random.Random) -> None:
    """Truncate a copy, as a file system may leave it after a power loss."""
    with contextlib.suppress(OSError):  # the directory or the file does not exist
        paths = sorted(objects.iterdir())
        if paths:
            os.truncate(chance.choice(paths), chance.randrange(500))


class Trouble:
    """Faults of S3 that come and go in an order given by the seed."""

    def __init__(self, seed: int) -> None:
        self.served, self.impostor = impostor.serve()
        self.random = random.Random(seed)
        self.begun = 0

    def run(self, over: threading.Event) -> None:
        """Alternate between working and failing until it is over; ends working."""
        while not over.wait(WELL_SECONDS * self.random.random() * 2):
            self.begun += 1
            chosen = self.random.randrange(len(FAULTS) + len(BAD_RESPONSES))
            if chosen < len(FAULTS):
                self.served.faults.set(Fault(**FAULTS[chosen]))
            else:
                self.impostor.lie(*BAD_RESPONSES[chosen - len(FAULTS)])
            over.wait(FAULT_SECONDS * self.random.random() * 2)
            self.heal()

    def heal(self) -> None:
        self.impostor.lie(None)
        self.served.faults.set(None)


def check(directories: list[Path], top: Path, endpoint: str) -> dict[str, Any]:
    """Upload the spools, and read the newest version of every course on a host that never saw it."""
    written = [name for directory in directories for name in lines(directory.parent / "written")]
    newest: dict[str, str] = {}
    for name in written:
        newest[course_of(name)] = max(name, newest.get(course_of(name), name))
    found: Counter[str] = Counter()
    deadline = time.monotonic() + CHECK_SECONDS
    for directory in directories:
        made = storage_on(directory, endpoint, **PATIENT)
        made._breaker.close()
        while made.drain(wait_seconds=10)["left"] and time.monotonic() < deadline:
            pass
        state = made.state()
        found["left_in_spool"] += state["spool"]["waiting"]
        for name in ("spooled", "uploaded", "superseded", "spool_refused", "local_damaged", "written_s3"):
            found[name] += state["counters"]["counts"].get(name, 0)
    fresh = storage_on(top / "fresh", endpoint, **PATIENT)
    lost: list[dict[str, Any]] = []
    for name in newest.values():
        try:
            found["wrong"] += fresh.open(name).read() != bytes_of(name)
        except FileNotFoundError as error:
            # What a lost one is like: why, and what there is of its course in its place.
            lost.append({"name": name, "why": str(error), "there": sorted(fresh.listdir(course_of(name))[1])[-3:]})
    return {**found, "courses": len(newest), "lost": len(lost), "lost_objects": lost[:5]}


def main() -> None:
    """Run the stress test and print its result."""
    parser = argparse.ArgumentParser(description="Stress the resilient storage class; see the top of this file.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--host", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    django.conf.settings.configure(SECRET_KEY="a secret of the stress run")
    if options.host:
        directory, endpoint = options.host
        host(Path(directory), endpoint, options.processes, options.threads, options.seconds, options.seed)
        return
    start, trouble = time.monotonic(), Trouble(options.seed)
    top = Path(tempfile.mkdtemp(prefix="block-structure-stress-"))
    sizes = [f"--{name}={getattr(options, name)}" for name in ("processes", "threads", "seconds")]
    started: list[subprocess.Popen[bytes]] = []
    try:
        storage_on(top / "maker", trouble.served.endpoint, **PATIENT).connection.create_bucket(Bucket=BUCKET)
        directories = [top / f"host{number}" / "storage" for number in range(options.hosts)]
        over = threading.Event()
        troubled = threading.Thread(target=trouble.run, args=(over,))
        troubled.start()
        for number, directory in enumerate(directories):
            directory.parent.mkdir()
            with (directory.parent / "log").open("wb") as log:
                command = [sys.executable, __file__, "--host", str(directory), trouble.served.endpoint, *sizes]
                started.append(subprocess.Popen([*command, f"--seed={options.seed + number}"], stderr=log))
        codes = [process.wait(options.seconds + CHECK_SECONDS) for process in started]
        over.set()
        troubled.join()
        total: Counter[str] = Counter()
        undocumented: list[str] = []
        for directory in directories:
            for line in lines(directory.parent / "counts"):
                total.update(json.loads(line))
            total["kills"] += len(lines(directory.parent / "kills"))
            undocumented += lines(directory.parent / "undocumented")
            if any(codes):
                print((directory.parent / "log").read_text(encoding="utf-8")[-2000:])
        checked = check(directories, top, trouble.served.endpoint)
        total["wrong"] += checked.pop("wrong")
    finally:
        for process in started:
            process.kill()
        trouble.served.close()
        shutil.rmtree(top)
    result = {
        "seconds": round(time.monotonic() - start),
        **{name: getattr(options, name) for name in ("hosts", "processes", "threads", "seed")},
        "operations": total["writes"] + total["reads"] + total["questions"],
        **{name: total[name] for name in ("writes", "reads", "questions", "not_found", "wrong", "undocumented", "kills")},
        "faults": trouble.begun,
        **checked,
        "host_exit_codes": codes,
    }
    for message in undocumented[:5]:
        print(f"undocumented: {message}")
    print(json.dumps(result))
    if result["lost"] or result["wrong"] or result["undocumented"] or any(codes) or not result["operations"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
