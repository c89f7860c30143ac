"""Files that other commands wrote, read back: refused with a remedy if they are something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import wording
from .exits import USAGE, Failure


def load_json(path: Path, needed: tuple[str, ...], what: str, remedy: str) -> dict[str, Any]:
    """Return a JSON object with the required keys. Raises Failure (USAGE)."""
    try:
        found = json.loads(wording.of_command(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(f"{path} is not {what}: {error}.", remedy, USAGE) from error
    missing = [name for name in needed if not isinstance(found, dict) or name not in found]
    if missing:
        raise Failure(f"{path} is not {what}: it has no {', '.join(missing)}.", remedy, USAGE)
    return dict(found)


# What a file raises that has the keys of its kind, and something else in them.
DAMAGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@contextmanager
def used(path: Path | None) -> Iterator[None]:
    """Turn what the content of a diagnosis raises where it is used into Failure (USAGE); without a file, nothing is caught."""
    try:
        yield
    except DAMAGE as error:
        if path is None:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise Failure(
            f"{path} is not a whole diagnosis: {what}.", "write it anew with `block-structure diagnose --format json`.", USAGE
        ) from error


def load_diagnosis(path: Path) -> dict[str, Any]:
    """Return the output of `diagnose --format json`."""
    return load_json(
        path,
        ("release", "platform", "host", "courses", "findings", "servers", "limits"),
        "a diagnosis",
        "write it with `block-structure diagnose --format json`.",
    )
