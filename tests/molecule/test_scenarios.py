"""Run every Molecule scenario of the repository, and compare what check mode predicted with what then happened.

Each cell of the table release x platform is a run of its platform's matrix scenario on the miniature of its release.
`make test` runs a diagonal of the table, `make test-all` all of it; what each showed goes to .cache/matrix/, from which
scripts/dev/matrix_table.py writes the table of docs/releases.md.

The output of a scenario goes to .cache/logs/molecule-<scenario>.log while it runs, the seconds that it took to
.cache/logs/molecule-seconds.json. Each scenario has containers of its own, beside a sandbox that may be up.
BLOCK_STRUCTURE_SCENARIO_JOBS (default 2) says how many run at a time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
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
APART = {*PLATFORMS.values(), *(() if SLOW else ("tutor", "tutor_pip", "tutor_without_root", "switch_release"))}
# The longest first: started last, one of them would run alone at the end. The first one on a release prepares its image for the
# others, so two of one release (teak; verawood; palm) do not start together.
LONGEST = ("storage", "custom_layout", "default", "palm", "faults", "generation", "diagnose", "known_issues")
FOUND = [*sorted({path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")} - APART), *CELLS]
SCENARIOS = list(dict.fromkeys([*LONGEST, *FOUND]))
SANDBOX = os.environ.get("BLOCK_STRUCTURE_SANDBOX_NAME", "block-structure")
# What each scenario of this session took.
SECONDS: dict[str, int] = {}
SECRETS = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")


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
        **os.environ,
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


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[int]]]:
    """Start every scenario that a selected test names, some at a time, in the order of the tests; keep what each took."""
    selected = [item.callspec.params["scenario"] for item in request.session.items if item.path == Path(__file__)]
    jobs = int(os.environ.get("BLOCK_STRUCTURE_SCENARIO_JOBS", "2"))
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        yield {scenario: pool.submit(run_scenario, scenario) for scenario in dict.fromkeys(selected)}
    (ROOT / ".cache/logs/molecule-seconds.json").write_text(json.dumps(SECONDS, indent=1) + "\n")


def steps_of(scenario: str) -> list[str]:
    """Return the test sequence of a scenario: its own, or the shared one."""
    own = yaml.safe_load((ROOT / f"molecule/{scenario.partition('-')[0]}/molecule.yml").read_text())
    shared = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
    sequence: list[str] = own.get("scenario", {}).get("test_sequence") or shared["scenario"]["test_sequence"]
    return sequence


def records_of(scenario: str) -> list[dict[str, Any]]:
    """Return what each run of the scenario's converge.yml changed, in order (molecule/shared/callback_plugins/record.py)."""
    return [json.loads(path.read_text()) for path in sorted(records_folder(scenario).glob("*-converge-*.json"))]


def failure(scenario: str) -> str:
    """Return the lines of a scenario's log that show why it failed, and its summary."""
    lines = log_of(scenario).read_text(errors="replace").splitlines()
    report = []
    for number, line in enumerate(lines):
        if re.match(r"\[ERROR\]: |fatal: |failed: \[|E   |FAILED (?!- )", line):
            task = next((before for before in reversed(lines[:number]) if before.startswith("TASK [")), "")
            report += [task] if task not in report else []
            report += [line[:2000], *(following[:2000] for following in lines[number + 1 : number + 4])]
    return "\n".join(["", f"The whole log: {log_of(scenario)}", *report[:150], *lines[-15:]])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, runs: dict[str, Future[int]]) -> None:
    assert runs[scenario].result() == 0, failure(scenario)


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if "check" in steps_of(name)])
def test_check_mode_predicts_the_changes(scenario: str, runs: dict[str, Future[int]]) -> None:
    runs[scenario].result()
    records = records_of(scenario)
    checks = [record["changed"] for record in records if record["check"]]
    real = [record["changed"] for record in records if not record["check"]]
    assert checks, "the check did not end"
    assert len(real) >= 2, "converge and idempotence did not end"
    assert real[0]
    assert checks[0] == real[0]
    assert real[1] == []


@pytest.mark.parametrize("scenario", CELLS)
def test_matrix_cell_is_deployed_and_rolled_back(scenario: str, runs: dict[str, Future[int]]) -> None:
    """And what it showed is recorded for the table."""
    release, platform = CELLS[scenario]
    report: dict[str, Any] = {"release": release, "platform": platform}
    record = ROOT / f".cache/matrix/{release}-{platform}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({**report, "failed": True}) + "\n")
    assert runs[scenario].result() == 0, failure(scenario)
    changed = [entry["changed"] for entry in records_of(scenario) if not entry["check"]]
    passed = re.findall(r"(test_\w+)\.py::\S+ PASSED", log_of(scenario).read_text(errors="replace"))
    rolled_back = sum(name.startswith("test_rolled_back") for name in passed)
    report.update(deployed=len(changed[0]), again=len(changed[1]), verified=len(passed) - rolled_back, rolled_back=rolled_back)
    assert (report["deployed"] > 0, report["again"], report["verified"] > 0, report["rolled_back"] > 0) == (True, 0, True, True)
    record.write_text(json.dumps(report) + "\n")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_log_shows_no_secret(scenario: str, runs: dict[str, Future[int]]) -> None:
    runs[scenario].result()
    text = log_of(scenario).read_text(errors="replace")
    assert text
    for secret in SECRETS:
        assert secret not in text
