"""Every page of the documents' site in a real browser, at the width of a phone and of a desktop."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
# Width -> colour scheme in which the rules of accessibility are asked.
WIDTHS = {375: "dark", 1280: "light"}
# The theme gives each block of code the same unnamed <nav> for its button.
_NOT_OURS = {"exclude": [[".md-code__nav"]]}
_STICKS_OUT = """
() => {
  const page = document.documentElement
  const boxes = "pre, .md-typeset__scrollwrap"  // these scroll by themselves
  return [...document.querySelectorAll("article *")]
    .filter(part => !part.closest(boxes) && part.getBoundingClientRect().right > page.clientWidth + 1)
    .map(part => part.outerHTML.slice(0, 80))
    .concat(page.scrollWidth > page.clientWidth ? ["the page itself"] : [])
}
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """The address of the site, built as it is published, and the paths of its pages."""
    folder = tmp_path_factory.mktemp("site")
    program = Path(sys.executable).with_name("mkdocs")
    subprocess.run([program, "build", "--quiet", "--site-dir", folder], cwd=ROOT, check=True)
    found = sorted(page.parent.relative_to(folder) for page in folder.rglob("index.html"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", ["" if path == Path() else f"{path}/" for path in found]
    server.shutdown()
    server.server_close()


def _links(page: Page) -> list[str]:
    links: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    return links


@pytest.mark.parametrize("width", WIDTHS)
def test_each_page_fits_and_its_browser_has_nothing_to_say(browser: Browser, served: tuple[str, list[str]], width: int) -> None:
    address, paths = served
    assert len(paths) > 40
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=WIDTHS[width])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on("response", lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("request", lambda asked: None if asked.url.startswith((address, "data:")) else said.append(asked.url))
    anchors, wanted = set(), set()
    for path in paths:
        page.goto(address + path)
        said += [f"{path or '/'}: {part} sticks out" for part in page.evaluate(_STICKS_OUT)]
        found = Axe().run(page, context=_NOT_OURS).response["violations"]
        said += [f"{path or '/'}: {one['id']}: {one['nodes'][0]['html'][:80]}" for one in found]
        anchors |= {
            page.url,
            *(f"{page.url}#{name}" for name in page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")),
        }
        wanted |= {link for link in _links(page) if link.startswith(address)}
    # Not a page: an example or a picture.
    files = {link for link in wanted - anchors if Path(urlsplit(link).path).suffix}
    said += [f"{link} leads nowhere" for link in files if page.request.get(urldefrag(link).url).status != 200]
    said += [f"{link} leads nowhere" for link in sorted(wanted - anchors - files) if not link.endswith("#")]
    context.close()
    assert said == [], "\n".join(said)


def test_a_reader_finds_a_page_by_its_words_and_goes_there(browser: Browser, served: tuple[str, list[str]]) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(served[0])
    page.get_by_role("textbox", name="Search").fill("rollback")
    page.locator(".md-search-result__link[href*='/rollback/']").first.click()
    page.wait_for_function("location.pathname.startsWith('/rollback/')")
    assert page.locator("h1").inner_text().startswith("Roll")
    context.close()
