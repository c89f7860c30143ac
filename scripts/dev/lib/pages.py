"""Generated parts of the documents: each is between `<!-- generated:NAME -->` and `<!-- /generated:NAME -->`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def cell(text: object) -> str:
    """Return text escaped for a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    headings = list(headings)
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join(lines + [f"| {' | '.join(map(cell, row))} |" for row in rows])


def put(text: str, name: str, body: str) -> str:
    """Return a document with one generated part replaced. Raises LookupError with the name if it has no markers."""
    pattern = re.compile(rf"(<!-- generated:{name} -->\n).*?(<!-- /generated:{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise LookupError(name)
    return pattern.sub(lambda match: f"{match[1]}{body}\n{match[2]}", text)


def missing(page: str, name: object) -> str:
    """Return the error message for a part without markers."""
    return f"{page} has no generated part named {name}.\nRemedy: restore its two markers."


def write(page: Path, name: str, body: str) -> None:
    """Replace one generated part of a document. Exits with code 1 if it has no markers."""
    try:
        page.write_text(put(page.read_text(), name, body))
    except LookupError:
        raise SystemExit(missing(page.name, name)) from None
