"""Output: data goes to standard output, messages to standard error. No word and no number is broken by a narrow terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click
from block_structure.plugin_utils.reports import layout

from .exits import USAGE, Failure

if TYPE_CHECKING:
    from rich.console import Console

# Not a terminal, so there is no width to detect; course keys are long.
_LOG_WIDTH = 160
# Of the terminal's own palette, and only what the common ones make legible on light and on dark: no yellow, no green, no cyan.
# Without bold, which some terminals show as the bright colour. What has no colour is bold instead.
COLOURS = {"error": "red", "warning": "magenta"}
# Styles of rich's progress bar, which has such colours of its own.
_PLAIN = ("bar.complete", "bar.finished", "bar.pulse", *(f"progress.{part}" for part in ("elapsed", "percentage", "remaining")))
_BAR = {"bar.back": "dim", **dict.fromkeys(_PLAIN, "none")}


def _plain(stream: TextIO) -> bool:
    """Return whether text goes there without colours."""
    return not stream.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def _log_width() -> int:
    return int(os.environ.get("COLUMNS") or _LOG_WIDTH)


def console(stream: TextIO) -> Console:
    """Return a console for messages and bars."""
    from rich.console import Console
    from rich.theme import Theme

    width = None if stream.isatty() else _log_width()
    colours: Literal["standard"] | None = None if _plain(stream) else "standard"
    return Console(file=stream, highlight=False, color_system=colours, width=width, emoji=False, theme=Theme(_BAR))


def __getattr__(name: str) -> Any:
    """Make the console for messages, `stderr`, when the first message is printed: rich is slow to load."""
    if name != "stderr":
        raise AttributeError(name)
    globals()["stderr"] = made = console(sys.stderr)
    return made


def message(text: str) -> None:
    """Print a message for the operator, one line or several, on standard error."""
    own = console(sys.stderr)
    own.print(layout.message(text, own.width) if own.is_terminal else text, markup=False, soft_wrap=True)


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


def medium() -> layout.Medium:
    """Return what standard output is: a terminal of a width, or a log."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else _log_width()
    return layout.Medium(width, wraps=bool(terminal or os.environ.get("COLUMNS")))


def print_lines(lines: Iterable[layout.Line]) -> None:
    """Print lines with their styles on standard output."""
    coloured = not _plain(sys.stdout)
    for line, style in lines:
        colour = COLOURS.get(style)
        click.secho(line, fg=colour, bold=bool(style and not colour) or None, color=coloured)


def say(text: str, *, style: str = "", first: str = "", rest: str | None = None) -> None:
    """Print text for a reader on standard output, wrapped between words in a terminal."""
    print_lines(layout.sentence(text, medium(), style=style, first=first, rest=rest))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Iterable[str] = (),
    empty: str | None = None,
) -> None:
    """Print rows as a table that fits the terminal, or the sentence that there are none; see layout.table()."""
    print_lines(layout.table(title, columns, rows, medium(), right=right, empty=empty))
