"""Run files for tests: small, and valid by the schema."""

from __future__ import annotations

from typing import Any


def course(key: str, blocks: int = 600, **times: list[float]) -> dict[str, Any]:
    """Return a measured course; times by tier: cache, storage, unpickle, rebuild."""
    found = {f"{name}_ms": times.get(name, []) for name in ("cache", "storage", "unpickle", "rebuild")}
    return {"key": key, "blocks": blocks, "bytes": blocks * 90, "error": None, "storage_error": None, **found}


def sample(
    state: str, ms: list[float], *, page: str = "outline", nav_depth: int | None = None, key: str = "A", errors: int = 0
):
    """Return the visits of one page of one course."""
    return {
        "state": state,
        "page": page,
        "nav_depth": nav_depth,
        "course": key,
        "ms": ms,
        "errors": errors,
        "first_error": "HTTP 500" if errors else None,
    }


def run(courses: list[dict[str, Any]], samples: list[dict[str, Any]] | None = None, *, storage: bool = True) -> dict[str, Any]:
    """Return a run file's content."""
    server = {"address": "cache1:11211", "memory_mb": 64, "item_size_bytes": 1048576, "counters": {"evictions": 7}}
    http = {
        "url": "http://127.0.0.1:8000",
        "users": 2,
        "spawn_rate": 1,
        "duration_seconds": 5,
        "think_seconds": [0, 1],
        "cold_rounds": 1,
        "samples": samples,
    }
    return {
        "schema": "block-structure-run",
        "version": 1,
        "started": "2026-11-24T12:00:00+00:00",
        "label": None,
        "release": "teak",
        "platform": "native",
        "courses": courses,
        "servers": [server],
        "servers_after": [],
        "limits": {"item_size": 1048576, "release_cap": 2097152, "client": None},
        "configuration": {"settings": {}, "switches": {}, "row": {}, "storage_in_use": storage},
        "http": http if samples is not None else None,
    }
