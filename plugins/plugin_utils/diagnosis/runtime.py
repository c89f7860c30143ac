"""What tuning Python's garbage collector would gain in the LMS of this site, and what it costs. Only ever a proposal."""

from __future__ import annotations

from ...module_utils.common.findings import Finding
from ...module_utils.decisions.runtime import THRESHOLDS_VARIABLE
from .snapshot import Snapshot


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings about the runtime; empty when it was not measured, is tuned already or is not managed by the role."""
    report, asked = snapshot.collector, (snapshot.desired or {}).get("runtime") or {}
    if report is None or not report["courses"]:
        return []
    figures = "; ".join(
        f"{course['key']} ({course['blocks']} blocks) {course['stock_ms']:.0f} ms, tuned {course['tuned_ms']:.0f} ms, "
        f"collector disabled {course['floor_ms']:.0f} ms"
        for course in report["courses"]
    )
    figures = f"unpickling takes, with {report['objects']} tracked objects and the thresholds {report['thresholds']}: {figures}"
    if not report["worth_it"]:
        return [
            Finding(
                "runtime-no-gain",
                "info",
                f"Python's garbage collector costs little here; {figures}.",
                f"none; leave {THRESHOLDS_VARIABLE} unset.",
                THRESHOLDS_VARIABLE,
                evidence=report,
                cost="nothing that a learner would notice",
            )
        ]
    if asked.get("thresholds") is not None or asked.get("managed") is False:
        return []
    best = max(report["courses"], key=lambda course: float(course["saved_ms"]))
    memory, pause = report["peak_kb"], report["pause_ms"]
    return [
        Finding(
            "runtime-collector",
            "info",
            f"Python's garbage collector slows reads of large courses; {figures}.",
            f"read docs/runtime.md, then set {THRESHOLDS_VARIABLE} to {report['thresholds']}. Cost in the same single "
            f"reads: peak memory {memory['stock'] // 1024} -> {memory['tuned'] // 1024} MiB, worst pause {pause['stock']:.0f} "
            f"-> {pause['tuned']:.0f} ms. Under load garbage stays longer and a worker may use twice the memory: compare two "
            "`benchmark` runs before you keep it.",
            THRESHOLDS_VARIABLE,
            evidence=report,
            value=report["thresholds"],
            cost_ms=best["saved_ms"],
            cost=f"{best['saved_ms']:.0f} ms ({best['saved_percent']:.0f} %) of each read of {best['key']}",
        )
    ]
