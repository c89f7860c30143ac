"""What measuring commands write, for tests: run files (valid by the schema), a diagnosis, a profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SECRET = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"  # of AWS's documentation
FOLDER = "openedx/core/djangoapps/content/block_structure/"
VIEW = ("lms/djangoapps/course_home_api/outline/views.py", "get")
COLLECT = (FOLDER + "manager.py", "_update_collected")
WRITE = (FOLDER + "models.py", "update_or_create")


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


def diagnosis(
    *severities: str, tier: str = "cache", moment: str = "2026-11-24T13:00:00Z", evictions: int = 3
) -> dict[str, Any]:
    """Return what `diagnose --format json` prints, as far as the report reads it."""
    findings = [
        {"id": f"finding-{n}", "severity": severity, "cause": "<b>cause</b>", "remedy": "do it", "variable": None}
        for n, severity in enumerate(severities)
    ]
    return {
        "release": "teak",
        "generated": moment,
        "courses": [{"key": "A", "blocks": 5000, "bytes": 1500000, "tier": tier, "tier_when_cold": tier, "reason": "it is so"}],
        "findings": findings,
        "servers": [{"server": "cache1:11211", "error": None, "evictions": evictions}],
        "settings": {"block_structures": {"STORAGE_KWARGS": {"secret_key": SECRET, "bucket_name": "example"}}},
        "switches": {},
        "row": {},
        "limits": {"cache_cap_bytes": 2097152, "client_item_limit_bytes": None, "item_size_bytes": 1048576},
    }


def _finding(identifier: str, severity: str, cause: str, remedy: str, **more: Any) -> dict[str, Any]:
    report = {"cost": None, "cost_ms": None, "evidence": None, "value": None, "variable": None, **more}
    return {**report, "id": identifier, "severity": severity, "cause": cause, "remedy": remedy}


def site_in_need() -> dict[str, Any]:
    """Return a diagnosis of 42 courses: one rebuilt for learners, one stale, memcached too small, four notes alike."""
    site = json.loads((Path(__file__).resolve().parents[2] / "docs" / "examples" / "diagnosis.json").read_text())
    by_key = {found["key"]: found for found in site["courses"]}
    rebuilt = by_key["course-v1:SandboxX+HUGE8K+2026"]
    rebuilt.update(tier="modulestore", tier_when_cold="modulestore", cache_ms=None, storage_ms=None, rebuild_ms=12345.6)
    rebuilt["reason"] = "rebuilt in the request: storage has no object; larger than -I of memcached (1048576 bytes)"
    by_key["course-v1:SandboxX+M04+2026"]["fresh"] = False
    for server in site["servers"]:
        server["aliases"] = ["default", "course_structure_cache"]
    key, number = rebuilt["key"], "block_structure_memcached_memory_mb"
    site["findings"] = [
        _finding(
            "course-not-stored",
            "error",
            f"{key} has no object in storage, so each cold read rebuilds it.",
            "run openedx_operators.block_structure.deploy, which generates it.",
            cost=f"12,346 ms for a rebuild in the request (measured on {key})",
            cost_ms=12345.6,
        ),
        _finding(
            "memcached-small",
            "warning",
            "cache1:11211 has 64 MiB, and the structures need 128 MiB.",
            f"set {number} to 128.",
            variable=number,
            value=128,
        ),
        *(
            _finding(
                "switch-inert",
                "info",
                f"This release no longer reads {name}.",
                f"remove {name} from the inventory.",
                variable=name,
            )
            for name in ("switch_one", "switch_two", "switch_three", "switch_four")
        ),
    ]
    site["counts"] = {"error": 1, "warning": 1, "info": 4}
    site["cure"] = [{"name": number, "value": 128, "findings": ["memcached-small"], "note": None, "proposed": False}]
    return site


def profile() -> dict[str, Any]:
    """A profile: half of the samples collect, a quarter writes the object, a quarter is the view."""
    frames = [list(VIEW), list(COLLECT), list(WRITE)]
    functions = [
        ["lms/djangoapps/course_home_api/outline/views.py", 10, "get", 1, 0.1, 1.0],
        [FOLDER + "manager.py", 20, "_update_collected", 1, 0.5, 0.9],
        ["~", 0, "<built-in method exec>", 7, 0.4, 0.4],
    ]
    return {
        "course": "course-v1:SandboxX+A+2026",
        "cold": True,
        "username": "staff",
        "request": {"status": 200, "ms": 1000.0, "queries": 3, "sql_ms": 1.0, "body": None},
        "frames": frames,
        "stacks": [[[0], 1], [[0, 1], 2], [[0, 1, 2], 1]],
        "sampled_requests": 2,
        "sampled_ms": 2000.0,
        "functions": functions,
        "edges": [[0, 1, 1, 0.9], [1, 2, 7, 0.4]],
    }
