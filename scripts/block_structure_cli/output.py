"""Output: data goes to standard output, messages go to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

# Not a terminal, so there is no width to detect; course keys are long.
_LOG_WIDTH = 160

stderr = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _LOG_WIDTH)


def data() -> Console:
    """Return a console on the current standard output (tests replace it)."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)


def print_json(value: Any) -> None:
    """Print data as JSON with sorted keys."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True) + "\n")


def print_line(value: Any) -> None:
    """Print data as one line of JSON."""
    sys.stdout.write(json.dumps(value, sort_keys=True) + "\n")


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print rows as a table; None shows as `-`, integers get thousands separators, columns named in `right` are right-aligned.

    The first column (a course key, a server) is never wrapped.
    """
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="ellipsis" if place == 0 else "fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_shown(value) for value in row))
    data().print(table)


def print_findings(findings: Iterable[dict[str, Any]]) -> None:
    """Print each finding as the role does: severity and id, cause, remedy."""
    console = data()
    for finding in findings:
        cost = f"\nCosts: {finding['cost']}." if finding.get("cost") else ""
        console.print(f"{finding['severity']}: {finding['id']}\n{finding['message']}{cost}\n", markup=False)
