"""The report in a real browser: it renders, says nothing on the console, asks for nothing, and can be read by everybody.

The page has every part: two runs, two diagnoses with findings of each severity, a profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from block_structure_cli.main import main
from click.testing import CliRunner
from lib.browser import WIDTHS, NoBrowserError, chromium, executable
from measured import course, diagnosis, profile, run, sample
from playwright.sync_api import Browser, Page

BEFORE = run(
    [course("course-v1:SandboxX+A+2026", 5000, rebuild=[9000.0]), course("course-v1:SandboxX+B+2026", 50, rebuild=[90.0])],
    [sample("cold", [9500.0]), sample("cold", [9900.0], page="blocks", nav_depth=3), sample("warm", [700.0, 900.0])],
    storage=False,
)
AFTER = run(
    [
        course("course-v1:SandboxX+A+2026", 5000, cache=[1.0], storage=[20.0], unpickle=[80.0]),
        course("course-v1:SandboxX+B+2026", 50, cache=[1.0], storage=[20.0], unpickle=[2.0]),
    ],
    [sample("cold", [900.0]), sample("cold", [950.0], page="blocks", nav_depth=3), sample("warm", [700.0, 800.0])],
)
FILES = [
    ("--before", BEFORE),
    ("--after", AFTER),
    ("--profile", profile()),
    ("--diagnosis", diagnosis()),
    ("--diagnosis", diagnosis("error", "warning", "info", moment="2026-11-26T13:00:00Z", evictions=9)),
]
SCHEMES = ("light", "dark")


@dataclass
class Seen:
    """A page, and everything that its browser said of it."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running Chromium; a machine without one fails, with the remedy."""
    try:
        with chromium() as started:
            yield started
    except NoBrowserError as error:
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report, made as an operator makes it."""
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    message = ["report", "-o", str(path)]
    for number, (option, content) in enumerate(FILES):
        source = folder / f"{number}.json"
        source.write_text(json.dumps(content))
        message += [option, str(source)]
    ended = CliRunner().invoke(main, message)
    assert path.exists(), ended.output
    return path


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids="-".join)
def seen(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Seen]:
    """The report, opened from its file at one width and in one colour scheme."""
    width, scheme = request.param
    size = WIDTHS[width]
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    reported = Seen(context.new_page())
    reported.page.on("console", lambda message: reported.console.append(message.text))
    reported.page.on("pageerror", lambda error: reported.console.append(f"{error.name}: {error.message}"))
    reported.page.on("request", lambda asked: reported.requests.append(asked.url))
    reported.page.goto(report.as_uri())
    yield reported
    context.close()


def test_it_renders_without_a_word_on_the_console_and_without_a_request(seen: Seen, report: Path) -> None:
    assert seen.page.locator("h1").is_visible()
    assert seen.console == []
    assert [url for url in seen.requests if not url.startswith("data:")] == [report.as_uri()]


def test_the_verdict_comes_first_and_is_seen_without_scrolling(seen: Seen) -> None:
    first = seen.page.locator("main > *").first
    assert first.get_attribute("aria-label") == "Verdict"
    box = first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < WIDTHS["phone"][1]


def test_nothing_sticks_out_sideways(seen: Seen) -> None:
    assert seen.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_every_picture_has_a_size_a_name_and_words_in_the_page_s_colours(seen: Seen) -> None:
    pictures = seen.page.locator("svg[role=img]")
    assert pictures.count() >= 4
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 30
        names = (picture.get_attribute("aria-labelledby") or "").split()
        assert all(seen.page.locator(f"[id='{name}']").text_content() for name in names)
    colours = seen.page.evaluate(
        "[getComputedStyle(document.querySelector('svg.plot text')).fill, getComputedStyle(document.body).color]"
    )
    assert colours[0] == colours[1]


def test_no_rule_of_accessibility_is_broken(seen: Seen) -> None:
    closed = seen.page.locator("details:not([open]) > summary")
    while closed.count():
        closed.first.click()
    found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()


def test_it_prints_on_few_pages(seen: Seen) -> None:
    printed = seen.page.pdf(format="A4", print_background=True)
    pages = printed.count(b"/Type /Page\n") or printed.count(b"/Type /Page ") or printed.count(b"/Type/Page/")
    assert 1 <= pages <= 14


def test_a_machine_without_a_browser_is_reported_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLOCK_STRUCTURE_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoBrowserError, match=r"No Chromium was found\.\nRemedy: run `scripts/dev/setup browser`"):
        executable()
