"""The history of a site: records that `watch --history` appends, and kept diagnoses, read back in the order of their times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from block_structure.plugin_utils.diagnosis import trend

from .exits import USAGE, Failure
from .saved import DAMAGE

Record = dict[str, Any]
_REMEDY = "keep one with `block-structure watch --history FILE`, or with `block-structure diagnose -o FILE.json`."


def append(path: Path, report: dict[str, Any]) -> None:
    """Add the record of a diagnosis to a history. Raises Failure if it cannot be written."""
    line = json.dumps(trend.record(report), sort_keys=True) + "\n"
    try:
        with path.open("a+b") as file:
            # A line that a full disk or a kill cut off must not spoil this one.
            if file.tell() and _last_byte(file) != b"\n":
                line = "\n" + line
            file.write(line.encode())
    except OSError as error:
        raise Failure(
            f"{path} cannot be written: {error.strerror}.", "name a file in a folder that you can write to."
        ) from error


def _last_byte(file: Any) -> bytes:
    file.seek(-1, 2)
    last: bytes = file.read(1)
    return last


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(found for found in path.iterdir() if found.suffix in (".json", ".jsonl")) if path.is_dir() else [path]


def _records(path: Path) -> Iterator[tuple[str, Record | None]]:
    """Yield (where it is, the record or None for something else) of each diagnosis in a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        yield str(path), None
        return
    if path.suffix == ".json":
        yield str(path), _record_of(text)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"{path}, line {number}", _record_of(line)


def _record_of(text: str) -> Record | None:
    try:
        found = json.loads(text)
        made = trend.record(found) if isinstance(found, dict) and "findings" in found else found
    except (*DAMAGE, RecursionError):
        return None
    return made if trend.is_record(made) else None


def load(paths: Iterable[Path]) -> tuple[list[Record], list[str]]:
    """Return (records, oldest first, each once; where something is that is none). Raises Failure (USAGE) without any record."""
    given = list(paths)
    found = [entry for path in _files(given) for entry in _records(path)]
    records = {(record["when"], record["site"]): record for _, record in found if record}
    if not records:
        names = ", ".join(map(str, given))
        raise Failure(f"There is no diagnosis in {names}.", _REMEDY, USAGE)
    return sorted(records.values(), key=trend.moment), [where for where, record in found if record is None]
