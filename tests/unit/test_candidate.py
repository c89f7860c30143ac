"""The module candidate: LMS and Studio are booted at the same time, and what either of them lacks is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.decisions import releases
from block_structure.module_utils.probe import protocol

from . import modules

WANTED = {"STORAGE_CLASS": "a.B", "STORAGE_KWARGS": {"bucket_name": "ours"}}
THEIRS = {"STORAGE_CLASS": "a.B", "STORAGE_KWARGS": {"bucket_name": "site-media"}}
# A manage.py as far as the probe needs it: waits until the other system is being booted too, then answers.
PROGRAM = """
import sys, time
from pathlib import Path
here, system = Path(__file__).parent, sys.argv[1]
(here / system).touch()
sys.stdin.read()
end = time.monotonic() + 60
while len(list(here.glob("?ms"))) < {systems}:
    assert time.monotonic() < end, "the other one is not booted meanwhile"
    time.sleep(0.01)
exec((here / f"{{system}}.py").read_text())
"""


def answers(settings: dict[str, Any], key_hash: dict[str, Any] | None = None, local: dict[str, Any] | None = None) -> str:
    """Return the program of a system with these settings."""
    result = {"settings": {"block_structures": settings}, "key_hash": key_hash, "local": local, "canary": None}
    event = {"event": "result", "seconds": 0.1, "results": [result]}
    return f"print({protocol.MARK + json.dumps(event)!r})"


def prove(folder: Path, table: dict[str, dict[str, Any]], studio: str | None, lms: str | None = None) -> dict[str, Any]:
    """Return what the module says of two systems, each a program."""
    (folder / "manage.py").write_text(PROGRAM.format(systems=1 if studio is None else 2))
    (folder / "lms.py").write_text(lms or answers(WANTED))
    (folder / "cms.py").write_text(studio or "")
    argv = [sys.executable, str(folder / "manage.py")]
    arguments = {
        "manage_argv": [*argv, "lms"],
        "release": releases.as_named_row(releases.pick(table, "sumac")),
        "wanted": WANTED,
        "package_version": "2",
    }
    return modules.run_here("candidate", {**arguments, **({"studio": {"manage_argv": [*argv, "cms"]}} if studio else {})})


def test_both_are_booted_at_the_same_time(tmp_path: Path, table: dict[str, dict[str, Any]]) -> None:
    proven = prove(tmp_path, table, answers(WANTED))
    assert (proven["boots"], proven["changed"], proven["settings"]) == (2, False, {"block_structures": WANTED})


def test_a_host_without_studio_boots_the_lms_alone(tmp_path: Path, table: dict[str, dict[str, Any]]) -> None:
    assert prove(tmp_path, table, None)["boots"] == 1
    assert not (tmp_path / "cms").exists()


MD4 = {"type": "ValueError", "message": "unsupported hash type md4"}


@pytest.mark.parametrize(
    ("studio", "message"),
    [
        (answers(THEIRS), "and Studio would run with it: STORAGE_KWARGS.bucket_name is site-media, wanted is ours.\nRemedy: "),
        ("raise ImportError('cms')", "Studio does not start: ImportError: cms\nRemedy: run `manage.py cms check` on the host"),
        (answers(WANTED, key_hash=MD4), "With storage on, sumac cannot make a cache key: unsupported hash type md4\nRemedy: "),
        (
            answers(WANTED, local={"version": "1"}),
            "Studio imports version 1 of block_structure_storage, and this role carries 2.",
        ),
    ],
    ids=["overridden", "does not start", "md4", "another version"],
)
def test_what_only_studio_lacks_is_said_of_studio(
    tmp_path: Path, table: dict[str, dict[str, Any]], studio: str, message: str
) -> None:
    refused = prove(tmp_path, table, studio)
    assert refused["failed"]
    assert refused["boots"] == 2
    assert message in refused["msg"]


def test_an_lms_that_does_not_start_is_said_first(tmp_path: Path, table: dict[str, dict[str, Any]]) -> None:
    refused = prove(tmp_path, table, "raise ImportError('cms')", "raise ImportError('lms')")
    assert "The LMS does not start: ImportError: lms" in refused["msg"]
