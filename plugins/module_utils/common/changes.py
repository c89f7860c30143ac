"""A difference between the live and the wanted state, as a value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .redact import is_secret_name, redact


@dataclass(frozen=True)
class Change:
    """`field` goes from `before` to `after`. Values may be nested; secrets are redacted wherever a change is shown."""

    field: str
    before: Any
    after: Any

    def as_dict(self) -> dict[str, Any]:
        """Return the change as data, without secrets."""
        if is_secret_name(self.field):
            return {"field": self.field, "before": "(secret)", "after": "(secret)"}
        return {"field": self.field, "before": redact(self.before), "after": redact(self.after)}


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Return one change per key of `after` whose value differs from `before`; keys only in `before` are left alone."""
    return [Change(key, before.get(key), value) for key, value in after.items() if before.get(key) != value]


def as_diff(changes: list[Change], header: str) -> dict[str, str]:
    """Return Ansible's diff of a list of changes: before and after as text under one header."""

    def text(side: str) -> str:
        shown = {entry["field"]: entry[side] for entry in (change.as_dict() for change in changes)}
        return json.dumps(shown, indent=2, sort_keys=True, default=str) + "\n" if shown else ""

    return {"before": text("before"), "after": text("after"), "before_header": header, "after_header": header}
