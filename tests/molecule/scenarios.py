"""Which Molecule scenarios run, in which order, and how one of them is run.

Each cell of the table release x platform is a run of its platform's matrix scenario on the miniature of its release.
`make test` runs a diagonal of the table, `make test-all` all of it.

The output of a scenario goes to .cache/logs/molecule-<scenario>.log while it runs. Each scenario has containers of its own,
beside a sandbox that may be up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
RELEASES = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
SLOW = bool(os.environ.get("BLOCK_STRUCTURE_SLOW"))
# Platform of the table release x platform -> the scenario that runs one cell of it, whatever the release.
PLATFORMS = {"native": "matrix", "tutor_local": "tutor_matrix", "tutor_k8s": "tutor_matrix"}
# Scenarios that show a cell and more.
WHOLE = {"default": ("teak", "native"), "palm": ("palm", "native"), "tutor": ("teak", "tutor_local")}
# CI runs a diagonal: beside them the oldest release, with a pair of JSON files and boto; an old Tutor, with memcached and
# gunicorn; and Tutor on Kubernetes. known_issues is on sumac, custom_layout on verawood.
DIAGONAL = [("ironwood", "native"), ("juniper", "tutor_local"), ("teak", "tutor_k8s")]
# Every cell; a release without a Tutor of its own has the native one only.
TABLE = [(name, where) for where in PLATFORMS for name, row in RELEASES.items() if where == "native" or row["tutor_major"]]
# The cells to run, by the name of their scenario; one that is only a cell is called SCENARIO-RELEASE-PLATFORM.
CELLS = {name: cell for name, cell in WHOLE.items() if SLOW or cell[1] == "native"}
for _cell in TABLE if SLOW else DIAGONAL:
    if _cell not in CELLS.values():
        CELLS["-".join((PLATFORMS[_cell[1]], *_cell))] = _cell
# Whole Tutor sites are for `make tutor` and `make test-all`, the longest scenario for `make test-all`; the matrix scenarios run
# as cells only.
APART = {*PLATFORMS.values(), *(() if SLOW else ("tutor", "tutor_pip", "tutor_without_root", "tutor_engine", "switch_release"))}
# The longest first: started last, one of them would run alone at the end. The first one on a release prepares its image for the
# others, so two of one release (teak; verawood; palm) do not start together.
LONGEST = ("storage", "custom_layout", "default", "palm", "faults", "generation", "diagnose", "known_issues")
FOUND = [*sorted({path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")} - APART), *CELLS]
SCENARIOS = list(dict.fromkeys([*LONGEST, *FOUND]))
# As it is now: tests change the environment of this process while scenarios start.
ENVIRONMENT = dict(os.environ)
SANDBOX = ENVIRONMENT.get("BLOCK_STRUCTURE_SANDBOX_NAME", "block-structure")
# What each scenario of this session took.
SECONDS: dict[str, int] = {}


def log_of(scenario: str) -> Path:
    return ROOT / f".cache/logs/molecule-{scenario}.log"


def records_folder(scenario: str) -> Path:
    return ROOT / f".cache/molecule/{scenario}"


def environment_of(scenario: str) -> dict[str, str]:
    """Return the variables that name the scenario's cell; none for a scenario that is no cell."""
    if scenario not in CELLS:
        return {}
    release, platform = CELLS[scenario]
    return {
        "BLOCK_STRUCTURE_SANDBOX_RELEASE": release,
        "BLOCK_STRUCTURE_SANDBOX_PLATFORM": platform,
        "BLOCK_STRUCTURE_SANDBOX_CELL": scenario,
    }


def run_scenario(scenario: str) -> int:
    """Return the exit code of `molecule test` for the scenario."""
    log = log_of(scenario)
    shutil.rmtree(records_folder(scenario), ignore_errors=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **ENVIRONMENT,
        "BLOCK_STRUCTURE_SANDBOX_NAME": f"{SANDBOX}-test-{scenario.replace('_', '-')}",
        # Two cells of one scenario that run at a time need a state each.
        "MOLECULE_EPHEMERAL_DIRECTORY": str(ROOT / f".cache/molecule/state/{scenario}"),
        **environment_of(scenario),
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
        "PY_COLORS": "0",
        # Borders would break long lines, and hide a secret in them from the leak test.
        "MOLECULE_COMMAND_BORDERS": "0",
        # All arguments and results of every module: the leak test below reads them.
        "ANSIBLE_VERBOSITY": "3",
    }
    began = time.monotonic()
    with log.open("w") as output:
        code = subprocess.run(
            ["molecule", "test", "--scenario-name", scenario.partition("-")[0]],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    SECONDS[scenario] = round(time.monotonic() - began)
    return code


def steps_of(scenario: str) -> list[str]:
    """Return the test sequence of a scenario: its own, or the shared one."""
    own = yaml.safe_load((ROOT / f"molecule/{scenario.partition('-')[0]}/molecule.yml").read_text())
    shared = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
    sequence: list[str] = own.get("scenario", {}).get("test_sequence") or shared["scenario"]["test_sequence"]
    return sequence
