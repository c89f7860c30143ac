"""What each choice for the runtime of the LMS's workers would gain on this site, and what it costs. Only ever a proposal."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.decisions import runtime
from .snapshot import Snapshot

_IN_WORDS = {
    runtime.STOCK: "now",
    runtime.OUT_OF_BAND: "out of band",
    runtime.HASH_ONCE: "hashed once",
    runtime.BOTH: "with both",
}


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings about the runtime; a choice that is made already, or is not managed by the role, is not proposed.

    Nothing is said of a site whose large courses were not measured.
    """
    report, asked = snapshot.gains, (snapshot.desired or {}).get("runtime") or {}
    if report is None or not report["courses"]:
        return []
    offer = report["offer"]
    if offer == {"collector": runtime.STOCK, "keys": runtime.STOCK}:
        return [_no_gain(report)] if report["complete"] else []
    if asked.get("managed") is False:
        return []
    collector = offer["collector"] != runtime.STOCK
    proposals = [
        ("collector", runtime.STOCK, runtime.OUT_OF_BAND),
        ("keys", *((runtime.OUT_OF_BAND, runtime.BOTH) if collector else (runtime.STOCK, runtime.HASH_ONCE))),
    ]
    return [
        _PROPOSALS[choice](report, before, after)
        for choice, before, after in proposals
        if offer[choice] != runtime.STOCK and asked.get(choice) != offer[choice]
    ]


def _figures(report: dict[str, Any], *variants: str) -> str:
    """Return the times of each course with each variant, as text."""
    texts = []
    for course in report["courses"]:
        times = course["page_ms"] or course["ms"]
        each = ", ".join(f"{_IN_WORDS[variant]} {times[variant]:.0f} ms" for variant in variants)
        texts.append(f"{course['of']} of {course['key']} ({course['blocks']} blocks) {each}")
    return f"{'; '.join(texts)} of processor time"


def _no_gain(report: dict[str, Any]) -> Finding:
    figures = _figures(report, runtime.STOCK, report["tuned"])
    why = f" Hashes of keys cannot be kept here: {report['keys_why']}." if report["keys_why"] else ""
    return Finding(
        "runtime-no-gain",
        "info",
        f"Neither garbage collection nor hashes of keys cost much here: {figures}.{why}",
        f"none; leave {runtime.COLLECTOR_VARIABLE} and {runtime.KEYS_VARIABLE} at stock.",
        runtime.COLLECTOR_VARIABLE,
        evidence=report,
        cost="nothing that a learner would notice",
    )


def _gain(report: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    """Return the cost of a finding: what the choice saves of the course that gains most."""
    gains = [(runtime.saved(course, before, after), course["key"]) for course in report["courses"]]
    (of, milliseconds, percent), key = max(gains, key=lambda gain: gain[0][1])
    return {"cost_ms": milliseconds, "cost": f"{milliseconds:,.0f} ms ({percent:.0f} %) of each {of} of {key}"}


def _collector(report: dict[str, Any], before: str, after: str) -> Finding:
    stock, tuned = report["variants"][before], report["variants"][after]
    return Finding(
        "runtime-collector",
        "info",
        f"Python's garbage collector runs while learners wait: {_figures(report, before, after)}.",
        f"set {runtime.COLLECTOR_VARIABLE} to {runtime.OUT_OF_BAND} (docs/runtime.md). It then runs after the response: "
        f"{tuned['collect_ms']:.0f} ms after one read of each course; resident memory {stock['resident_mb']} -> "
        f"{tuned['resident_mb']} MiB. Compare two `benchmark` runs before you keep it.",
        runtime.COLLECTOR_VARIABLE,
        evidence=report,
        value=runtime.OUT_OF_BAND,
        **_gain(report, before, after),
    )


def _keys(report: dict[str, Any], before: str, after: str) -> Finding:
    return Finding(
        "runtime-keys",
        "info",
        f"Hashes of opaque keys are computed at every look-up: {_figures(report, before, after)}.",
        f"set {runtime.KEYS_VARIABLE} to {runtime.HASH_ONCE} (docs/runtime.md), and compare two `benchmark` runs.",
        runtime.KEYS_VARIABLE,
        evidence=report,
        value=runtime.HASH_ONCE,
        **_gain(report, before, after),
    )


_PROPOSALS = {"collector": _collector, "keys": _keys}
