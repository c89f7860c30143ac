"""Run the selected scenarios beside the other tests: most of a scenario is waiting for containers, so a core would be idle.

They start when the tests are collected, and their results are asserted last. BLOCK_STRUCTURE_SCENARIO_JOBS (default 2) says how
many run at a time; .cache/logs/molecule-seconds.json gets the seconds that each took.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from .scenarios import ROOT, SECONDS, run_scenario

POOL = pytest.StashKey[ThreadPoolExecutor]()
RUNS = pytest.StashKey[dict[str, Future[int]]]()


def is_of_a_scenario(item: pytest.Item) -> bool:
    return item.path.parent == Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the results of the scenarios last."""
    items.sort(key=is_of_a_scenario)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start every scenario that a selected test names, in the order of the tests."""
    named = [item.callspec.params["scenario"] for item in session.items if is_of_a_scenario(item)]  # type: ignore[attr-defined]
    if not named or session.config.option.collectonly:
        return
    pool = ThreadPoolExecutor(max_workers=int(os.environ.get("BLOCK_STRUCTURE_SCENARIO_JOBS", "2")))
    session.config.stash[POOL] = pool
    session.config.stash[RUNS] = {name: pool.submit(run_scenario, name) for name in dict.fromkeys(named)}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Wait for the scenarios that run; an interrupted session starts no more of them."""
    if POOL in session.config.stash:
        session.config.stash[POOL].shutdown(cancel_futures=True)
        (ROOT / ".cache/logs/molecule-seconds.json").write_text(json.dumps(SECONDS, indent=1) + "\n")


@pytest.fixture
def runs(request: pytest.FixtureRequest) -> dict[str, Future[int]]:
    """Return the exit codes of the scenarios, each of which a test waits for."""
    return request.config.stash[RUNS]
