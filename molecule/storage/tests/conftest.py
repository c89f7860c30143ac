"""The driver in the LMS, the active storage class, and the record of all cells."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ...conftest import wait_until

ROOT = Path(__file__).resolve().parents[3]
ENGINE = os.environ.get("BLOCK_STRUCTURE_ENGINE", "podman")
NAME = os.environ.get("BLOCK_STRUCTURE_SANDBOX_NAME", "block-structure")
MARK = "STORAGE_DRIVER "
# What `make storage-table` makes docs/storage.md of.
CELLS = ROOT / ".cache" / "storage-cells.json"
PYTHON = "/edx/app/edxapp/venvs/edxapp/bin/python"
IMPORT = f"{PYTHON} -c 'import block_structure_storage'"
# block_structure_storage_local_dir of the scenario: a file system that a test can fill.
FOLDER = "/dev/shm/block_structure_storage"
BUCKET = "example-block-structures"


class Driver:
    """One booted LMS process that takes orders (molecule/storage/driver.py)."""

    def __init__(self) -> None:
        program = (ROOT / "molecule/storage/driver.py").read_text()
        shell = ["runuser", "--user=www-data", "--", "/edx/app/edxapp/run.sh", "python", "manage.py", "lms", "shell", "-c"]
        environment = ["--env=SERVICE_VARIANT=lms", "--env=DJANGO_SETTINGS_MODULE=lms.envs.production"]
        # Through exec: Django's shell gives the program's functions no view of its imports otherwise.
        command = [*shell, f"exec({program!r}, {{'__name__': 'driver'}})"]
        self.process = subprocess.Popen(
            [ENGINE, "exec", "--interactive", *environment, f"{NAME}-lms1", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.answer()

    def answer(self) -> Any:
        """Return the next answer; the platform's own talk is passed over."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if MARK in line:
                report = json.loads(line.split(MARK, 1)[1])
                assert "error" not in report, report
                return report["answer"]
        raise AssertionError("the driver ended")

    def __call__(self, order: str, **arguments: Any) -> Any:
        """Give an order and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"order": order, **arguments}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Weapon:
    """Unpickled, it makes a directory."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


class Attack:
    """Somebody with the bucket's credentials replaces an object by one that runs code where it is unpickled."""

    path = "/tmp/block-structure-attack"

    def __init__(self, s3_api: Any, lms: Any) -> None:
        self.api, self.lms = s3_api, lms

    def succeeded(self) -> bool:
        """Say whether the code ran on the LMS host."""
        return bool(self.lms.file(self.path).exists)

    @contextmanager
    def __call__(self, name: str, *, keep_signature: bool) -> Iterator[None]:
        """Replace the object, with a digest that fits. Afterwards it is gone, and the host forgets what it counted."""
        evil = zlib.compress(pickle.dumps(Weapon(self.path)))
        metadata = self.api.call("head_object", Bucket=BUCKET, Key=name)["Metadata"]
        kept = metadata if keep_signature else {}
        marks = {**kept, "block-structure-sha256": hashlib.sha256(evil).hexdigest()}
        self.api.call("put_object", Bucket=BUCKET, Key=name, Body=evil.decode("latin-1"), Metadata=marks)
        try:
            yield
        finally:
            self.api.call("delete_object", Bucket=BUCKET, Key=name)
            self.lms.check_output(f"rm --recursive --force {self.path} {FOLDER}/counters.json")


@pytest.fixture(scope="session")
def attack(s3_api: Any, lms: Any) -> Attack:
    """What an attacker does to the bucket."""
    return Attack(s3_api, lms)


@dataclass
class Cell:
    """One cell of the table: a class of storage, a fault, and what somebody did meanwhile.

    status: of the page, or what generation said. seconds: that it took. sees: what learners saw. lost: what was missing when
    S3 was well again.
    """

    cls: str
    fault: str
    case: str
    status: str = ""
    seconds: float = 0.0
    sees: str = ""
    lost: str = ""


@pytest.fixture(scope="session")
def table() -> Iterator[list[Cell]]:
    """The cells that the tests fill; written down at the end, beside those of tests that ran before."""
    cells: list[Cell] = []
    yield cells
    CELLS.parent.mkdir(exist_ok=True)
    known = json.loads(CELLS.read_text()) if CELLS.exists() else []
    kept = {(cell["fault"], cell["cls"], cell["case"]): cell for cell in [*known, *map(vars, cells)]}
    CELLS.write_text(json.dumps(list(kept.values()), indent=1))


@pytest.fixture(scope="session")
def driver_of(playbooks: Any) -> Iterator[Callable[[str], Driver]]:
    """Return the driver on a class of storage; another class than the active one is deployed first."""
    started: dict[str, Driver] = {}
    active = ["resilient"]  # what converge deployed

    def of(cls: str) -> Driver:
        if cls not in started:
            for name in list(started):
                started.pop(name).close()
            if active != [cls]:
                ended = playbooks.run("deploy", "-e", f"block_structure_storage_class={cls}")
                assert ended.exit_code == 0, ended.output[-3000:]
                active[:] = [cls]
            started[cls] = Driver()
        return started[cls]

    yield of
    for one in started.values():
        one.close()


@contextmanager
def one_waits(driver: Driver, s3_faults: Any, course: str) -> Iterator[str]:
    """While the body runs S3 takes no structure, and a publish of the course waits for it; yield the object's name."""
    driver("forget")
    before = driver("row", course=course)["name"]
    # Everything else goes on: a playbook is to reach the spool.
    with s3_faults("answer", status=503, code="SlowDown", methods=["PUT"], match="/block_structures/"):
        driver("publish", course=course, title=f"published at {driver('now')}")
        assert wait_until(lambda: driver("state")["spool"]["waiting"]) == 1
        # The object is written first; the row's transaction ends after it.
        assert wait_until(lambda: driver("row", course=course)["name"] != before)
        yield driver("row", course=course)["name"]
