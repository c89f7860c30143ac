"""Run every Molecule scenario of the repository, and compare what check mode predicted with what then happened.

What each cell of the table release x platform showed goes to .cache/matrix/, from which scripts/dev/matrix_table.py writes the
table of docs/releases.md.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import Future
from typing import Any

import pytest

from .scenarios import CELLS, ROOT, SCENARIOS, log_of, records_folder, steps_of

SECRETS = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")


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
