"""Write the table of docs/storage.md from the cells that the scenario `storage` measured (.cache/storage-cells.json)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib import pages

ROOT = Path(__file__).resolve().parents[2]
CELLS = ROOT / ".cache" / "storage-cells.json"
PAGE = ROOT / "docs" / "storage.md"
TITLES = {"cold, copy here": "copy here"}
CASES = ("cold", "cold, copy here", "warm", "publish", "generation")


def text(cell: dict[str, Any] | None) -> str:
    """Return one cell of the table; `-` if there is no value."""
    if cell is None:
        return "-"
    message = f"{'no answer' if cell['status'] == 'none' else cell['status']}, {cell['seconds']:.1f} s"
    report = [message] + [cell["sees"]] * bool(cell["sees"]) + [f"**lost: {cell['lost']}**"] * bool(cell["lost"])
    return "; ".join(report)


def table(cells: list[dict[str, Any]]) -> str:
    """Return the Markdown of all cells, with the two classes of each fault in adjacent rows."""
    found = {(cell["fault"], cell["cls"], cell["case"]): cell for cell in cells}
    rows = []
    for fault in dict.fromkeys(cell["fault"] for cell in cells):
        for cls in ("plain", "resilient"):
            row = [text(found.get((fault, cls, case))) for case in CASES]
            if set(row) != {"-"}:
                rows.append([fault, cls, *row])
    return pages.table(("fault", "class", *(TITLES.get(case, case) for case in CASES)), rows)


def main() -> int:
    """Replace the table between its markers."""
    if not CELLS.exists():
        print(f"There is no {CELLS}.\nRemedy: run `make storage-table`, which measures first.", file=sys.stderr)
        return 1
    pages.write(PAGE, "cells", table(json.loads(CELLS.read_text())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
