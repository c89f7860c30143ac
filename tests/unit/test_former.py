"""What a rollback leaves: courses that are rebuilt, and copies of settings, none of them with a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from block_structure.filter.block_structure import left_behind
from block_structure.module_utils.decisions import releases
from block_structure.module_utils.host import files
from block_structure.plugin_utils import former

from . import modules

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
S3 = {"STORAGE_CLASS": "storages.backends.s3boto3.S3Boto3Storage", "STORAGE_KWARGS": {"bucket_name": "b", "secret_key": SECRET}}
SURVEY = {"courses": [{"key": "one"}, {"key": "two"}]}


def row(release, name):
    return releases.as_named_row(release(name))


def record(raw, **switches):
    return {"settings": {"lms": raw}, "also": {}, "survey": {"row": {}, "switches": switches}}


def test_the_platforms_own_storage_is_where_a_site_without_settings_had_its_structures(release):
    expected = {"settings": {"STORAGE_CLASS": None, "STORAGE_KWARGS": {}}, "secrets": {}, "reads": True}
    assert former.storage(record(None), row(release, "teak")) == expected
    tutor = {"tutor": {"plugin": None, "enabled": False}, "survey": {"row": {}, "switches": {}}}
    assert former.storage(tutor, row(release, "teak")) == expected


@pytest.mark.parametrize(
    "raw", [f"BLOCK_STRUCTURES_SETTINGS: {json.dumps(S3)}\n", f'"BLOCK_STRUCTURES_SETTINGS": {json.dumps(S3)}']
)
def test_recorded_settings_are_read_from_yaml_and_json_with_their_secrets_apart(release, raw):
    found = former.storage(record(raw), row(release, "teak"))
    assert found["settings"] == {**S3, "STORAGE_KWARGS": {"bucket_name": "b"}}
    assert found["secrets"] == {"STORAGE_KWARGS": {"secret_key": SECRET}}


def test_a_site_whose_switch_was_off_read_no_storage(release):
    palm = row(release, "palm")
    switch = release("palm").storage_switch
    assert former.storage(record(None), palm)["reads"] is False
    assert former.storage(record(None, **{switch: True}), palm)["reads"] is True
    # Unknown: the value uses an anchor from elsewhere in the file.
    assert former.storage(record("BLOCK_STRUCTURES_SETTINGS: *other\n"), row(release, "teak"))["reads"] is False


def moved(**done):
    objects = [{"key": key, "done": outcome} for key, outcome in done.items()]
    return {"moves": True, "report": {"objects": objects}}


@pytest.mark.parametrize(
    ("registered", "reads", "rebuilt"),
    [
        (moved(one="copied", two="present"), True, []),
        (moved(one="copied", two="failed"), True, ["two"]),
        (moved(one="missing"), True, ["one", "two"]),
        ({"moves": False}, True, []),
        ({"skipped": True}, True, ["one", "two"]),
        ({"skipped": True}, False, ["one", "two"]),
    ],
)
def test_courses_that_the_former_storage_does_not_have_are_named(registered, reads, rebuilt):
    left = left_behind(SURVEY, registered, reads, {"kept": ["/edx/etc/lms.yml.x~"]}, ["/edx/etc/block_structure/runs"])
    assert left == {"rebuilt": rebuilt, "backups": ["/edx/etc/lms.yml.x~"], "files": ["/edx/etc/block_structure/runs"]}
    lines = former.left_text(left)
    assert lines[:2] == ["stays: /edx/etc/lms.yml.x~", "stays: /edx/etc/block_structure/runs"]
    assert any(
        "To spare learners that, run openedx_operators.block_structure.regenerate now." in line for line in lines
    ) is bool(rebuilt)


def test_copies_beside_a_file_are_bounded_and_the_first_one_stays(tmp_path: Path):
    path = tmp_path / "lms.yml"
    path.write_text("version: 0\n")
    path.chmod(0o640)
    (tmp_path / "lms.yml.1234.2026-11-27@15:00:00~").write_text("somebody else's")
    for number in range(1, 10):
        files.replace(path, f"version: {number}\n".encode(), backup=True)
    copies = files.backups(path)
    assert [copy.read_text() for copy in copies] == [f"version: {number}\n" for number in (0, 5, 6, 7, 8)]
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o640}
    assert len(list(tmp_path.iterdir())) == 2 + files.BACKUPS


def test_after_a_rollback_no_copy_with_a_secret_stays(tmp_path: Path):
    path = tmp_path / "lms.yml"
    path.write_text("A: 1\n")
    for text in (f"secret_key: {SECRET}\n", "secret_key: an older one\n", "A: 1\n"):
        files.replace(path, text.encode(), backup=True)
    other = tmp_path / "lms.yml.20260101~"
    other.write_text(f"secret_key: {SECRET}\n")
    oldest, *rest = files.backups(path)
    arguments = {"paths": [str(path)], "secrets": [SECRET]}
    predicted = modules.run("backups", arguments, "--check")
    assert (predicted["changed"], predicted["kept"]) == (True, [str(oldest)])
    assert len(files.backups(path)) == 3
    shown = modules.output("backups", arguments, "-vvv")
    assert SECRET not in shown
    assert files.backups(path) == [oldest]
    assert rest
    assert other.exists()
    again = modules.run("backups", arguments)
    assert (again["changed"], again["removed"]) == (False, [])
    # A site that was deployed again after its copies were removed by hand.
    oldest.write_text(f"secret_key: {SECRET}\n")
    assert modules.run("backups", arguments)["kept"] == []


def test_a_copy_that_cannot_be_removed_is_named(tmp_path: Path):
    path = tmp_path / "lms.yml"
    path.write_text("A: 1\n")
    files.replace(path, b"A: 2\n", backup=True)
    [copy] = files.backups(path)
    copy.unlink()
    copy.mkdir()
    failed = modules.run("backups", {"paths": [str(path)], "secrets": [SECRET]})
    assert "which may hold a secret, cannot be removed: " in failed["msg"]
    assert "Remedy: remove it yourself; everything else is rolled back." in failed["msg"]
