"""Every fault of S3 and of the local disk, met cold, warm, by a publish and by a generation, with both classes of storage.

Resilient: no cell is an error, nothing is lost, everything heals. Plain: the cells say what the platform does without it. The
slow plain cells (minutes of waiting) run only with BLOCK_STRUCTURE_SLOW_CELLS; `make storage-table` writes docs/storage.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

from .conftest import Cell, Driver, wait_until

COURSE = "course-v1:SandboxX+S120+2026"
BUCKET = "example-block-structures"
FOLDER = "/dev/shm/block_structure_storage"
SLOW_CELLS = bool(os.environ.get("BLOCK_STRUCTURE_SLOW_CELLS"))
# A plain cell is left alone after this; the resilient class answers long before, also on a loaded machine.
PATIENCE_SECONDS = 120 if SLOW_CELLS else 60

# Faults that the S3 API is told of.
ORDERS: dict[str, dict[str, Any]] = {
    "S3 answers 503": {"kind": "answer", "status": 503, "code": "SlowDown"},
    "S3 refuses connections": {"kind": "refuse"},
    "S3 hangs": {"kind": "hang"},
    "S3 answers 403 to everything": {"kind": "answer", "status": 403, "code": "AccessDenied"},
    "S3 takes 2 s a request": {"kind": "delay", "seconds": 2},
    "clock skew": {"kind": "answer", "status": 403, "code": "RequestTimeTooSkewed"},
}
NO_LIST = "no ListBucket, object missing"
CORRUPT = "object corrupt in the bucket"
TRUNCATED = "local copies truncated"
FULL = "local disk full"
NO_BUCKET = "bucket deleted"
# The last one leaves a bucket without the role's settings, so it stands last.
FAULTS = [*ORDERS, NO_LIST, CORRUPT, TRUNCATED, FULL, NO_BUCKET]
LOCAL_FAULTS = (TRUNCATED, FULL)
CASES = ["cold", "cold, copy here", "warm", "publish", "generation"]
# Minutes of waiting: S3 does not answer, and boto3 asks again and again.
SLOW = {("plain", "S3 hangs"), ("plain", "S3 takes 2 s a request")}


def exists(case: str, cls: str, fault: str) -> bool:
    """Say whether a cell can be: the plain class has nothing local, and a copy that is here needs no more than one row."""
    return cls == "resilient" or (fault not in LOCAL_FAULTS and case != "cold, copy here")


CELLS = [
    pytest.param(cls, fault, case, id=f"{cls}-{fault}-{case}")
    for cls in ("resilient", "plain")
    for fault in FAULTS
    for case in CASES
    if exists(case, cls, fault)
]


class Faults:
    """Puts a fault in force, and takes it away."""

    def __init__(self, s3_faults: Any, s3_api: Any, s3: Any, lms: Any) -> None:
        self.order, self.api, self.s3, self.lms = s3_faults, s3_api, s3, lms

    def of(self, name: str, driver: Driver) -> AbstractContextManager[None]:
        """Return the context of a fault."""
        if name in ORDERS:
            return self.order(**ORDERS[name])
        special: dict[str, Callable[[Driver], AbstractContextManager[None]]] = {
            NO_LIST: self.no_list,
            CORRUPT: self.corrupt,
            TRUNCATED: self.truncated,
            FULL: self.full,
            NO_BUCKET: self.no_bucket,
        }
        return special[name](driver)

    @contextmanager
    def no_list(self, driver: Driver) -> Iterator[None]:
        """The row's object is gone, and the LMS may not know."""
        self.api.call("delete_object", Bucket=BUCKET, Key=driver("row", course=COURSE)["name"])
        policy = json.loads(self.api.call("get_bucket_policy", Bucket=BUCKET)["Policy"])
        deny = {
            "Sid": "NoList",
            "Effect": "Deny",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/lms"},
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{BUCKET}",
        }
        closed = {**policy, "Statement": [*policy["Statement"], deny]}
        self.api.call("put_bucket_policy", Bucket=BUCKET, Policy=json.dumps(closed))
        try:
            yield
        finally:
            self.api.call("put_bucket_policy", Bucket=BUCKET, Policy=json.dumps(policy))

    @contextmanager
    def corrupt(self, driver: Driver) -> Iterator[None]:
        """The row's object has other bytes, and the metadata that it had."""
        name = driver("row", course=COURSE)["name"]
        metadata = self.api.call("head_object", Bucket=BUCKET, Key=name)["Metadata"]
        self.api.call("put_object", Bucket=BUCKET, Key=name, Body="rubbish", Metadata=metadata)
        yield

    @contextmanager
    def truncated(self, driver: Driver) -> Iterator[None]:
        """Every local copy lacks its end."""
        driver("truncate")
        yield

    @contextmanager
    def full(self, _driver: Driver) -> Iterator[None]:
        """The file system of the local directory takes no byte more."""
        self.lms.run("dd if=/dev/zero of=/dev/shm/filler bs=4k status=none")
        try:
            yield
        finally:
            self.lms.check_output("rm /dev/shm/filler")

    @contextmanager
    def no_bucket(self, _driver: Driver) -> Iterator[None]:
        """The bucket is deleted with all that is in it, and made anew afterwards, empty."""
        versions = self.api.call("list_object_versions", Bucket=BUCKET)
        for entry in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
            self.api.call("delete_object", Bucket=BUCKET, Key=entry["Key"], VersionId=entry["VersionId"])
        assert self.api.call("delete_bucket", Bucket=BUCKET) == {}
        try:
            yield
        finally:
            self.api.call("create_bucket", Bucket=BUCKET)


@pytest.fixture(scope="session")
def faults(s3_faults: Any, s3_api: Any, s3: Any, lms: Any) -> Faults:
    """What can go wrong, by name."""
    return Faults(s3_faults, s3_api, s3, lms)


def make_ready(driver: Driver, fault: str, case: str) -> None:
    """Make the course stored, fresh and in the cache; then forget what the case has not seen."""
    driver("forget")
    driver("generate", course=COURSE)
    driver("drain")
    assert driver("row", course=COURSE)["fresh"]
    assert driver("visit", course=COURSE, timeout=60)["status"] == 200
    if case != "warm":
        driver("flush")
    driver("forget", copies=case != "cold, copy here" and fault != TRUNCATED)


def act(driver: Driver, cell: Cell, title: str) -> None:
    """Do what the case says while the fault is in force, and note what came of it."""
    if cell.case == "generation":
        done = driver("generate", course=COURSE)
        cell.status, cell.seconds = done["problem"] or "ok", done["seconds"]
    if cell.case == "publish":
        driver("publish", course=COURSE, title=title)
        wait_until(lambda: driver("row", course=COURSE)["fresh"], 20)
        # Who comes next finds a cold cache.
        driver("flush")
    if cell.case != "generation":
        told = driver("sees", course=COURSE, title=title, timeout=PATIENCE_SECONDS)
        cell.status, cell.seconds = str(told["status"] or "none"), told["seconds"]
        cell.sees = "an error" if told["status"] != 200 else "the course"
        if cell.case == "publish" and told["status"] == 200:
            cell.sees = "the new course" if told["new"] else "the old course"


def missing(driver: Driver) -> str:
    """Return what is lost now that S3 is well, in words; nothing is an empty string."""
    driver("forget")
    driver("drain")
    row = driver("row", course=COURSE)
    if not row["fresh"]:
        return "the change, until the task is tried again"
    if not driver("stored", course=COURSE):
        return "the object"
    return ""


@pytest.mark.parametrize(("cls", "fault", "case"), CELLS)
def test_cell(driver_of: Any, faults: Faults, table: list[Cell], cls: str, fault: str, case: str) -> None:
    if (cls, fault) in SLOW and not SLOW_CELLS:
        pytest.skip("minutes of waiting: run `make storage-table`")
    driver = driver_of(cls)
    cell = Cell(cls, fault, case)
    make_ready(driver, fault, case)
    title = f"{fault} {case}"
    with faults.of(fault, driver) if fault else nullcontext():
        act(driver, cell, title)
        state = driver("state")
    # A missing bucket, a lost or a corrupt object heals with the next visit, which finds nothing and rebuilds.
    driver("flush")
    driver("forget")
    healed = driver("visit", course=COURSE, timeout=60)["status"]
    cell.lost = missing(driver)
    table.append(cell)
    if cls == "plain":
        return
    assert cell.status in ("200", "ok"), state
    assert cell.sees in ("", "the course", "the new course")
    assert cell.lost == ""
    assert healed == 200
    # Bounded: by what the class spent, not by a clock. An outage is met once, whatever was done meanwhile.
    failed = {name: count for name, count in state["counters"]["counts"].items() if "_failed_" in name}
    assert failed if fault in ORDERS and case not in ("warm", "cold, copy here") else True
    assert driver("state")["spool"]["waiting"] == 0


# Last but for the load: the plain cells have switched to plain.
def test_another_class_finds_the_same_objects(driver_of: Any, courses: list[str]) -> None:
    """Switching moves no data: nothing is generated, and no course is rebuilt, whichever class comes next."""
    driver_of("plain")
    before = {course: driver_of("plain")("row", course=course)["name"] for course in courses}
    driver = driver_of("resilient")
    assert {course: driver("row", course=course)["name"] for course in courses} == before
