"""Write the table of docs/stores.md from what the tests of other stores saw (.cache/stores)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib import pages

ROOT = Path(__file__).resolve().parents[2]
SEEN = ROOT / ".cache" / "stores"
PAGE = ROOT / "docs" / "stores.md"


def table(stores: list[dict[str, Any]]) -> str:
    """Return the Markdown of all stores, one column each."""
    rows = [["version", *(f"{one['version']} ({one['from']})" for one in stores)]]
    rows.append(["boto3", *(one["boto3"] for one in stores)])
    rows.append(["set to false", *(", ".join(f"`{name}`" for name in one["off"]) for one in stores)])
    features = dict.fromkeys(feature for one in stores for feature in one["seen"])
    rows += [[feature, *(one["seen"].get(feature, "-") for one in stores)] for feature in features]
    return pages.table(["", *(one["store"] for one in stores)], rows)


def main() -> int:
    """Replace the table between its markers."""
    stores = [json.loads(path.read_text()) for path in sorted(SEEN.glob("*.json"))]
    if not stores:
        print(f"There is nothing in {SEEN}.\nRemedy: run `make stores`, which runs the stores first.", file=sys.stderr)
        return 1
    pages.write(PAGE, "stores", table(stores))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
