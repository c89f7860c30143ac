"""Output: data goes to standard output, messages to standard error. No word and no number is broken by a narrow terminal."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .exits import USAGE, Failure

if TYPE_CHECKING:
    from rich.console import Console

# Not a terminal, so there is no width to detect; course keys are long.
_LOG_WIDTH = 160
_GAP = 2  # between two columns
# A column of words that is wider than this may wrap.
_WORDS = 24
# Colours of the terminal's own palette, which its owner has made readable on light or dark.
STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan", "good": "bold green", "strong": "bold"}


def console(stream: TextIO) -> Console:
    from rich.console import Console

    terminal = stream.isatty()
    plain = not terminal or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = None if terminal else int(os.environ.get("COLUMNS") or _LOG_WIDTH)
    return Console(file=stream, highlight=False, color_system=None if plain else "standard", width=width, emoji=False)


def __getattr__(name: str) -> Any:
    """Make the console for messages, `stderr`, when the first message is printed: rich is slow to load."""
    if name != "stderr":
        raise AttributeError(name)
    globals()["stderr"] = made = console(sys.stderr)
    return made


def data() -> Console:
    """Return a console on the current standard output (tests replace it)."""
    return console(sys.stdout)


def message(text: str) -> None:
    """Print a message for the operator, one line or several, on standard error."""
    console(sys.stderr).print(text, markup=False, soft_wrap=True)


def print_text(text: str) -> None:
    """Print text as it is on standard output."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def as_json(value: Any) -> str:
    """Return data as JSON with sorted keys."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def print_json(value: Any) -> None:
    """Print data as JSON."""
    sys.stdout.write(as_json(value))


def write(path: Path, text: str) -> None:
    """Write a file and say so. Raises Failure (USAGE) if it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", "name another file with --output.", USAGE) from error
    message(f"written to {path}")


def print_line(value: Any) -> None:
    """Print data as one line of JSON."""
    sys.stdout.write(json.dumps(value, sort_keys=True) + "\n")


def print_csv(rows: Sequence[dict[str, Any]]) -> None:
    """Print a list of the JSON as CSV: its keys as the heading, lists and dictionaries as JSON, null as nothing."""
    import csv

    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: json.dumps(value) if isinstance(value, (list, dict, bool)) else value for name, value in row.items()}
        )


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


def say(text: str, *, style: str = "", first: str = "", rest: str | None = None) -> None:
    """Print text for a reader on standard output, wrapped between words in a terminal."""
    from rich.text import Text

    console = data()
    width = console.width if console.is_terminal or os.environ.get("COLUMNS") else sys.maxsize
    for line in wrapped(text, width, first, rest):
        console.print(Text(line, style=STYLES.get(style, "")), soft_wrap=True)


def heading(text: str, *, style: str = "strong") -> None:
    """Print the heading of a part, after an empty line."""
    data().print()
    say(text, style=style)


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
                (place, f"{self.columns[place]} {text}") for place, text in enumerate(row) if place and text not in ("-", "")
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


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Iterable[str] = (),
    empty: str | None = None,
) -> None:
    """Print rows as a table, or as paragraphs where the terminal is too narrow; without rows, print a sentence.

    None shows as `-`, integers get thousands separators, columns named in `right` are right-aligned. No word and no number is
    broken. empty: the sentence for a table without rows.
    """
    from rich.text import Text

    grid = Grid.of(columns, rows, right)
    if not grid.rows:
        say(empty or f"{title}: none.")
        return
    heading(title)
    console = data()
    lines = grid.table(console.width) if grid.fit(console.width) else grid.cards(console.width)
    for line, style in lines:
        console.print(Text(line, style=STYLES.get(style, "")), soft_wrap=True)
