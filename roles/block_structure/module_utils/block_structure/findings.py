"""What a look at a site or at its variables brought up, as data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One observation: what it is, what to do, and the variable that does it.

    severity: `error` needs action before the site is cured, `warning` costs something, `info` is good to know.
    evidence: the measured value behind it, never a secret.
    """

    identifier: str
    severity: str
    cause: str
    remedy: str
    variable: str | None = None
    evidence: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as data, with the two lines that an operator reads under `message`."""
        # Not asdict: it rebuilds containers by their own type, which Ansible's do not allow.
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        data["id"] = data.pop("identifier")
        data["message"] = f"{self.cause}\nRemedy: {self.remedy}"
        return data
