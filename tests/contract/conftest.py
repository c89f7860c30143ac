"""Which platforms the contract is held against: the one that the environment names, else each release of the miniature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from . import miniature, target
from .releases import release_row
from .rows import PROCESSES, ROWS, Row

NAMED = target.from_environment()
TARGETS = [NAMED.release.name] if NAMED else miniature.releases()


def applicable(rows: list[Row]) -> list[Any]:
    """Return a parameter for each release and row that applies to it."""
    return [
        pytest.param(release, row, id=f"{release}-{row.id}")
        for release in TARGETS
        for row in rows
        if row.applies(release_row(release))
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each row."""
    if "row" in metafunc.fixturenames:
        rows = ROWS if metafunc.function.__name__ == "test_behaviour" else PROCESSES
        metafunc.parametrize(("release", "row"), applicable(rows))


@pytest.fixture(scope="session")
def platform() -> Iterator[Callable[[str], target.Target]]:
    """Return a platform by its release, installed on first use."""
    if NAMED:
        yield lambda _release: NAMED
        return
    with miniature.containers() as container:
        yield cache(lambda release: miniature.target(container, release))


@pytest.fixture(scope="session")
def observed(platform: Callable[[str], target.Target]) -> Callable[[str], dict[str, Any]]:
    """Return what all rows of a release show, observed in one process on first use."""

    @cache
    def observe(release: str) -> dict[str, Any]:
        found = platform(release)
        try:
            return found.observe([row.id for row in ROWS if row.applies(found.release)], needs_long_keys=True)
        except target.UnusablePlatformError as error:
            # Every further test would fail for this one reason.
            pytest.exit(str(error), returncode=1)

    return observe
