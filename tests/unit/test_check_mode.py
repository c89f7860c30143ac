"""Check mode leaves nothing behind on a host, not even where it asks the LMS what a move would do."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.decisions import releases
from block_structure.module_utils.probe import protocol

from . import modules, surveys

# What an LMS answers to a move that is only predicted.
RESULT = {
    "event": "result",
    "seconds": 0.1,
    "results": [
        {
            "problem": None,
            "canary": None,
            "ended": "done",
            "outage": None,
            "objects": [{"key": surveys.KEY, "from": "a/x", "name": "b/x", "done": "copy", "bytes": 3}],
        }
    ],
}


@pytest.fixture
def arguments(tmp_path: Path, table: dict[str, dict[str, Any]]) -> dict[str, Any]:
    lms = tmp_path / "lms.py"
    lms.write_text(f"import sys\nsys.stdin.read()\nprint({protocol.MARK + json.dumps(RESULT)!r})\n")
    settings = {**surveys.SETTINGS, "STORAGE_KWARGS": {"bucket_name": "other", "location": ""}}
    return {
        "manage_argv": [sys.executable, str(lms)],
        "release": releases.as_named_row(releases.pick(table, "teak")),
        "survey": {**surveys.survey(), "courses": [surveys.entry()]},
        "settings": settings,
        "secrets": {},
        "workers": 1,
        "run_dir": str(tmp_path / "state" / "runs"),
    }


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_predicted_move_writes_nothing(tmp_path: Path, arguments: dict[str, Any]) -> None:
    before = files(tmp_path)
    done = modules.run("move", arguments, "--check")
    assert done["report"]["counts"] == {"copy": 1}, done
    assert files(tmp_path) == before


def test_a_move_keeps_its_run_in_a_private_directory(tmp_path: Path, arguments: dict[str, Any]) -> None:
    modules.run("move", {**arguments, "dry_run": True})
    state = tmp_path / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    (run,) = (state / "runs").iterdir()
    assert (run / "events.jsonl").exists()
