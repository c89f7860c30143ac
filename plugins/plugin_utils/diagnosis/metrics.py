"""A diagnosis as Prometheus metrics, for the textfile collector of node_exporter.

Format: the Prometheus documentation, "Exposition formats", text-based format. Every metric has the label `site`.
"""

from __future__ import annotations

import calendar
import math
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

PREFIX = "block_structure_"
_MIB = 1024 * 1024
_TIERS = ("cache", "storage", "modulestore")
# Tier -> key of a course's time to read from it. Reads from cache and storage are without the unpickling.
_TIMES = {"cache": "cache_ms", "storage": "storage_ms", "modulestore": "rebuild_ms"}
# Of one server: key of the report -> (metric, type, factor to the unit of the metric, help).
_SHARED = {
    "evictions": ("evictions_total", "counter", 1, "Items evicted since the start."),
    "hit_rate": ("hit_ratio", "gauge", 1, "Share of gets that hit since the start, 0 to 1."),
    "uptime_seconds": ("uptime_seconds", "gauge", 1, "Seconds since the start."),
}
_SERVERS = {
    "memcached": {
        "memory_mb": ("memory_bytes", "gauge", _MIB, "-m of the running process."),
        "item_size_bytes": ("item_size_bytes", "gauge", 1, "-I of the running process."),
        "used_mb": ("used_bytes", "gauge", _MIB, "Memory used by items."),
        "evicted_without_expiry": ("evicted_without_expiry_total", "counter", 1, "Evicted items that had no expiry."),
        "store_too_large": ("store_too_large_total", "counter", 1, "Values rejected because of -I."),
        **_SHARED,
    },
    "redis": {
        "maxmemory_bytes": ("memory_bytes", "gauge", 1, "maxmemory; 0 without a limit."),
        "used_bytes": ("used_bytes", "gauge", 1, "Memory used by Redis."),
        **_SHARED,
    },
}
Samples = list[tuple[dict[str, Any], float]]


def _escaped(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _statistics(milliseconds: list[float]) -> Iterator[tuple[str, float]]:
    """Yield median, 95th percentile and worst in seconds; nothing without times."""
    if milliseconds:
        found = sorted(milliseconds)
        yield "median", statistics.median(found) / 1000
        yield "p95", found[math.ceil(0.95 * len(found)) - 1] / 1000
        yield "worst", found[-1] / 1000


def _times(courses: list[dict[str, Any]], key: str, labels: dict[str, Any]) -> Samples:
    measured = [course[key] for course in courses if course.get(key) is not None]
    return [({**labels, "statistic": name}, round(value, 6)) for name, value in _statistics(measured)]


def _families(report: dict[str, Any]) -> Iterator[tuple[str, str, str, Samples]]:
    """Yield (name, type, help, samples) of each metric, without the prefix and the site."""
    courses = report["courses"]
    tiers = Counter(course["tier"] for course in courses)
    cold = Counter(course["tier_when_cold"] for course in courses)
    findings = Counter((finding["id"], finding["severity"]) for finding in report["findings"])
    taken = calendar.timegm(time.strptime(report["generated"], "%Y-%m-%dT%H:%M:%SZ"))
    yield "looked_timestamp_seconds", "gauge", "When the site was inspected.", [({}, taken)]
    about = {name: report.get(name) or "unknown" for name in ("release", "platform")}
    yield "info", "gauge", "Release and platform of the site.", [(about, 1)]
    yield "courses", "gauge", "Courses by the tier that answers now.", [({"tier": tier}, tiers[tier]) for tier in _TIERS]
    yield (
        "courses_without_cache",
        "gauge",
        "Courses by the tier that answers when the cache is cold.",
        [({"tier": tier}, cold[tier]) for tier in _TIERS[1:]],
    )
    stale = sum(course["fresh"] is False for course in courses)
    yield "courses_stale", "gauge", "Courses whose stored version is older than the published one.", [({}, stale)]
    yield (
        "read_seconds",
        "gauge",
        "Time to read a structure from a tier, without unpickling, over the measured courses.",
        [sample for tier, key in _TIMES.items() for sample in _times(courses, key, {"tier": tier})],
    )
    yield "unpickle_seconds", "gauge", "Time to unpickle a structure.", _times(courses, "unpickle_ms", {})
    yield (
        "findings",
        "gauge",
        "Findings by id and severity; an error or a warning needs attention.",
        [({"id": name, "severity": severity}, count) for (name, severity), count in sorted(findings.items())],
    )
    running = {"memcached": report["servers"], "redis": [report["redis"]] if report.get("redis") else []}
    for kind, servers in running.items():
        up = [({"server": server["server"]}, float(not server["error"])) for server in servers]
        yield f"{kind}_up", "gauge", f"Whether a {kind} of the LMS answers.", up
        for key, (name, shape, factor, message) in _SERVERS[kind].items():
            samples = [
                ({"server": one["server"]}, round(factor * one[key]) if factor > 1 else one[key])
                for one in servers
                if one.get(key) is not None
            ]
            yield f"{kind}_{name}", shape, message, samples


def prometheus(report: dict[str, Any]) -> str:
    """Return the metrics of a diagnosis. Courses are counted by tier and never named, since their number is unbounded."""
    site = report.get("site") or report.get("host") or "unknown"
    lines = []
    for name, kind, message, samples in _families(report):
        if not samples:
            continue
        lines += [f"# HELP {PREFIX}{name} {message}", f"# TYPE {PREFIX}{name} {kind}"]
        for labels, value in samples:
            inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in {"site": site, **labels}.items())
            lines.append(f"{PREFIX}{name}{{{inner}}} {_number(value)}")
    return "\n".join(lines) + "\n"
