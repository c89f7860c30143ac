"""What the role's probe reads and moves through this class: verified where it is, signed where it goes."""

from __future__ import annotations

import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.probe import protocol
from block_structure.module_utils.probe.engine import fetching
from block_structure.module_utils.probe.operations import candidate, generate, move
from block_structure_storage import envelope, remote, signing, storage

from .operations import NAME, write

GOOD = zlib.compress(pickle.dumps(({"block": {}}, {}), protocol=2))
MOVED = "elsewhere/" + NAME.partition("/")[2]


class Weapon:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def put(s3: Any, data: bytes, marks: dict[str, str], name: str = NAME) -> None:
    """Write an object as somebody who has the bucket's credentials."""
    s3.client.put_object(Bucket=s3.bucket, Key=name, Body=data, Metadata=marks)


def marks(s3: Any, name: str = NAME) -> dict[str, str]:
    found: dict[str, str] = s3.client.head_object(Bucket=s3.bucket, Key=name)["Metadata"]
    return found


def test_the_survey_says_who_signed_and_reads_nothing_of_an_attacker(s3: Any, calm: Any, tmp_path: Path) -> None:
    site = calm(signing="require")
    write(site, NAME, GOOD)
    store = fetching.Store(site)
    assert store.read(NAME) == {"exists": True, "bytes": len(GOOD), "blocks": 1, "error": None, "signature": "valid"}
    evil = zlib.compress(pickle.dumps(Weapon(tmp_path / "fired")))
    put(s3, evil, {**marks(s3), remote.DIGEST: envelope.digest(evil)})
    report = store.read(NAME)
    assert (report["exists"], report["blocks"], report["error"]["code"]) == (False, None, "tampered")
    assert not (tmp_path / "fired").exists()
    put(s3, GOOD, {})
    assert store.read(NAME)["error"]["code"] == "unsigned"
    # While unsigned objects are accepted, they are counted.
    accepting = fetching.Store(calm(signing="accept_unsigned"))
    assert (accepting.read(NAME)["exists"], accepting.read(NAME)["signature"]) == (True, "unsigned")


def test_an_object_that_waits_says_who_signed_it(s3: Any, calm: Any) -> None:
    site = calm(signing="accept_unsigned")
    s3.fail("answer", status=503, code="SlowDown")
    write(site, NAME, GOOD)
    assert fetching.Store(site).fetch(NAME) == (GOOD, "valid")


def test_a_move_signs_what_it_could_verify(s3: Any, calm: Any) -> None:
    site = calm(signing="require")
    write(site, NAME, GOOD)
    store = fetching.Store(site)
    assert candidate.prove(site.strict(), "elsewhere/")["public"] is False
    assert move.copy(store, store, NAME, MOVED) == {"done": "copied", "bytes": len(GOOD)}
    assert site.signature_of(MOVED)["status"] == signing.VALID
    assert move.copy(store, store, NAME, MOVED)["done"] == "present"
    # The same bytes with the signature of the other name are another object.
    put(s3, GOOD, marks(s3), MOVED)
    assert site.signature_of(MOVED)["status"] == signing.TAMPERED
    assert move.copy(store, store, NAME, MOVED)["done"] == "replaced"
    assert site.signature_of(MOVED)["status"] == signing.VALID


@pytest.mark.parametrize(
    ("change", "done"),
    [
        (lambda found: {**found, remote.SIGNATURE: "1:000000000000:" + "0" * 64}, "unverified"),
        (lambda found: {**found, remote.SIGNATURE: found[remote.SIGNATURE][:-4] + "beef"}, "unverified"),
        (lambda found: {remote.DIGEST: found[remote.DIGEST]}, "unverified"),
        (lambda found: {**found, remote.DIGEST: "0" * 64}, "damaged"),
    ],
)
def test_a_move_leaves_what_it_cannot_verify_to_the_generation(s3: Any, calm: Any, change: Any, done: str) -> None:
    site = calm(signing="require")
    write(site, NAME, GOOD)
    put(s3, GOOD, change(marks(s3)))
    store = fetching.Store(site)
    assert move.copy(store, store, NAME, MOVED) == {"done": done, "bytes": None}
    assert MOVED not in s3.names()


def test_a_move_signs_nothing_that_was_unsigned(s3: Any, calm: Any, make: Any) -> None:
    """It is copied as it is, so that learners have it until its course is generated."""
    put(s3, GOOD, {})
    site = calm(signing="accept_unsigned")
    store = fetching.Store(site)
    assert move.copy(store, store, NAME, MOVED)["done"] == "copied"
    assert site.signature_of(MOVED)["status"] == signing.UNSIGNED
    # Going back to the plain class needs nothing.
    plain = fetching.Store(make(storage.ReleaseS3Storage))
    assert plain.fetch(MOVED) == (GOOD, None)


def test_an_outage_ends_a_move_to_a_class_that_signs(s3: Any, calm: Any) -> None:
    site = calm(signing="require")
    write(site, NAME, GOOD)
    store = fetching.Store(site)
    s3.fail("answer", status=503, code="SlowDown", methods=["PUT"])
    with pytest.raises(remote.FailureError) as caught:
        move.copy(store, store, NAME, MOVED)
    assert generate.outage_of(caught.value) == "storage"
    assert protocol.describe(caught.value)["code"] == "server_error"
