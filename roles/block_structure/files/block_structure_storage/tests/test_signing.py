"""Who may have an object unpickled: whoever has the site's SECRET_KEY, and nobody else."""

from __future__ import annotations

import json
import logging
import pickle
import zlib
from pathlib import Path
from typing import Any

import django.conf
import pytest
from block_structure_storage import envelope, remote, signing, storage
from django.core.exceptions import ImproperlyConfigured

from .operations import DATA, NAME, counts, drained, file_of, read, write

DIGEST = envelope.digest(DATA)
ANOTHER = "block_structures/block-v1:example+C2+2026+type@course+block@course/2026-11-24-033000-123456"
ACCEPT, REQUIRE, OFF = signing.ACCEPT_UNSIGNED, signing.REQUIRE, signing.OFF


def signed_by(*secrets: bytes) -> signing.Signing:
    return signing.Signing(REQUIRE, secrets)


def metadata(s3: Any, name: str = NAME) -> dict[str, str]:
    found: dict[str, str] = s3.client.head_object(Bucket=s3.bucket, Key=name)["Metadata"]
    return found


def put(s3: Any, data: bytes, marks: dict[str, str], name: str = NAME) -> None:
    """Write an object as somebody who has the bucket's credentials."""
    s3.client.put_object(Bucket=s3.bucket, Key=name, Body=data, Metadata=marks)


@pytest.mark.parametrize(
    ("name", "digest", "change", "status"),
    [
        (NAME, DIGEST, lambda words: words, signing.VALID),
        (ANOTHER, DIGEST, lambda words: words, signing.TAMPERED),
        (NAME, envelope.digest(b""), lambda words: words, signing.TAMPERED),
        (NAME, None, lambda words: words, signing.TAMPERED),
        (NAME, DIGEST, lambda words: words[:-1] + ("0" if words[-1] != "0" else "1"), signing.TAMPERED),
        (NAME, DIGEST, lambda words: words[:20], signing.TAMPERED),
        (NAME, DIGEST, lambda words: words + ":x", signing.TAMPERED),
        (NAME, DIGEST, lambda words: "2" + words[1:], signing.OTHER_KEY),
        (NAME, DIGEST, lambda _: "1:000000000000:" + "0" * 64, signing.OTHER_KEY),
        (NAME, DIGEST, lambda _: "é", signing.OTHER_KEY),
        (NAME, DIGEST, lambda _: "", signing.UNSIGNED),
        (NAME, DIGEST, lambda _: None, signing.UNSIGNED),
    ],
)
def test_only_what_was_signed_verifies(name: str, digest: str | None, change: Any, status: str) -> None:
    signer = signed_by(b"secret")
    words = change(signer.sign(NAME, DIGEST))
    assert signer.status(name, digest, words) == status
    if status == signing.VALID:
        assert signer.verify(name, digest, words) == status
    else:
        with pytest.raises(signing.NotVerifiedError) as caught:
            signer.verify(name, digest, words)
        assert caught.value.status == status


def test_a_key_is_rotated_by_way_of_the_fallbacks() -> None:
    old, both, new = signed_by(b"old"), signed_by(b"new", b"old"), signed_by(b"new")
    words = old.sign(NAME, DIGEST)
    assert both.status(NAME, DIGEST, words) == signing.VALID
    assert new.status(NAME, DIGEST, words) == signing.OTHER_KEY
    assert both.sign(NAME, DIGEST) == new.sign(NAME, DIGEST)
    assert both.state() == {
        "mode": REQUIRE,
        "key_id": new.state()["key_id"],
        "accepted_key_ids": [new.state()["key_id"], old.state()["key_id"]],
    }
    assert signing.key_id(words) == old.state()["key_id"]


def test_the_key_id_is_the_same_in_every_process_and_tells_no_secret(calm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state = calm().state()["signing"]
    assert state == calm().state()["signing"]
    assert len(state["key_id"]) == 12
    assert django.conf.settings.SECRET_KEY not in json.dumps(calm().state())
    monkeypatch.setattr(django.conf.settings, "SECRET_KEY", "of another site")
    assert calm().state()["signing"]["key_id"] != state["key_id"]
    monkeypatch.setattr(django.conf.settings, "SECRET_KEY_FALLBACKS", ["a secret of this site alone"], raising=False)
    assert calm().state()["signing"]["accepted_key_ids"][1] == state["key_id"]


class Weapon:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def page(made: Any, name: str = NAME) -> bytes:
    """Serve a course page as the platform does: unpickle what the storage has, rebuild what is not found."""
    try:
        return bytes(pickle.loads(zlib.decompress(read(made, name))))
    except FileNotFoundError:
        write(made, name, zlib.compress(pickle.dumps(b"rebuilt")))
        return b"rebuilt"


@pytest.mark.parametrize("mode", [ACCEPT, REQUIRE])
@pytest.mark.parametrize("signature", ["kept", "of another name", "of another site", "none"])
def test_object_that_would_run_code_is_not_unpickled_and_the_site_heals(
    s3: Any, calm: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str, signature: str
) -> None:
    """Somebody with the bucket's credentials replaces an object and writes the digest that fits."""
    site = calm(signing=mode)
    good = zlib.compress(pickle.dumps(b"the course"))
    for name in (NAME, ANOTHER):
        write(site, name, good)
    fired = tmp_path / "fired"
    evil = zlib.compress(pickle.dumps(Weapon(fired)))
    marks = {remote.DIGEST: envelope.digest(evil)}
    if signature == "kept":
        marks[remote.SIGNATURE] = metadata(s3)[remote.SIGNATURE]
    elif signature == "of another name":
        evil, marks = good, metadata(s3, ANOTHER)
    elif signature == "of another site":
        marks[remote.SIGNATURE] = str(signed_by(b"of the attacker").sign(NAME, envelope.digest(evil)))
    put(s3, evil, marks)
    reader = calm(signing=mode, local_directory=str(tmp_path / "host2"))
    if mode == ACCEPT and signature == "none":  # what the transition costs until it ends
        assert counts(reader) == {}
        page_of_attacker = zlib.decompress(read(reader))
        assert page_of_attacker == pickle.dumps(Weapon(fired))
        assert counts(reader) == {"read_s3_unsigned": 1}
        return
    assert page(reader) == b"rebuilt"
    assert not fired.exists()
    cause = {"kept": "tampered", "of another name": "tampered", "of another site": "other_key", "none": "unsigned"}[signature]
    assert counts(reader)[f"read_failed_{cause}"] == 1
    assert f"S3 did not read {NAME}: {cause} after" in caplog.text
    # Everybody reads what was built anew.
    assert page(calm(signing=mode, local_directory=str(tmp_path / "host3"))) == b"rebuilt"


def test_what_is_distrusted_is_logged_once_and_counted_each_time(
    s3: Any, calm: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(calm())
    put(s3, DATA[:-1] + b"?", {**metadata(s3), remote.DIGEST: envelope.digest(DATA[:-1] + b"?")})
    reader = calm(local_directory=str(tmp_path / "host2"))
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            read(reader)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "tampered with, or copied from another name" in caplog.text
    assert counts(reader) == {"read_failed_tampered": 3}


def test_a_replay_does_not_verify_and_a_move_signs_at_the_new_place(s3: Any, calm: Any, tmp_path: Path) -> None:
    made = calm()
    write(made)
    source = {"Bucket": s3.bucket, "Key": NAME}
    s3.client.copy_object(Bucket=s3.bucket, Key=ANOTHER, CopySource=source)
    reader = calm(local_directory=str(tmp_path / "host2"))
    assert reader.signature_of(ANOTHER)["status"] == signing.TAMPERED
    with pytest.raises(remote.FailureError, match="copied from another name"):
        reader.fetch(ANOTHER)
    marks = reader.metadata_for(ANOTHER, reader.fetch(NAME))
    s3.client.copy_object(Bucket=s3.bucket, Key=ANOTHER, CopySource=source, Metadata=marks, MetadataDirective="REPLACE")
    assert reader.signature_of(ANOTHER)["status"] == signing.VALID
    assert read(reader, ANOTHER) == DATA


def test_modes_of_the_transition(s3: Any, make: Any, calm: Any, tmp_path: Path) -> None:
    plain = make(storage.ReleaseS3Storage)
    write(plain)
    for mode, readable in ((OFF, True), (ACCEPT, True), (REQUIRE, False)):
        made = calm(signing=mode, local_directory=str(tmp_path / mode))
        assert made.exists(NAME) is readable
        if readable:
            assert read(made) == DATA
        else:
            with pytest.raises(FileNotFoundError, match="it has no signature"):
                read(made)
            with pytest.raises(FileNotFoundError):
                made.size(NAME)
        write(made, f"by/{mode}")
        assert (remote.SIGNATURE in metadata(s3, f"by/{mode}")) is (mode != OFF)
    # Back to plain: what is signed is an object like any other.
    assert read(plain, f"by/{REQUIRE}") == DATA


def test_copies_without_a_signature_are_not_used_when_it_is_required(calm: Any) -> None:
    write(calm(signing=OFF))
    made = calm(signing=REQUIRE)
    with pytest.raises(FileNotFoundError):
        read(made)
    write(made)
    assert read(made) == DATA
    assert counts(made)["local_unsigned"] == 1


def test_unsigned_objects_can_be_counted_without_reading_them(s3: Any, calm: Any, make: Any) -> None:
    made = calm()
    write(make(storage.ReleaseS3Storage), "a/plain")
    write(calm(signing=OFF), "a/digested")
    write(made, "a/signed")
    put(s3, DATA, {**metadata(s3, "a/signed"), remote.SIGNATURE: "1:000000000000:" + "0" * 64}, "a/foreign")
    s3.fail("answer", status=403, code="AccessDenied", methods=["GET"])
    found = {name: made.signature_of(f"a/{name}") for name in ("plain", "digested", "signed", "foreign")}
    assert {name: told["status"] for name, told in found.items()} == {
        "plain": "unsigned",
        "digested": "unsigned",
        "signed": "valid",
        "foreign": "other_key",
    }
    assert found["signed"] == {"status": "valid", "key_id": made.state()["signing"]["key_id"], "bytes": len(DATA)}
    assert made.signatures(["a/plain", "a/digested", "a/signed", "a/foreign", "a/none"]) == {
        "unsigned": ["a/plain", "a/digested"],
        "valid": ["a/signed"],
        "other_key": ["a/foreign"],
        "missing": ["a/none"],
    }


@pytest.mark.parametrize("drawer", ["copies", "spool"])
def test_local_file_with_a_rewritten_digest_is_not_used(s3: Any, calm: Any, drawer: str) -> None:
    """Somebody with the LMS's disk and without its key."""
    made = calm(breaker_seconds=600)
    if drawer == "spool":
        s3.fail("answer", status=403, code="AccessDenied")
    write(made)
    s3.heal()
    kept = made._copies if drawer == "copies" else made._spool
    made._copies.forget(NAME) if drawer == "spool" else None
    path = file_of(kept, NAME)
    stored = envelope.unpack(path.read_bytes())
    evil = DATA[:-1] + b"?"
    path.write_bytes(envelope.pack(NAME, evil, envelope.digest(evil), stored.signature))
    if drawer == "copies":
        assert read(made) == DATA  # S3 has it
    else:
        with pytest.raises(FileNotFoundError):
            read(made)
        assert not path.exists()
    assert counts(made)["local_tampered"] == 1


def test_what_waits_under_another_key_waits_for_the_processes_that_have_it(
    s3: Any, calm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = calm()
    s3.fail("answer", status=403, code="AccessDenied")
    write(made)
    s3.heal()
    monkeypatch.setattr(django.conf.settings, "SECRET_KEY", "of another site")
    outcome = drained(calm())
    assert (outcome["uploaded"], outcome["left"]) == (0, 1)
    assert "another SECRET_KEY" in outcome["problem"]
    monkeypatch.undo()
    assert drained(calm()) == {"uploaded": 1, "left": 0, "problem": None}


@pytest.mark.parametrize("secret", ["", None])
def test_without_a_secret_signing_is_refused_with_a_remedy(make: Any, monkeypatch: pytest.MonkeyPatch, secret: Any) -> None:
    monkeypatch.setattr(django.conf.settings, "SECRET_KEY", secret or "")
    with pytest.raises(ImproperlyConfigured, match="Remedy: set SECRET_KEY, or signing to 'off'"):
        make()
    make(signing=OFF)


def test_a_mode_that_is_none_is_refused(make: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="Remedy: give off, accept_unsigned or require"):
        make(signing="yes")
