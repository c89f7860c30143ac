"""Copy the output of `make story` and `make bench-runtime` to docs/examples, compact and without unused keys.

Usage: python scripts/dev/examples.py [FILE]...      (by default the files of .cache/story and .cache/bench/runtime.json)

`make docs` and `make report-screenshots` read the copies. Measured values do not change.
Exit codes: 0 copied, 1 there is nothing to copy.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
WIDTH = 128
NAMES = {"runtime": "collector"}
# Omitted keys by example: of the object itself (""), and of each item of one of its lists.
UNREAD: dict[str, dict[str, set[str]]] = {
    "diagnosis": {
        "": {"local_storage", "processes", "runtime", "seconds", "storage", "versions", "workers"},
        "courses": {"cached", "fresh", "object", "object_exists", "rebuild_ms", "row"},
        "findings": {"evidence", "message"},
        "servers": {"aliases", "flushes", "plan"},
    },
    "profile": {"": {"username"}},
}


def without_unread(name: str, example: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an example without its unused keys."""
    unread = UNREAD.get(name, {})
    kept = {key: value for key, value in example.items() if key not in unread.get("", set())}
    for key in unread.keys() & kept.keys():
        kept[key] = [{field: value for field, value in item.items() if field not in unread[key]} for item in kept[key]]
    return kept


def compact(example: dict[str, Any]) -> str:
    """Return an example as JSON: one key per line, and as many list items per line as fit."""
    parts = []
    for key, value in example.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and len(text) > WIDTH:
            lines = [""]
            for number, item in enumerate(value, 1):
                word = json.dumps(item, ensure_ascii=False) + ("," if number < len(value) else "")
                if lines[-1] and len(lines[-1]) + len(word) >= WIDTH:
                    lines.append("")
                lines[-1] += (" " if lines[-1] else "") + word
            text = "[\n  " + "\n  ".join(lines) + "\n ]"
        parts.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> int:
    """Copy the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    cache = ROOT / ".cache"
    files = parser.parse_args().files or [*cache.glob("story/*.json"), *cache.glob("bench/runtime.json")]
    if not files:
        print("There is nothing to copy.\nRemedy: run `make story` or `make bench-runtime` first.", file=sys.stderr)
        return 1
    for path in files:
        name = NAMES.get(path.stem, path.stem)
        (EXAMPLES / f"{name}.json").write_text(compact(without_unread(name, json.loads(path.read_text()))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
