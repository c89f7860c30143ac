"""Text and tables for a terminal, as lines with a style; no word and no number is broken. Command and playbooks print them."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

# (text, style): error, warning, info, good, strong, or nothing.
Line = tuple[str, str]
INDENT = "  "
_GAP = 2  # between two columns
_COMMAND = re.compile(r"`[^`\n]+`")
_HELD = "\x1f"  # a space that no line breaks at
# A column of words that is wider than this may wrap.
_WORDS = 24


@dataclass(frozen=True)
class Medium:
    """What lines are made for.

    width: columns of a table. wraps: whether a sentence is broken between words to fit; a log keeps it whole. more: how a
    reader gets what is left out. to_set: what stands above the variables that a reader should set.
    """

    width: int
    wraps: bool = True
    more: str = "--all"
    to_set: str = "Set in the inventory, then deploy:"


@dataclass(frozen=True)
class Column:
    """A column: heading, the function that makes a cell of a row, and whether it holds numbers."""

    heading: str
    cell: Callable[[dict[str, Any]], Any]
    number: bool = True


def milliseconds(value: float | None) -> str | None:
    """Return milliseconds as text: one decimal below 100, none above."""
    if value is None:
        return None
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def shown(value: Any) -> str:
    """Return a cell as text: None as `-`, integers with thousands separators."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def wrapped(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """Return the lines of a text, each with its indentation; a word that is longer than the width stays whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


@dataclass
class Grid:
    """Cells as text, and which columns are right-aligned; columns that are empty in every row are left out."""

    columns: list[str]
    rows: list[list[str]]
    right: frozenset[str] = frozenset()
    widths: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[str]) -> Grid:
        """Return the grid of raw values."""
        cells = [[shown(value) for value in row] for row in rows]
        kept = [place for place in range(len(columns)) if place == 0 or any(row[place] not in ("-", "") for row in cells)]
        return cls([columns[place] for place in kept], [[row[place] for place in kept] for row in cells], frozenset(right))

    def natural(self, place: int) -> int:
        """Return the width of a column that breaks nothing but its heading."""
        return max(_longest_word(self.columns[place]), *(len(row[place]) for row in self.rows))

    def wraps(self, place: int) -> bool:
        """Return whether a column holds sentences: not the first one, not numbers, and wide."""
        return bool(place) and self.columns[place] not in self.right and self.natural(place) > _WORDS

    def least(self, place: int) -> int:
        """Return the smallest width of a column that breaks no word."""
        if not self.wraps(place):
            return self.natural(place)
        return max(_WORDS, _longest_word(self.columns[place]), *(_longest_word(row[place]) for row in self.rows))

    def fit(self, width: int) -> bool:
        """Choose the widths of the columns, if need be with the sentences below their rows; False if the grid does not fit."""
        everything = list(range(len(self.columns)))
        return self._fit(everything, width) or self._fit([place for place in everything if not self.wraps(place)], width)

    def _fit(self, beside: list[int], width: int) -> bool:
        widths = {place: self.least(place) for place in beside}
        free = width - sum(widths.values()) - _GAP * (len(beside) - 1)
        if free < 0:
            return False
        for place in filter(self.wraps, beside):
            more = min(free, self.natural(place) - widths[place])
            widths[place] += more
            free -= more
        self.widths = widths
        return True

    def _cell(self, text: str, place: int) -> list[str]:
        lines = wrapped(text, self.widths[place])
        right = self.columns[place] in self.right
        return [line.rjust(self.widths[place]) if right else line.ljust(self.widths[place]) for line in lines]

    def _row(self, cells: Sequence[str], *, bottom: bool = False) -> Iterator[str]:
        """Yield the lines of one row; the heading stands at the bottom of its lines."""
        parts = {place: self._cell(cells[place], place) for place in self.widths}
        height = max(map(len, parts.values()))
        for number in range(height):
            line = []
            for place, lines in parts.items():
                row = number - (height - len(lines) if bottom else 0)
                line.append(lines[row] if 0 <= row < len(lines) else " " * self.widths[place])
            yield (" " * _GAP).join(line).rstrip()

    def table(self, width: int) -> Iterator[tuple[str, str]]:
        """Yield (line, style) of the grid as a table of the chosen widths."""
        for line in self._row(self.columns, bottom=True):
            yield line, "strong"
        yield (" " * _GAP).join("─" * own for own in self.widths.values()), ""
        for row in self.rows:
            for line in self._row(row):
                yield line, ""
            for place, text in enumerate(row):
                if place not in self.widths and text not in ("-", ""):
                    yield from ((line, "") for line in wrapped(f"{self.columns[place]}: {text}", width, "  ", "    "))

    def cards(self, width: int) -> Iterator[tuple[str, str]]:
        """Yield (line, style) with each row as a paragraph of its own, for a terminal that is too narrow for a table."""
        for row in self.rows:
            yield from ((line, "strong") for line in wrapped(row[0], width))
            pairs = [
                (place, f"{self.columns[place]}: {text}") for place, text in enumerate(row) if place and text not in ("-", "")
            ]
            long = [pair for place, pair in pairs if self.wraps(place) or len(pair) + 3 > width]
            yield from ((line, "") for line in _joined((pair for _, pair in pairs if pair not in long), width, "  "))
            for pair in long:
                yield from ((line, "") for line in wrapped(pair, width, "  ", "    "))


def _joined(parts: Iterable[str], width: int, indent: str) -> Iterator[str]:
    """Yield lines of parts with commas between them; a line breaks only between two parts."""
    line = ""
    for part in parts:
        longer = f"{line}, {part}" if line else indent + part
        if line and len(longer) > width - 1:  # room for the comma
            yield line + ","
            longer = indent + part
        line = longer
    if line:
        yield line


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def message(text: str, width: int) -> str:
    """Return a message with its lines wrapped between words."""
    return "\n".join(line for part in text.splitlines() for line, _ in sentence(part, Medium(width), rest=INDENT))


def sentence(text: str, medium: Medium, *, style: str = "", first: str = "", rest: str | None = None) -> list[Line]:
    """Return text for a reader, wrapped between words where the medium wants that.

    A command in backquotes stays whole, so that it can be copied.
    """
    held = _COMMAND.sub(lambda found: found[0].replace(" ", _HELD), text)
    lines = wrapped(held, medium.width if medium.wraps else sys.maxsize, first, rest)
    return [(line.replace(_HELD, " "), style) for line in lines]


def heading(text: str, medium: Medium, *, style: str = "strong") -> list[Line]:
    """Return the heading of a part, after an empty line."""
    return [("", ""), *sentence(text, medium, style=style)]


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    medium: Medium,
    *,
    right: Iterable[str] = (),
    empty: str | None = None,
) -> list[Line]:
    """Return rows as a table, or as paragraphs where the medium is too narrow; without rows, a sentence.

    None shows as `-`, integers get thousands separators, columns named in `right` are right-aligned. No word and no number is
    broken. empty: the sentence for a table without rows.
    """
    grid = Grid.of(columns, rows, right)
    if not grid.rows:
        return sentence(empty or f"{title}: none.", medium)
    return [*heading(title, medium), *(grid.table(medium.width) if grid.fit(medium.width) else grid.cards(medium.width))]


def columns_of(
    title: str, columns: Sequence[Column], rows: Iterable[dict[str, Any]], medium: Medium, *, empty: str | None = None
) -> list[Line]:
    """Return rows as a table of columns that make their own cells; see table()."""
    headings = [column.heading for column in columns]
    cells = [[column.cell(row) for column in columns] for row in rows]
    return table(title, headings, cells, medium, right=[column.heading for column in columns if column.number], empty=empty)
