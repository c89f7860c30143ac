"""What generation computes once, against the XBlock and edxval of a release from PyPI, on SQLite.

Installed once, into .cache/shortcuts.
"""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins/module_utils"
PROGRAM = Path(__file__).parent / "programs" / "shortcuts_program.py"
# Release: what its requirements/edx/base.txt pins (Teak), and the newest that Python 3.11 runs.
INSTALLED = {
    "teak": ["XBlock==5.2.0", "edxval==3.0.0", "Django==4.2.22", "edx-opaque-keys==3.0.0", "setuptools<80"],
    "sumac": ["XBlock==5.1.0", "edxval==2.6.0", "Django==4.2.22", "edx-opaque-keys==2.11.0", "setuptools<80"],
}


@pytest.fixture(scope="module", params=sorted(INSTALLED))
def python(request: pytest.FixtureRequest) -> Path:
    """Return a Python that has the libraries of a release."""
    folder = ROOT / ".cache" / "shortcuts" / request.param
    if not (folder / "done").exists():
        venv.create(folder, clear=True, with_pip=True)
        command = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, *INSTALLED[request.param]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (folder / "done").touch()
    return folder / "bin" / "python"


def run(python: Path, *words: str) -> dict[str, Any]:
    """Return what the program says."""
    command = [python, "-B", PROGRAM, PACKAGE, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_same_values_with_less_work(python: Path) -> None:
    stock, ours = run(python, "stock"), run(python, "shortcuts")
    assert ours["installed"] == {"dates": None, "parents": None, "videos": None}
    work = {"installed", "parsed", "queries"}
    assert {name: ours[name] for name in ours.keys() - work} == {name: stock[name] for name in stock.keys() - work}
    # Twenty dates, four of them empty: three texts have a meaning, one has none and is parsed each time.
    assert (stock["parsed"], ours["parsed"]) == (16, 7)
    # Two queries for all videos; of the ten that exist, edxval still reads each.
    assert stock["queries"] - ours["queries"] >= 10 + 20 - 2
    assert ours["alone_asked"]
    assert ours["moved"] == ["block-v1:Example+Demo+2026+type@chapter+block@other"] * 3


def test_two_spellings_of_a_video_are_left_to_the_database(python: Path) -> None:
    stock, ours = run(python, "stock", "twins"), run(python, "shortcuts", "twins")
    assert ours["videos"] == stock["videos"]
    assert ours["queries"] == stock["queries"]


def test_what_the_platform_does_not_have_is_left_out(python: Path) -> None:
    ours = run(python, "shortcuts", "no_dates")
    assert ours["installed"]["dates"] == "No module named 'xmodule.fields'; 'xmodule' is not a package"
    assert (ours["installed"]["parents"], ours["installed"]["videos"]) == (None, None)


def test_code_that_is_not_as_expected_is_left_as_it_is(python: Path) -> None:
    stock, ours = run(python, "stock", "other_code"), run(python, "shortcuts", "other_code")
    assert ours["installed"] == {
        "dates": "Date has no function _parse_date_wo_default_month_day",
        "parents": "XBlock keeps no parent",
        "videos": "get_video_info of edxval takes other arguments",
    }
    for answer in (stock, ours):
        del answer["installed"]
    assert ours == stock
