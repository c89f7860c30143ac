"""Signed objects: when unsigned ones are refused, who must share the key, and the words that role, probe and class share."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import block_structure_storage.remote
import block_structure_storage.signing
import django.conf
import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import plan, releases, signing, spool
from block_structure.module_utils.probe.engine import facts
from block_structure.module_utils.probe.operations import move
from block_structure.plugin_utils import role_variables

from . import modules
from .surveys import ROW, SETTINGS, survey

WANTED = {**SETTINGS, "STORAGE_KWARGS": {**SETTINGS["STORAGE_KWARGS"], "signing": signing.REQUIRE}}


def surveyed(mode: str | None, **course: Any) -> dict[str, Any]:
    """Return the survey of a site whose class has this mode; None: a class that does not sign."""
    found = survey(**course)
    found["settings"]["storage_state"] = mode and {"signing": {"mode": mode}}
    return found


def test_role_probe_and_class_use_the_same_words() -> None:
    assert sorted(signing.MODES) == sorted(block_structure_storage.signing.MODES)
    assert signing.VALID == move.VALID == block_structure_storage.signing.VALID
    assert set(move.DISTRUSTED) == {*block_structure_storage.remote.DISTRUSTED, "garbled"}
    assert tuple(role_variables.options()[signing.VARIABLE]["choices"]) == signing.MODES


@pytest.mark.parametrize(
    ("active", "course", "mode"),
    [
        # A new bucket: nothing to lose, so no second restart.
        (None, {"row": False, "object_exists": False}, signing.REQUIRE),
        # An object that cannot be read is lost with either mode.
        (None, {"object_exists": False}, signing.REQUIRE),
        (None, {}, signing.ACCEPT_UNSIGNED),
        (signing.OFF, {"signature": "unchecked"}, signing.ACCEPT_UNSIGNED),
        (signing.ACCEPT_UNSIGNED, {"signature": "unsigned"}, signing.ACCEPT_UNSIGNED),
        (signing.ACCEPT_UNSIGNED, {"signature": "valid"}, signing.REQUIRE),
        # What is unsigned on a site that signs was written by somebody else.
        (signing.REQUIRE, {"signature": "unsigned"}, signing.REQUIRE),
    ],
)
def test_unsigned_objects_are_refused_once_nothing_is_lost_by_it(active: str | None, course: dict[str, Any], mode: str) -> None:
    assert signing.mode(signing.for_now(WANTED, surveyed(active, **course))) == mode


@pytest.mark.parametrize("wanted", [signing.ACCEPT_UNSIGNED, signing.OFF])
def test_a_mode_that_refuses_nothing_is_taken_as_it_is(wanted: str) -> None:
    settings = signing.with_mode(WANTED, wanted)
    assert signing.for_now(settings, surveyed(None)) == settings
    assert signing.for_now(SETTINGS, surveyed(None)) == SETTINGS


@pytest.mark.parametrize(("signature", "courses"), [("valid", []), ("unsigned", [survey()["courses"][0]["key"]])])
def test_what_is_not_signed_is_generated_where_the_operator_wants_signatures(signature: str, courses: list[str]) -> None:
    site = surveyed(signing.ACCEPT_UNSIGNED, signature=signature)
    assert plan.make(site, plan.Target(SETTINGS, ROW, {}, sign=True)).courses == courses
    assert plan.make(site, plan.Target(SETTINGS, ROW, {})).courses == []


@pytest.mark.parametrize(
    ("active", "mode", "begins"),
    [
        (None, signing.REQUIRE, True),
        (signing.OFF, signing.ACCEPT_UNSIGNED, True),
        (signing.ACCEPT_UNSIGNED, signing.REQUIRE, False),
        (None, signing.OFF, False),
    ],
)
def test_studio_is_asked_only_where_signing_begins(active: str | None, mode: str, begins: bool) -> None:
    assert signing.begins(signing.with_mode(WANTED, mode), surveyed(active)["settings"]) is begins
    assert not signing.begins(SETTINGS, surveyed(active)["settings"])


def test_keys_must_verify_what_the_other_signs() -> None:
    signing.check_keys(["new", "old"], ["old", "new"])
    for lms, studio in ((["a"], ["b"]), (["new", "old"], ["old"]), (["old"], ["new", "old"])):
        with pytest.raises(BlockStructureError) as caught:
            signing.check_keys(lms, studio)
        assert caught.value.identifier == "signing-keys-differ"
        assert str(caught.value) == (
            "The LMS and Studio have different values of SECRET_KEY, so neither would read what the other signs.\n"
            "Remedy: give both the same SECRET_KEY, or name the other's in SECRET_KEY_FALLBACKS of each; or set "
            "block_structure_storage_signing to off. Nothing was changed."
        )


# Studio's manage.py as far as the probe needs it; its key is the first argument.
STUDIO = "import sys, django.conf\ndjango.conf.settings.configure(SECRET_KEY=sys.argv[1])\nexec(sys.stdin.read(), {})\n"


@pytest.mark.parametrize(
    ("program", "secret", "active", "boots", "message"),
    [
        (STUDIO, "one", None, 1, None),
        (STUDIO, "other", None, 1, "The LMS and Studio have different values of SECRET_KEY, so neither would read what"),
        (
            "raise ImportError('cms')",
            "one",
            None,
            1,
            "which key it would verify objects with: Studio does not start: ImportError",
        ),
        # It is not booted where objects are signed already.
        ("raise ImportError('cms')", "one", signing.REQUIRE, 0, None),
    ],
)
def test_studio_is_booted_to_compare_its_key(
    table: dict[str, Any], tmp_path: Path, program: str, secret: str, active: str | None, boots: int, message: str | None
) -> None:
    (tmp_path / "manage.py").write_text(program)
    survey_settings = {"storage_state": active and {"signing": {"mode": active}}, "signing_keys": [facts._short_name(b"one")]}
    report = modules.run(
        "signing_keys",
        {
            "manage_argv": [sys.executable, str(tmp_path / "manage.py"), secret],
            "release": releases.as_named_row(releases.pick(table, "teak")),
            "active": survey_settings,
            "settings": WANTED,
            "first": survey_settings,
        },
    )
    assert (report["boots"], report["changed"]) == (boots, False)
    assert (message or "") in report.get("msg", "")
    assert bool(report.get("failed")) is bool(message)
    assert "Nothing was changed." in report["msg"] if message else True


def test_names_of_keys_are_equal_where_the_secrets_are_and_tell_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(**settings: Any) -> list[str]:
        monkeypatch.setattr(django.conf, "settings", types.SimpleNamespace(**settings))
        return facts.signing_keys()

    one = names(SECRET_KEY="a secret of this site")
    assert one == names(SECRET_KEY=b"a secret of this site")
    assert names(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["a secret of this site"])[1:] == one
    assert [len(name) for name in one] == [12]


def test_what_waits_unsigned_is_uploaded_before_unsigned_objects_are_refused() -> None:
    """The spool does not upload what it must not trust."""
    active = surveyed(signing.ACCEPT_UNSIGNED)["settings"]
    active["storage_state"]["spool"] = {"files": 1}
    active["block_structures"] = signing.with_mode(WANTED, signing.ACCEPT_UNSIGNED)
    assert spool.leaves_objects(active, WANTED)
    assert not spool.leaves_objects(active, active["block_structures"])
