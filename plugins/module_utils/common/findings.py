"""What an inspection of a site or of its variables found, as data, and the two lines in which an operator reads it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

SEVERITIES = ("error", "warning", "info")


def two_lines(cause: str, remedy: str) -> str:
    """Return the text of every message of this project: one line of cause, one of remedy."""
    return f"{cause}\nRemedy: {remedy}"


@dataclass(frozen=True)
class Finding:
    """One observation: what it is, what to do, and the variable that does it.

    identifier: stable kebab-case name, a row of the catalogue of messages. severity: `error` needs action before the site is
    cured, `warning` costs something, `info` is good to know. evidence: the measured value behind it, never a secret.
    value: what to set the variable to. cost_ms: milliseconds that a request of a learner pays for it, as measured on this
    site, None when not measured. cost: the same in words, with what was measured.
    """

    identifier: str
    severity: str
    cause: str
    remedy: str
    variable: str | None = None
    evidence: Any = None
    value: Any = None
    cost_ms: float | None = None
    cost: str | None = None

    def __str__(self) -> str:
        return two_lines(self.cause, self.remedy)

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as data, with the two lines that an operator reads under `message`."""
        # Not asdict: it rebuilds containers by their own type, which Ansible's do not allow.
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        data["id"] = data.pop("identifier")
        data["message"] = str(self)
        return data


def order(found: list[Finding]) -> list[Finding]:
    """Return findings with what needs action first, and what costs most first within a severity."""
    return sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), -(finding.cost_ms or 0)))


def needs_attention(found: list[dict[str, Any]]) -> bool:
    """Return whether any finding, as data, is more than good to know."""
    return any(finding["severity"] != "info" for finding in found)
