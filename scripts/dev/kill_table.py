"""Write the table of docs/deploy.md from what scripts/dev/kill-table saw (.cache/kill-table)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib import pages

ROOT = Path(__file__).resolve().parents[2]
SEEN = ROOT / ".cache" / "kill-table"
PAGE = ROOT / "docs" / "deploy.md"


def text(cell: dict[str, Any] | None) -> list[str]:
    """Return the columns of one victim: requests and failed ones, the next deploy, a rollback at once."""
    if cell is None:
        return ["not run"] * 3
    converged = "converged, verified" if (cell["converged"], cell["verified"]) == (0, 0) else "**failed**"
    undone = "as before" if (cell["undone"], cell["rolled_back"], cell["same"]) == (0, 0, True) else "**failed**"
    return [f"{cell['requests']:,}, {cell['failed']} failed", converged, undone]


def table(steps: list[str], cells: list[dict[str, Any]]) -> str:
    """Return the Markdown of all steps of a first deploy."""
    found = {(cell["number"], cell["victim"]): cell for cell in cells}
    rows = [
        [step.rpartition(" : ")[2], *text(found.get((number, "controller"))), *text(found.get((number, "host")))]
        for number, step in enumerate(steps, 1)
    ]
    of = ("requests", "next deploy", "rollback")
    return pages.table(
        ("last step", *(f"controller killed: {one}" for one in of), *(f"host without power: {one}" for one in of)), rows
    )


def main() -> int:
    """Replace the table between its markers."""
    cells = [json.loads(path.read_text()) for path in SEEN.glob("*.json")]
    if not cells:
        print(f"There is nothing in {SEEN}.\nRemedy: run `make kill-table`, which kills deploys first.", file=sys.stderr)
        return 1
    pages.write(PAGE, "killed", table((SEEN / "steps").read_text().splitlines(), cells))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
