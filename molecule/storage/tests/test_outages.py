"""Every fault of S3 and of the local disk, met cold, warm, by a publish and by a generation, with both classes of storage.

Resilient: no cell is an error, nothing is lost, everything recovers. Plain: the cells say what the platform does without it.
Some cells run by themselves, all of them with BLOCK_STRUCTURE_SLOW; `make storage-table` writes docs/storage.md of these. The
way from one class to the other and back is tested in between, where it is gone anyway.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from ...conftest import wait_until
from .conftest import BUCKET, FOLDER, IMPORT, Attack, Cell, Driver, one_waits

COURSE = "course-v1:SandboxX+S120+2026"
# A plain cell is left alone after this; the resilient class answers long before, also on a loaded machine.
PATIENCE_SECONDS = 120

# Faults that the S3 API is asked for.
ORDERS: dict[str, dict[str, Any]] = {
    "S3 answers 503": {"kind": "answer", "status": 503, "code": "SlowDown"},
    "S3 refuses connections": {"kind": "refuse"},
    "S3 hangs": {"kind": "hang"},
    "S3 answers 403 to everything": {"kind": "answer", "status": 403, "code": "AccessDenied"},
    "S3 takes 2 s a request": {"kind": "delay", "seconds": 2},
    "S3 refuses the course's objects for good": {
        "kind": "answer",
        "status": 403,
        "code": "AccessDenied",
        "methods": ["PUT"],
        "match": "S120",
    },
    "a proxy answers 200 with a page": {"kind": "page"},
    "clock skew": {"kind": "answer", "status": 403, "code": "RequestTimeTooSkewed"},
}
REFUSED = "S3 refuses the course's objects for good"
# Those of them that cost a wait each: one for each process that meets it before it has warned the others.
OUTAGES = ("S3 answers 503", "S3 refuses connections", "S3 hangs", "S3 takes 2 s a request")
# Two of gunicorn, the worker and the driver.
PROCESSES = 4
SPOOL_FULL = "S3 answers 503, spool full"
NO_LIST = "no ListBucket, object missing"
CORRUPT = "object corrupt in the bucket"
TRUNCATED = "local copies truncated"
FULL = "local disk full"
TAMPERED = "object replaced by an attacker"
UNSIGNED = "object without a signature"
NO_BUCKET = "bucket deleted"
# The last one leaves a bucket without the role's settings, so it is last.
FAULTS = [*ORDERS, SPOOL_FULL, NO_LIST, CORRUPT, TAMPERED, UNSIGNED, TRUNCATED, FULL, NO_BUCKET]
LOCAL_FAULTS = (SPOOL_FULL, TRUNCATED, FULL)
CASES = ["cold", "cold, copy here", "warm", "publish", "generation"]
# Each fault and each case at least once with the resilient class, and what the plain class is known for.
SOME = {
    "resilient": {
        ("S3 answers 503", "cold"),
        ("S3 refuses connections", "publish"),
        ("S3 hangs", "generation"),
        ("S3 answers 403 to everything", "warm"),
        ("S3 takes 2 s a request", "cold, copy here"),
        ("clock skew", "cold"),
        (SPOOL_FULL, "publish"),
        (NO_LIST, "cold"),
        (CORRUPT, "cold"),
        (REFUSED, "publish"),
        ("a proxy answers 200 with a page", "publish"),
        (TAMPERED, "cold"),
        (UNSIGNED, "cold"),
        (TRUNCATED, "cold, copy here"),
        (FULL, "publish"),
        (NO_BUCKET, "publish"),
    },
    "plain": {("S3 refuses connections", "cold"), (NO_LIST, "cold")},
}
EVERYTHING = bool(os.environ.get("BLOCK_STRUCTURE_SLOW"))


def exists(case: str, cls: str, fault: str) -> bool:
    """Say whether a cell can be: the plain class has nothing local, and a copy that is here needs no more than one row."""
    return cls == "resilient" or (fault not in LOCAL_FAULTS and case != "cold, copy here")


def cells(cls: str) -> pytest.MarkDecorator:
    """Return the marker that runs a test for each cell of a class."""
    found = [(fault, case) for fault in FAULTS for case in CASES if exists(case, cls, fault)]
    chosen = [cell for cell in found if EVERYTHING or cell in SOME[cls]]
    return pytest.mark.parametrize(("fault", "case"), chosen, ids=[f"{fault}-{case}" for fault, case in chosen])


class Faults:
    """Makes a fault active, and ends it."""

    def __init__(self, s3_faults: Any, s3_api: Any, s3: Any, lms: Any, attack: Attack) -> None:
        self.order, self.api, self.s3, self.lms, self.attack = s3_faults, s3_api, s3, lms, attack

    def of(self, name: str, driver: Driver) -> AbstractContextManager[None]:
        """Return the context of a fault."""
        if name in ORDERS:
            return self.order(**ORDERS[name])
        special: dict[str, Callable[[Driver], AbstractContextManager[None]]] = {
            SPOOL_FULL: self.spool_full,
            NO_LIST: self.no_list,
            CORRUPT: self.corrupt,
            TAMPERED: lambda driver: self.attack(driver("row", course=COURSE)["name"], keep_signature=True),
            UNSIGNED: lambda driver: self.attack(driver("row", course=COURSE)["name"], keep_signature=False),
            TRUNCATED: self.truncated,
            FULL: self.full,
            NO_BUCKET: self.no_bucket,
        }
        return special[name](driver)

    @contextmanager
    def spool_full(self, _driver: Driver) -> Iterator[None]:
        """S3 takes nothing, and the spool holds all that it may: objects of another bucket, which stay for that one."""
        filler = f"{FOLDER}/spool/00000000-filler"
        self.lms.check_output(f"install --owner=www-data --mode=600 /dev/null {filler} && truncate --size=1T {filler}")
        try:
            with self.order(**ORDERS["S3 answers 503"]):
                yield
        finally:
            self.lms.check_output(f"rm {filler}")

    @contextmanager
    def no_list(self, driver: Driver) -> Iterator[None]:
        """Somebody deleted the row's object, and the LMS may not know."""
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
        entries = [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]
        objects = [{name: entry[name] for name in ("Key", "VersionId")} for entry in entries]
        assert "Errors" not in self.api.call("delete_objects", Bucket=BUCKET, Delete={"Objects": objects})
        assert self.api.call("delete_bucket", Bucket=BUCKET) == {}
        try:
            yield
        finally:
            self.api.call("create_bucket", Bucket=BUCKET)


@pytest.fixture(scope="session")
def faults(s3_faults: Any, s3_api: Any, s3: Any, lms: Any, attack: Attack) -> Faults:
    """What can go wrong, by name."""
    return Faults(s3_faults, s3_api, s3, lms, attack)


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
    """Do what the case says while the fault is active, and note what came of it."""
    if cell.case == "generation":
        done = driver("generate", course=COURSE)
        cell.status, cell.seconds = done["problem"] or "ok", done["seconds"]
    if cell.case == "publish":
        driver("publish", course=COURSE, title=title)
        wait_until(lambda: driver("row", course=COURSE)["fresh"], 20)
        # Who comes next finds a cold cache.
        driver("flush")
    if cell.case != "generation":
        report = driver("sees", course=COURSE, title=title, timeout=PATIENCE_SECONDS)
        cell.status, cell.seconds = str(report["status"] or "none"), report["seconds"]
        cell.sees = "an error" if report["status"] != 200 else "the course"
        if cell.case == "publish" and report["status"] == 200:
            cell.sees = "the new course" if report["new"] else "the old course"


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


def failures(driver: Driver) -> Counter[str]:
    """Return what this host counted of S3's failures and of a full spool until now; nothing for the plain class."""
    counts = (driver("state") or {"counters": {"counts": {}}})["counters"]["counts"]
    return Counter({name: count for name, count in counts.items() if "_failed_" in name or name == "spool_refused"})


def fill(driver: Driver, faults: Faults, table: list[Cell], cell: Cell) -> Counter[str]:
    """Meet a fault, end it, and record the cell; return the failures of S3 that the storage class counted meanwhile."""
    make_ready(driver, cell.fault, cell.case)
    before = failures(driver)
    with faults.of(cell.fault, driver):
        act(driver, cell, f"{cell.fault} {cell.case}")
        met, attacked = failures(driver) - before, faults.attack.succeeded()
    # A missing bucket, a lost or a corrupt object recovers with the next visit, which finds nothing and rebuilds.
    driver("flush")
    driver("forget")
    fixed = driver("visit", course=COURSE, timeout=60)["status"]
    cell.lost = "the host: the attacker's code ran" if attacked else missing(driver) or ("the page" if fixed != 200 else "")
    table.append(cell)
    return met


@cells("resilient")
def test_no_learner_meets_the_fault_and_nothing_is_lost(
    driver_of: Any, faults: Faults, table: list[Cell], fault: str, case: str
) -> None:
    driver = driver_of("resilient")
    cell = Cell("resilient", fault, case)
    met = fill(driver, faults, table, cell)
    print(vars(cell), dict(met))
    assert cell.status in ("200", "ok"), driver("state")
    assert cell.sees == {"generation": "", "publish": "the new course"}.get(case, "the course")
    assert cell.lost == ""
    # Who needed S3 met the fault; and bounded is what the class waited, not what a busy machine added.
    if fault in ORDERS and case in ("cold", "publish", "generation") and (fault, case) != (REFUSED, "cold"):
        assert met
    if fault in (TAMPERED, UNSIGNED) and case == "cold":
        assert met[f"read_failed_{'tampered' if fault == TAMPERED else 'unsigned'}"]
    if fault in OUTAGES:
        assert met.total() <= PROCESSES, met
    if fault == SPOOL_FULL and case in ("cold", "publish", "generation"):
        assert met["spool_refused"]
    assert driver("state")["spool"]["waiting"] == 0


def rows(driver: Driver, courses: list[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of all courses: names of objects, moments of the last change."""
    return {course: driver("row", course=course) for course in courses}


def make_whole(driver: Driver, courses: list[str]) -> None:
    """Give each course an object again that the deletion of the bucket took with it."""
    for course in courses:
        if not driver("stored", course=course):
            driver("generate", course=course)


def serves_what_is_there(driver: Driver, courses: list[str]) -> None:
    """Ask for every course with an empty cache; none may be rebuilt, which would write its row."""
    before = rows(driver, courses)
    driver("flush")
    driver("forget")
    assert {driver("visit", course=course, timeout=60)["status"] for course in courses} == {200}
    assert rows(driver, courses) == before


def test_plain_is_refused_while_an_object_waits_then_takes_over_what_is_in_s3(
    driver_of: Any, playbooks: Any, s3_faults: Any, lms: Any, courses: list[str]
) -> None:
    driver = driver_of("resilient")
    make_whole(driver, courses)
    with one_waits(driver, s3_faults, COURSE) as named:
        refused = playbooks.run("deploy", "-e", "block_structure_storage_class=plain")
        assert refused.exit_code != 0
        text = " ".join(refused.output.split())
        assert "1 object waits on this host for S3, and the upload fails: " in text
        assert f"Remedy: fix S3 and run again; or delete the files in {FOLDER}/spool, which rebuilds" in text
        assert lms.run(IMPORT).rc == 0
        assert driver("state")["spool"]["waiting"] == 1
    # What is cold is uploaded by the deploy, not by a learner's request.
    names = {course: row["name"] for course, row in rows(driver, courses).items()}
    plain = driver_of("plain")
    assert {course: row["name"] for course, row in rows(plain, courses).items()} == names
    assert names[COURSE] == named
    assert all(plain("stored", course=course) for course in courses)
    serves_what_is_there(plain, courses)
    assert not lms.file(FOLDER).exists
    assert "No module named 'block_structure_storage'" in lms.run(IMPORT).stderr


@cells("plain")
def test_what_the_plain_class_does(driver_of: Any, faults: Faults, table: list[Cell], fault: str, case: str) -> None:
    cell = Cell("plain", fault, case)
    assert not fill(driver_of("plain"), faults, table, cell)
    assert cell.status == "500" if (fault, case) in SOME["plain"] else cell.status


def test_resilient_signs_anew_what_plain_wrote(driver_of: Any, courses: list[str]) -> None:
    # Celery may still try publishes again that failed with the plain class.
    others = [course for course in courses if course != COURSE]
    plain = driver_of("plain")
    make_whole(plain, courses)
    names = {course: row["name"] for course, row in rows(plain, others).items()}
    driver = driver_of("resilient")
    # Nothing shows who wrote the unsigned objects, so their courses were generated.
    assert not set(names.values()) & {row["name"] for row in rows(driver, others).values()}
    assert {driver("signature", course=course) for course in others} == {"valid"}
    assert driver("state")["signing"]["mode"] == "require"
    serves_what_is_there(driver, others)
    # A host without these objects reads them from S3, and keeps copies.
    assert driver("state")["copies"]["files"] >= len(others)
