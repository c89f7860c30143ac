"""Findings about a site or its variables as data, and the two lines that the operator reads."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

SEVERITIES = ("error", "warning", "info")


def two_lines(cause: str, remedy: str) -> str:
    """Return the text of every message of this project: one line of cause, one of remedy."""
    return f"{cause}\nRemedy: {remedy}"


def one_line(text: str) -> str:
    """Return text with its unprintable characters as Python writes them."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


@dataclass(frozen=True)
class Finding:
    """One observation: cause, remedy, and the variable that fixes it.

    identifier: stable kebab-case name, a row of the catalogue of messages. severity: `error` needs action before the site is
    cured, `warning` costs something, `info` is informational. evidence: the measured value behind it, never a secret.
    value: the value to set the variable to. cost_ms: milliseconds that it adds to a learner's request, as measured on this
    site, None when not measured. cost: the same as text, with the measurement.
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

    def __post_init__(self) -> None:
        # What is quoted of an inventory or an answer must not end the line, nor move a terminal's cursor.
        for name in ("cause", "remedy"):
            object.__setattr__(self, name, one_line(getattr(self, name)))

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
    """Return findings by severity, the most urgent first, and within a severity by cost, the highest first."""
    return sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), -(finding.cost_ms or 0)))


def needs_attention(found: list[dict[str, Any]]) -> bool:
    """Return whether any finding, as data, is an error or a warning."""
    return any(finding["severity"] != "info" for finding in found)
