"""What IAM and bucket policies say about a request: the part of the language that this project writes.

A policy with an element or operator outside of that part is refused with an error, never taken as a yes or a no.
Source of the rules: AWS IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements".
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


class PolicyError(ValueError):
    """A policy uses something that the sandbox cannot evaluate."""


@dataclass(frozen=True)
class Request:
    """A request as policies see it: who asks, for what, of which resource, under which circumstances."""

    principal: str | None
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def _many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _like(patterns: str | list[str], text: str) -> bool:
    # Square brackets are plain characters in IAM patterns.
    return any(fnmatch.fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in _many(patterns))


OPERATORS: dict[str, Callable[[Any, str], bool]] = {
    "Bool": lambda wanted, actual: str(wanted).lower() == actual,
    "StringEquals": lambda wanted, actual: actual in _many(wanted),
    "StringLike": _like,
    "NumericLessThan": lambda wanted, actual: float(actual) < float(wanted),
}


def _principal_matches(wanted: object, principal: str | None) -> bool:
    if isinstance(wanted, dict):
        wanted = wanted.get("AWS", [])
    if wanted == "*":
        return True
    if not isinstance(wanted, (str, list)):
        raise PolicyError(f"principal {wanted!r}")
    return principal is not None and ("*" in _many(wanted) or principal in _many(wanted))


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, tests in conditions.items():
        if operator not in OPERATORS:
            raise PolicyError(f"condition operator {operator}")
        for key, wanted in tests.items():
            # An absent key fails every operator of the table, as on AWS.
            if key not in context or not OPERATORS[operator](wanted, context[key]):
                return False
    return True


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    if unknown:
        raise PolicyError(f"element {sorted(unknown)[0]}")
    return (
        ("Principal" not in statement or _principal_matches(statement["Principal"], request.principal))
        and _like(statement["Action"], request.action)
        and _like(statement["Resource"], request.resource)
        and _conditions_hold(statement.get("Condition", {}), request.context)
    )


def decide(policies: Iterable[Mapping[str, Any]], request: Request) -> bool | None:
    """Say whether the policies allow (True) or explicitly deny (False) the request, or are silent (None).

    Raises PolicyError for a policy outside of the part that is understood.
    """
    allowed = None
    for policy in policies:
        statements = policy["Statement"]
        for statement in [statements] if isinstance(statements, dict) else statements:
            if _applies(statement, request):
                if statement["Effect"] == "Deny":
                    return False
                allowed = True
    return allowed
