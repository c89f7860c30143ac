"""The report in a real browser: it renders, says nothing on the console, asks for nothing, and can be read by everybody.

The page has every part: two runs, two diagnoses with findings of each severity and so the site over time, a profile.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from block_structure_cli.main import main
from click.testing import CliRunner
from lib.browser import WIDTHS, NoBrowserError, executable
from measured import course, diagnosis, profile, run, sample
from playwright.sync_api import Browser, Locator, Page

BEFORE = run(
    [
        course("course-v1:SandboxX+A+2026", 5000, rebuild=[9000.0]),
        course("course-v1:SandboxX+B+2026", 50, rebuild=[90.0]),
        course("course-v1:SandboxX+C+2026", 60, rebuild=[10.0]),
    ],
    [sample("cold", [9500.0]), sample("cold", [9900.0], page="blocks", nav_depth=3), sample("warm", [700.0, 900.0])],
    storage=False,
)
AFTER = run(
    [
        course("course-v1:SandboxX+A+2026", 5000, cache=[1.0], storage=[20.0], unpickle=[80.0]),
        course("course-v1:SandboxX+B+2026", 50, cache=[1.0], storage=[20.0], unpickle=[2.0]),
        course("course-v1:SandboxX+C+2026", 60, cache=[1.0], storage=[20.0], unpickle=[2.0]),
    ],
    [sample("cold", [900.0]), sample("cold", [950.0], page="blocks", nav_depth=3), sample("warm", [700.0, 800.0])],
)
OLDEST = diagnosis()
OLDEST["courses"][0].update(cache_ms=1.0, unpickle_ms=900.0)
NEWEST = diagnosis("error", "warning", "info", moment="2026-11-26T13:00:00Z", evictions=9)
NEWEST["courses"][0].update(cache_ms=1.0, unpickle_ms=90.0)
NEWEST["courses"] += [{**NEWEST["courses"][0], "key": f"c{number:02}", "bytes": 900 * number} for number in range(1, 11)]
FILES = [
    ("--before", BEFORE),
    ("--after", AFTER),
    ("--profile", profile()),
    ("--diagnosis", OLDEST),
    ("--diagnosis", NEWEST),
]
SCHEMES = ("light", "dark")


@dataclass
class Seen:
    """A page, and everything that its browser said of it."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


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
    pictures = [picture for picture in seen.page.locator("svg[role=img], figure").all() if picture.is_visible()]
    assert len(pictures) >= 6
    for picture in pictures:
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 30
        assert box["x"] + box["width"] <= seen.page.viewport_size["width"]  # no sideways scrolling to see it
        names = (picture.get_attribute("aria-labelledby") or "").split()
        assert all(seen.page.locator(f"[id='{name}']").text_content() for name in names)
    colours = seen.page.evaluate(
        "[getComputedStyle(document.querySelector('svg.plot text')).fill, getComputedStyle(document.body).color]"
    )
    assert colours[0] == colours[1]


def test_each_bar_has_its_value_at_its_end_and_nothing_is_printed_over_it(seen: Seen) -> None:
    for line in seen.page.locator(".line").all():
        bar, label = line.locator("svg").bounding_box(), line.locator("span").bounding_box()
        assert bar is not None
        assert label is not None
        assert 0 < label["x"] - bar["x"] - bar["width"] < 12
        assert label["x"] + label["width"] <= seen.page.viewport_size["width"]


def test_words_of_a_line_chart_do_not_touch(seen: Seen) -> None:
    for chart in [chart for chart in seen.page.locator("svg.plot").all() if chart.is_visible()]:
        boxes = [text.bounding_box() for text in chart.locator("text").all()]
        for one, other in itertools.combinations(boxes, 2):
            assert (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"] + 1
                or other["y"] + other["height"] <= one["y"] + 1
            )


def column(table: Locator, place: int) -> list[str]:
    """Return the visible texts of a column."""
    rows = [row for row in table.locator("tbody tr").all() if row.is_visible()]
    return [row.locator("th, td").nth(place).inner_text() for row in rows]


def test_a_table_is_sorted_by_numbers_and_by_words(seen: Seen) -> None:
    table = seen.page.locator("table", has_text="cold change").first
    blocks = table.get_by_role("button", name="blocks")
    blocks.click()
    assert column(table, 1) == ["50", "60", "5,000"]
    blocks.click()
    assert column(table, 1) == ["5,000", "60", "50"]
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    table.get_by_role("button", name="cold change").click()
    assert column(table, 0) == ["course-v1:SandboxX+C+2026", "course-v1:SandboxX+B+2026", "course-v1:SandboxX+A+2026"]
    table.get_by_role("button", name="course").click()
    assert column(table, 0) == ["course-v1:SandboxX+A+2026", "course-v1:SandboxX+B+2026", "course-v1:SandboxX+C+2026"]


def test_a_long_table_is_filtered(seen: Seen) -> None:
    table = seen.page.locator("table", has_text="c09")
    seen.page.locator("summary", has_text="Size of each structure").click()
    search = table.locator("xpath=../preceding-sibling::div").locator("input")
    search.fill("C09")
    assert column(table, 0) == ["c09"]
    assert seen.page.get_by_text("1 of 14 rows").is_visible()
    search.fill("")
    assert len(column(table, 0)) == 14


def test_a_remedy_is_copied(seen: Seen) -> None:
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.page.get_by_role("button", name="Copy the remedy").first.click()
    seen.page.get_by_text("Copied").wait_for()
    assert seen.page.evaluate("navigator.clipboard.readText()") == "do it"


def test_a_link_of_the_contents_leads_to_its_part(seen: Seen) -> None:
    seen.page.get_by_role("navigation").get_by_role("link", name="Evictions").click()
    assert seen.page.locator("h2#evictions").bounding_box()["y"] < seen.page.viewport_size["height"]


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
