"""What the tests of generation share: the engine itself, started as the role's module starts it."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.decisions import releases
from block_structure.module_utils.host import probe_client
from block_structure.module_utils.probe.protocol import PROTOCOL
from testinfra.host import Host

from ...conftest import wait_until

ROOT = Path(__file__).resolve().parents[3]
ENGINE = os.environ.get("BLOCK_STRUCTURE_ENGINE", "podman")
LMS_HOST = f"{os.environ.get('BLOCK_STRUCTURE_SANDBOX_NAME', 'block-structure')}-lms1"
RELEASE = os.environ["BLOCK_STRUCTURE_SANDBOX_RELEASE"]
BUCKET = "example-block-structures"
USER = ["runuser", "--user=www-data", "--", "/edx/app/edxapp/run.sh", "python", "manage.py"]
# How long a whole run may take.
RUN_SECONDS = 600

Event = dict[str, Any]


@dataclass
class Running:
    """A run in the LMS: its events as they come."""

    process: subprocess.Popen[str]
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            event = probe_client.parse(line)
            if event:
                self.events.append(event)

    def of(self, kind: str) -> list[Event]:
        """Return the events of one kind so far."""
        return [event for event in self.events if event["event"] == kind]

    def wait_for(self, kind: str, **values: Any) -> Event:
        """Return the first event of a kind with these values, as soon as it has come."""

        def find() -> Event | None:
            # Before the events are read: what the process wrote last has been read once its reader has ended.
            ended = not self.thread.is_alive()
            for event in self.of(kind):
                if all(event.get(name) == value for name, value in values.items()):
                    return event
            assert not ended, f"the run ended without an event {kind} {values}: {self.events[-3:]}"
            return None

        event: Event | None = wait_until(find, RUN_SECONDS)
        assert event, f"no event {kind} {values}: {self.events[-3:]}"
        return event

    def working(self) -> dict[str, str]:
        """Return {pid of a worker: its course} as soon as there is one at work."""
        seen = len(self.of("progress"))

        def working() -> dict[str, str]:
            return next((event["workers"] for event in self.of("progress")[seen:] if event["workers"]), {})

        found = wait_until(working, RUN_SECONDS)
        assert found, "no worker is at work"
        return dict(found)

    def end(self) -> Event:
        """Wait for the end and return its last event."""
        self.process.wait(RUN_SECONDS)
        self.thread.join()
        return self.events[-1]

    def result(self) -> dict[str, Any]:
        """Wait for the end and return the result of the last operation."""
        last = self.end()
        assert last["event"] == "result", last
        result: dict[str, Any] = last["results"][-1]
        return result

    def reports(self) -> dict[str, Event]:
        """Return the last report of each course."""
        return {event["key"]: event for event in self.of("course")}


@dataclass(frozen=True)
class Engine:
    """Starts operations of the probe in the LMS, without Ansible."""

    def start(self, operation: dict[str, Any]) -> Running:
        """Start one operation in a boot of its own."""
        table = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
        row = releases.pick(table, RELEASE).probe_row()
        request = {"protocol": PROTOCOL, "release": row, "operations": [operation]}
        process = subprocess.Popen(
            [ENGINE, "exec", "--interactive", LMS_HOST, *USER, "lms", "--settings=production", "shell"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdin
        process.stdin.write(probe_client.bundle(request))
        process.stdin.close()
        return Running(process)

    def generate(self, courses: list[str] | None = None, *, workers: int = 1, **options: Any) -> Running:
        """Start to generate courses again, the largest first; or what `select` says."""
        select = options.pop("select", {"force": True, "order": "largest", "courses": courses})
        return self.start({"op": "generate", "select": select, "workers": workers, "patience_seconds": 300, **options})


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine in the LMS."""
    return Engine()


@pytest.fixture(scope="session")
def some(courses: list[str]) -> list[str]:
    """Five courses of 50 to 1,000 blocks: enough for something to happen in the middle."""
    return [course for course in courses if course.split("+")[1] in ("S50", "S120", "S300", "S600", "S1000")]


@dataclass(frozen=True)
class Studio:
    """An author of the sandbox."""

    host: Host

    def manage(self, *message: str) -> str:
        """Run a command of Studio's manage.py."""
        command = " ".join(["%s"] * (len(USER) + 2 + len(message)))
        return str(self.host.check_output(command, *USER, "cms", "--settings=production", *message))

    def delete(self, course: str) -> None:
        """Delete a course as Studio does: the modulestore sends the signal that clears its structure."""
        program = (
            "from opaque_keys.edx.keys import CourseKey; from xmodule.modulestore.django import modulestore; "
            f"modulestore().delete_course(CourseKey.from_string({course!r}), -1)"
        )
        self.manage("shell", "-c", program)


@pytest.fixture(scope="session")
def studio(lms: Host) -> Studio:
    """Studio of the sandbox."""
    return Studio(lms)


@pytest.fixture(scope="session")
def objects(s3_api):
    """Return a function that lists the names of all objects in the bucket."""

    def names() -> set[str]:
        found, arguments = set(), {}
        while True:
            answer = s3_api.call("list_objects_v2", Bucket=BUCKET, **arguments)
            found.update(entry["Key"] for entry in answer.get("Contents", []))
            if not answer.get("IsTruncated"):
                return found
            arguments = {"ContinuationToken": answer["NextContinuationToken"]}

    return names


@pytest.fixture(autouse=True)
def no_course_is_worse_than_before(rows: Any, objects: Any) -> Iterator[None]:
    """Whatever happens: a course that had a row has one still, unless it was deleted, and every row names an object."""
    yield
    now = rows()
    assert now
    assert set(now.values()) <= objects()
