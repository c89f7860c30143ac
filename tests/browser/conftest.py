"""The browser of these tests; it ends with the last of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lib.browser import NoBrowserError, chromium
from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A running Chromium; a machine without one fails, with the remedy."""
    try:
        with chromium() as started:
            yield started
    except NoBrowserError as error:
        pytest.fail(str(error))
