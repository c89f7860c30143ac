"""A run puts back only what it wrote itself: what another program wrote since stays, and the operator learns of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import modules

KEY = "BLOCK_STRUCTURES_SETTINGS"
BEFORE = f"A: 1\n{KEY}:\n    TASK_MAX_RETRIES: 5\nB: 2\n"
SECRETS = {"STORAGE_KWARGS": {"secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}}
WANTED = {"settings": {"TASK_MAX_RETRIES": 6}, "secrets": SECRETS}
WARNING = "is not as this run wrote it any more, so it is not put back"


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, dict]:
    """A settings file that a run has written, and the arguments that restore it."""
    path = tmp_path / "lms.yml"
    path.write_text(BEFORE)
    common = {"path": str(path), "key": KEY, "backup": False}
    read = modules.run("settings", {**common, "state": "read"})
    assert modules.run("settings", {**common, **WANTED})["changed"]
    return path, {**common, **WANTED, "state": "raw", "raw": read["raw"], "only_ours": True}


def test_what_the_run_wrote_is_put_back_whatever_else_changed_in_the_file(written):
    path, restoring = written
    path.write_text(path.read_text().replace("B: 2", "B: 3"))
    restored = modules.run("settings", restoring)
    assert restored["changed"]
    assert path.read_text() == BEFORE.replace("B: 2", "B: 3")


def test_what_somebody_else_wrote_meanwhile_stays(written):
    path, restoring = written
    newer = path.read_text().replace("TASK_MAX_RETRIES: 6", "TASK_MAX_RETRIES: 7")
    path.write_text(newer)
    shown = modules.output("settings", restoring)
    assert path.read_text() == newer
    assert WARNING in " ".join(shown.split())
    assert SECRETS["STORAGE_KWARGS"]["secret_key"] not in shown
    # A rollback restores what was recorded, whoever wrote what is there.
    assert modules.run("settings", {**restoring, "only_ours": False})["changed"]
    assert path.read_text() == BEFORE


def test_a_file_that_the_run_had_not_written_yet_is_no_reason_for_a_warning(written):
    path, restoring = written
    path.write_text(BEFORE)
    shown = modules.output("settings", restoring)
    assert path.read_text() == BEFORE
    assert WARNING not in " ".join(shown.split())


def test_the_plugin_of_tutor_is_put_back_only_as_the_run_wrote_it(tmp_path: Path):
    path = tmp_path / "plugins" / "block_structure.yml"
    common = {"path": str(path), "owner_of": str(tmp_path), "settings": {KEY: {"TASK_MAX_RETRIES": 6}}, "secrets": SECRETS}
    assert modules.run("tutor_plugin", common)["changed"]
    restoring = {**common, "state": "raw", "raw": None, "only_ours": True}
    text = path.read_text()
    path.write_text(text + "# by hand\n")
    assert WARNING in " ".join(modules.output("tutor_plugin", restoring).split())
    assert path.exists()
    path.write_text(text)
    assert modules.run("tutor_plugin", restoring)["changed"]
    assert not path.exists()
