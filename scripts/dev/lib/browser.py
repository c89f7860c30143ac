"""The installed Chromium, headless, driven by Playwright; downloads nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
REMEDY = "run `scripts/dev/setup browser` (Debian: apt-get install chromium), or name one in BLOCK_STRUCTURE_CHROMIUM."
WIDTHS = {"desktop": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}


class NoBrowserError(Exception):
    """Chromium is not installed."""

    def __init__(self) -> None:
        super().__init__(f"No Chromium was found.\nRemedy: {REMEDY}")


def executable() -> str:
    """Return the path of a Chromium. Raises NoBrowserError."""
    found = os.environ.get("BLOCK_STRUCTURE_CHROMIUM") or next((path for path in map(shutil.which, NAMES) if path), None)
    if not found:
        raise NoBrowserError
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium for the block. Chromium's sandbox does not work for root."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=executable(), args=[*arguments, "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
