"""The kept hash of opaque keys, under edx-opaque-keys from PyPI on the Pythons of the releases.

Each is installed once, into .cache/opaque-keys. BLOCK_STRUCTURE_SLOW takes every edx-opaque-keys from 0.4 to 4.0, more than the
releases Ironwood to Verawood pin, on each Python of a release that can run it; without it three of them on the Python of this
test. A Python that this machine does not have is left out, and so is 3.5, which no longer installs anything from PyPI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins/module_utils/probe"
PROGRAM = Path(__file__).parent / "programs" / "keys_program.py"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# Python of a release (vars/releases.yml; 3.6 stands for Juniper's 3.5): every edx-opaque-keys that its releases may have.
TABLE = {
    "2.7": ["0.4", "0.4.1", "0.4.2", "0.4.3", "0.4.4", "1.0.0", "1.0.1"],
    "3.6": ["1.0.1", "2.0.0", "2.0.1", "2.0.2", "2.1.0", "2.1.1"],
    "3.8": ["2.1.1", "2.2.0", "2.2.1", "2.2.2", "2.3.0", "2.4.0", "2.5.0", "2.5.1"],
    "3.11": ["2.5.1", "2.8.0", "2.9.0", "2.10.0", "2.11.0", "2.12.0", "2.13.0", "3.0.0", "3.1.0"],
    "3.12": ["3.0.0", "3.1.0", "4.0.0"],
    "3.13": ["4.0.0"],
}
SHORT = [(HERE, "2.3.0"), (HERE, "3.0.0"), (HERE, "4.0.0")]
BROKEN = {
    "break_setattr": "OpaqueKey has no method __setattr__ of its own",
    "break_setattr_by_method": "a field of CourseLocator can be changed",
    "break_getstate": "CourseLocator has state beyond its fields",
    "break_eq": "different keys of CourseLocator are equal",
    "break_eq_with_text": "CourseLocator equals what is no key",
    "break_hash": "equal keys of CourseLocator are not equal",
    "break_copy": "a key made from a CourseLocator has a wrong hash",
    "break_import": "has no attribute 'AssetKey'",
}


def interpreter(version: str) -> str | None:
    """Return a Python of this version: that of the test, one on PATH, or one of pyenv."""
    if version == HERE:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python")) if pyenv.is_dir() else []
    return shutil.which(f"python{version}") if not found else str(found[-1])


def cells() -> list[tuple[str, str]]:
    """Return the pairs of Python and edx-opaque-keys to test."""
    if not os.environ.get("BLOCK_STRUCTURE_SLOW"):
        return SHORT
    return [(python, version) for python, versions in TABLE.items() if interpreter(python) for version in versions]


def installed(python: str, version: str) -> dict[str, str]:
    """Return the environment in which this edx-opaque-keys can be imported."""
    folder = ROOT / ".cache" / "opaque-keys" / f"{version}-{python}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        # Some of the old ones import pkg_resources or six without asking for them; the pip of Python 3.6 takes too new ones
        wanted = [f"edx-opaque-keys=={version}", "setuptools<80", "six", *(["stevedore<2", "pbr<6"] if python == "3.6" else [])]
        command = [
            interpreter(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            folder,
            *wanted,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (folder / "done").touch()
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1"}


def run(python: str, version: str, *words: str) -> dict[str, Any]:
    """Return what the program says."""
    command = [interpreter(python), PROGRAM, PACKAGE, *words]
    done = subprocess.run(command, env=installed(python, version), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(("python", "version"), cells())
def test_nothing_of_a_key_changes_but_the_work(python: str, version: str) -> None:
    stock, changed = (run(python, version, mode) for mode in ("stock", "hash_once"))
    assert (changed["why"], changed["again"], changed["untouched"]) == (None, None, False)
    assert changed["keys"] == stock["keys"]
    assert changed["equalities"] == stock["equalities"]
    assert len(stock["keys"]) >= 15
    assert all(key["hash"] and all(key["loaded"] + key["copied"]) for key in changed["keys"].values())
    # Each look-up gathered the fields of the block and those of its course.
    assert (stock["kept"], stock["evaluations"]) == ([], 22)
    assert changed["evaluations"] == 2
    assert {"UsageKey block-v1:Example+Demo+2026+type@html+block@a1", "CourseKey Example/Demo/2026"} <= set(changed["kept"])
    assert changed["local_block"] is stock["local_block"] is True
    assert changed["others"] == stock["others"] == {"changes": True, "kept": False, "same_pickle": True}


# What diagnose measures, on a structure of 2,000 blocks that is walked through twenty times.
MEASURING = """
import json, sys
sys.path.insert(0, sys.argv[1])
from block_structure.module_utils.probe.operations import runtime as probe
from opaque_keys import OpaqueKey
from opaque_keys.edx.keys import UsageKey

texts = ["block-v1:Example+Demo+2026+type@html+block@%d" % number for number in range(2000)]

class Structure:
    def topological_traversal(self):
        return (key for _ in range(20) for key in self.keys)

    def get_xblock_field(self, key, name):
        return self.fields[key]

class Store:
    def _deserialize(self, _data, _usage_key):
        made = Structure()
        made.keys = [UsageKey.from_string(text) for text in texts]
        made.fields = dict.fromkeys(made.keys)
        return made

stock = OpaqueKey.__hash__
found = {name: probe._in_fork(lambda n=name: probe._reads(n, [(b"", None, True)], Store()))["ms"][0] for name in probe.VARIANTS}
print(json.dumps([found, OpaqueKey.__hash__ is stock, probe._in_fork(probe.keys.hash_once)]))
"""


def test_the_probe_keeps_hashes_in_its_forks_and_measures_the_gain() -> None:
    argv = [interpreter(HERE), "-c", MEASURING, ROOT / "scripts"]
    done = subprocess.run(argv, env=installed(HERE, SHORT[1][1]), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, untouched, why = json.loads(done.stdout)
    assert (untouched, why) == (True, None)
    assert found["hash_once"] < found["stock"] * 0.8, found
    assert found["both"] < found["out_of_band"] * 0.8, found


@pytest.mark.parametrize(("broken", "why"), BROKEN.items())
def test_an_edx_opaque_keys_that_behaves_otherwise_is_left_alone(broken: str, why: str) -> None:
    answer = run(HERE, SHORT[1][1], "hash_once", broken)
    assert why in answer["why"]
    assert answer["again"] == answer["why"]
    assert answer["untouched"]
