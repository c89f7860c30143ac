"""Run every Molecule scenario of the repository, and compare what check mode foretold with what then happened.

The output of a scenario goes to .cache/logs/molecule-<scenario>.log while it runs. Each scenario has containers of its
own, beside a sandbox that may be up. BLOCK_STRUCTURE_SCENARIO_JOBS (default 2) says how many run at a time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# The oldest and newest Tutor beside that of Teak: a scenario's name, a dash, the cell. Run when BLOCK_STRUCTURE_SLOW is set.
CELLS = {
    f"tutor_cell-{release}-{platform}": {
        "BLOCK_STRUCTURE_SANDBOX_RELEASE": release,
        "BLOCK_STRUCTURE_SANDBOX_PLATFORM": platform,
        "BLOCK_STRUCTURE_SANDBOX_CELL": f"tutor_cell-{release}-{platform}",
    }
    for release, platform in (("ironwood", "tutor_local"), ("verawood", "tutor_local"), ("verawood", "tutor_k8s"))
}
# Of a Tutor site, by `make tutor` and `make test-all` too.
SLOW = {"tutor", "tutor_cell"}
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
SCENARIOS = [*SCENARIOS, *CELLS] if os.environ.get("BLOCK_STRUCTURE_SLOW") else [name for name in SCENARIOS if name not in SLOW]
SANDBOX = os.environ.get("BLOCK_STRUCTURE_SANDBOX_NAME", "block-structure")
SECRETS = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")


def log_of(scenario: str) -> Path:
    return ROOT / f".cache/logs/molecule-{scenario}.log"


def records_folder(scenario: str) -> Path:
    return ROOT / f".cache/molecule/{scenario}"


def run_scenario(scenario: str) -> int:
    """Return the exit code of `molecule test` for the scenario."""
    log = log_of(scenario)
    shutil.rmtree(records_folder(scenario), ignore_errors=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "BLOCK_STRUCTURE_SANDBOX_NAME": f"{SANDBOX}-test-{scenario.replace('_', '-')}",
        # Two cells of a scenario side by side need a state each.
        "MOLECULE_EPHEMERAL_DIRECTORY": str(ROOT / f".cache/molecule/state/{scenario}"),
        **CELLS.get(scenario, {}),
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
        "PY_COLORS": "0",
        # Borders would break long lines, and with them what the leak test looks for.
        "MOLECULE_COMMAND_BORDERS": "0",
        # Everything that a module is given and returns: the leak test below reads it.
        "ANSIBLE_VERBOSITY": "3",
    }
    with log.open("w") as output:
        return subprocess.run(
            ["molecule", "test", "--scenario-name", scenario.partition("-")[0]],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[int]]]:
    """Start every scenario that a selected test names, some at a time, in the order of the tests."""
    selected = [item.callspec.params["scenario"] for item in request.session.items if item.path == Path(__file__)]
    jobs = int(os.environ.get("BLOCK_STRUCTURE_SCENARIO_JOBS", "2"))
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        yield {scenario: pool.submit(run_scenario, scenario) for scenario in dict.fromkeys(selected)}


def steps_of(scenario: str) -> list[str]:
    """Return the test sequence of a scenario: its own, or the shared one."""
    own = yaml.safe_load((ROOT / f"molecule/{scenario.partition('-')[0]}/molecule.yml").read_text())
    shared = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
    sequence: list[str] = own.get("scenario", {}).get("test_sequence") or shared["scenario"]["test_sequence"]
    return sequence


def records_of(scenario: str) -> list[dict[str, Any]]:
    """Return what each run of the scenario's converge.yml changed, in their order (callback_plugins/record.py)."""
    return [json.loads(path.read_text()) for path in sorted(records_folder(scenario).glob("*-converge-*.json"))]


def failure(scenario: str) -> str:
    """Return the lines of a scenario's log that tell why it failed, and its own summary."""
    lines = log_of(scenario).read_text(errors="replace").splitlines()
    told = []
    for number, line in enumerate(lines):
        if re.match(r"\[ERROR\]: |fatal: |failed: \[|E   |FAILED (?!- )", line):
            task = next((before for before in reversed(lines[:number]) if before.startswith("TASK [")), "")
            told += [task] if task not in told else []
            told += [line[:2000], *(following[:2000] for following in lines[number + 1 : number + 4])]
    return "\n".join(["", f"The whole log: {log_of(scenario)}", *told[:150], *lines[-15:]])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, runs: dict[str, Future[int]]) -> None:
    assert runs[scenario].result() == 0, failure(scenario)


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if "check" in steps_of(name)])
def test_check_mode_foretells_the_changes(scenario: str, runs: dict[str, Future[int]]) -> None:
    runs[scenario].result()
    records = records_of(scenario)
    checks = [record["changed"] for record in records if record["check"]]
    real = [record["changed"] for record in records if not record["check"]]
    assert checks, "the check did not end"
    assert len(real) >= 2, "converge and idempotence did not end"
    assert real[0]
    assert checks[0] == real[0]
    assert real[1] == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_log_shows_no_secret(scenario: str, runs: dict[str, Future[int]]) -> None:
    runs[scenario].result()
    text = log_of(scenario).read_text(errors="replace")
    assert text
    for secret in SECRETS:
        assert secret not in text
