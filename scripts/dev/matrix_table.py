"""Write the table release x platform of docs/releases.md from the cells that the scenarios ran (.cache/matrix/)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from lib import pages

ROOT = Path(__file__).resolve().parents[2]
CELLS = ROOT / ".cache" / "matrix"
PAGE = ROOT / "docs" / "releases.md"
RELEASES = ROOT / "roles" / "block_structure" / "vars" / "releases.yml"
PLATFORMS = {"native": "native", "tutor_local": "Tutor, local", "tutor_k8s": "Tutor, Kubernetes"}


def text(cell: dict[str, Any] | None) -> str:
    """Return one cell of the table."""
    if cell is None:
        return "not run"
    if cell.get("failed"):
        return "failed"
    return f"{cell['deployed']}, then {cell['again']}; {cell['verified']} + {cell['rolled_back']} tests"


def table(cells: list[dict[str, Any]], releases: dict[str, dict[str, Any]]) -> str:
    """Return the Markdown of all releases with one column per platform; `-` if that Tutor does not exist."""
    found = {(cell["release"], cell["platform"]): cell for cell in cells}
    rows = []
    for name, row in releases.items():
        exists = [platform == "native" or row["tutor_major"] is not None for platform in PLATFORMS]
        report = [
            text(found.get((name, platform))) if there else "-" for platform, there in zip(PLATFORMS, exists, strict=True)
        ]
        rows.append([name, *report])
    return pages.table(("release", *PLATFORMS.values()), rows)


def main() -> int:
    """Replace the table between its markers."""
    cells = [json.loads(path.read_text()) for path in CELLS.glob("*.json")]
    if not cells:
        print(f"{CELLS} has no cells.\nRemedy: run `make matrix`, which runs the scenarios first.", file=sys.stderr)
        return 1
    releases = yaml.safe_load(RELEASES.read_text())["__block_structure_releases"]
    pages.write(PAGE, "matrix", table(cells, releases))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
