"""What the tests do with a storage, and with what."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile

# A row's name, and the bytes of a structure.
NAME = "block_structures/block-v1:example+C1+2026+type@course+block@course/2026-11-24-033000-123456"
DATA = zlib.compress(b"".join(b"%d" % number for number in range(4000)))


def write(made: Any, name: str = NAME, data: bytes = DATA) -> str:
    saved: str = made.save(name, ContentFile(data))
    return saved


def read(made: Any, name: str = NAME) -> bytes:
    with made.open(name, "rb") as stream:
        content: bytes = stream.read()
        return content


def counts(made: Any) -> dict[str, int]:
    counted: dict[str, int] = made.state()["counters"]["counts"]
    return counted


def file_of(drawer: Any, key: str) -> Path:
    """Return the local file of an object."""
    return Path(drawer.where.path, drawer.name, drawer.file(key))


def drained(made: Any) -> dict[str, Any]:
    """Drain in the foreground; a background thread that was faster has done the same."""
    outcome: dict[str, Any] = made.drain(wait_seconds=60)
    return outcome


def interval_ends(made: Any) -> None:
    """Wait until S3 is asked again after an outage."""
    while made.state()["breaker"]["open"]:
        pass


def eventually(question: Callable[[], bool]) -> bool:
    """Wait for what a thread in the background does, however loaded the machine is."""
    end = time.monotonic() + 60
    while not question() and time.monotonic() < end:
        time.sleep(0.05)
    return question()
