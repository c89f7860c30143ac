"""A diagnosis as Prometheus metrics, for the textfile collector of node_exporter.

Format: the Prometheus documentation, "Exposition formats", text-based format.
"""

from __future__ import annotations

import calendar
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

PREFIX = "block_structure_"
_TIERS = ("cache", "storage", "modulestore")
# Per memcached: key of the report -> (metric, type, help).
_SERVER = {
    "memory_mb": ("memcached_memory_mebibytes", "gauge", "-m of the running process."),
    "item_size_bytes": ("memcached_item_size_bytes", "gauge", "-I of the running process."),
    "used_mb": ("memcached_used_mebibytes", "gauge", "Memory used by items."),
    "evictions": ("memcached_evictions_total", "counter", "Items evicted since the start."),
    "evicted_without_expiry": ("memcached_evicted_without_expiry_total", "counter", "Evicted items that had no expiry."),
    "store_too_large": ("memcached_store_too_large_total", "counter", "Values rejected because of -I."),
    "hit_rate": ("memcached_hit_ratio", "gauge", "Share of gets that hit since the start, 0 to 1."),
    "uptime_seconds": ("memcached_uptime_seconds", "gauge", "Seconds since the start."),
}


def _escaped(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _line(name: str, labels: dict[str, Any], value: float) -> str:
    inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{PREFIX}{name}{{{inner}}} {_number(value)}" if inner else f"{PREFIX}{name} {_number(value)}"


def _family(name: str, kind: str, message: str, samples: list[tuple[dict[str, Any], float]]) -> Iterator[str]:
    if not samples:
        return
    yield f"# HELP {PREFIX}{name} {message}"
    yield f"# TYPE {PREFIX}{name} {kind}"
    for labels, value in samples:
        yield _line(name, labels, value)


def prometheus(report: dict[str, Any]) -> str:
    """Return the metrics of a diagnosis. Courses are counted by tier and never named, since their number is unbounded."""
    courses = report["courses"]
    tiers = Counter(course["tier"] for course in courses)
    cold = Counter(course["tier_when_cold"] for course in courses)
    findings = Counter((finding["id"], finding["severity"]) for finding in report["findings"])
    taken = calendar.timegm(time.strptime(report["generated"], "%Y-%m-%dT%H:%M:%SZ"))
    lines = [
        *_family("looked_timestamp_seconds", "gauge", "When the site was inspected.", [({}, taken)]),
        *_family(
            "courses", "gauge", "Courses by the tier that answers now.", [({"tier": tier}, tiers[tier]) for tier in _TIERS]
        ),
        *_family(
            "courses_without_cache",
            "gauge",
            "Courses by the tier that answers when the cache is cold.",
            [({"tier": tier}, cold[tier]) for tier in _TIERS[1:]],
        ),
        *_family(
            "courses_stale",
            "gauge",
            "Courses whose stored version is older than the published one.",
            [({}, sum(course["fresh"] is False for course in courses))],
        ),
        *_family(
            "findings",
            "gauge",
            "Findings by id and severity; an error or a warning needs attention.",
            [({"id": name, "severity": severity}, count) for (name, severity), count in sorted(findings.items())],
        ),
        *_family(
            "memcached_up",
            "gauge",
            "Whether a memcached of the LMS answers.",
            [({"server": server["server"]}, float(not server["error"])) for server in report["servers"]],
        ),
    ]
    for key, (name, kind, message) in _SERVER.items():
        samples = [({"server": one["server"]}, one[key]) for one in report["servers"] if one.get(key) is not None]
        lines += _family(name, kind, message, samples)
    return "\n".join(lines) + "\n"
