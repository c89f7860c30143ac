"""The contribution of each step of a run to the result of its host."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ..module_utils.common.findings import Finding
from ..module_utils.decisions import runtime


@dataclass(frozen=True)
class Step:
    """The parts of a task's registered result that go into the role's result.

    changes: fields with before and after. findings: as data. failures, generated: reports of courses. boots: LMS boots.
    runs: ids of generation runs.
    """

    changes: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    generated: list[dict[str, Any]] = field(default_factory=list)
    boots: int = 0
    runs: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, registered: dict[str, Any]) -> Step:
        """Return the step of a registered result, looped or not."""
        entries = registered.get("results", [registered])
        # The findings of memcached are in its plan.
        plans = [entry.get("plan") or {} for entry in entries]
        return cls(
            changes=[change for entry in entries for change in entry.get("changes") or []],
            findings=[finding for entry in (*plans, *entries) for finding in entry.get("findings") or []],
            failures=list(registered.get("failures") or []),
            generated=list(registered.get("generated") or []),
            boots=int(registered.get("boots") or 0),
            runs=[registered["run"]] if registered.get("run") else [],
        )

    @classmethod
    def total(cls, steps: list[dict[str, Any]]) -> Step:
        """Return the sum of steps as data, in their order."""
        lists = ("changes", "findings", "failures", "generated", "runs")
        return cls(
            **{name: [entry for step in steps for entry in step[name]] for name in lists},
            boots=sum(step["boots"] for step in steps),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the step as data."""
        # Not asdict: it rebuilds containers with their own type, which Ansible's types do not support.
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


def worker_findings(workers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an error for each worker that differs from what is asked, and a warning for each reason to leave workers alone."""
    differing = [
        Finding(
            "runtime-differs",
            "error",
            f"{problem[0].upper()}{problem[1:]}.",
            "run openedx_operators.block_structure.deploy.",
            runtime.COLLECTOR_VARIABLE,
        )
        for problem in workers.get("problems", [])
    ]
    left_alone = [
        Finding(
            "runtime-left-alone",
            "warning",
            f"{runtime.SUBJECTS[entry['choice']]} left as it is in {entry['workers']} "
            f"worker{'s' if entry['workers'] > 1 else ''} ({', '.join(entry['services'])}): {entry['why']}.",
            f"set {runtime.VARIABLES[entry['choice']]} to stock, or change what the message names (docs/runtime.md).",
            runtime.VARIABLES[entry["choice"]],
            evidence=entry,
            value=runtime.STOCK,
        )
        for entry in workers.get("refusals", [])
    ]
    return [finding.as_dict() for finding in (*differing, *left_alone)]
