"""What the task `resolve` answers to the variables of a host: the resolved description, or every error at once."""

from __future__ import annotations

from typing import Any

from ..module_utils.common.errors import BlockStructureError
from ..module_utils.decisions import desired
from . import role_variables


def failure(errors: list[BlockStructureError]) -> dict[str, Any]:
    """Return the result of a task that fails with all of these, two lines each."""
    return {"failed": True, "msg": "\n".join(map(str, errors)), "errors": [error.as_dict() for error in errors]}


def answer(
    given: dict[str, Any],
    table: dict[str, dict[str, Any]],
    *,
    plain_secrets: list[str],
    memcached_hosts: list[str],
    misplaced: list[BlockStructureError] | None = None,
    identified: dict[str, Any] | None = None,
    key_hash: dict[str, Any] | None = None,
    read_only: bool = False,
) -> dict[str, Any]:
    """Return the result of the task.

    given: the public variables, rendered. misplaced: what is wrong with the groups. The rest: as desired.resolve takes it.
    """
    variables, mistyped = role_variables.typed(given)
    if mistyped:
        return failure(mistyped)
    resolution = desired.resolve(
        variables,
        table,
        known=list(role_variables.options()),
        plain_secrets=plain_secrets,
        platforms=role_variables.platforms(),
        defaults=role_variables.defaults(),
        identified=identified,
        key_hash=key_hash,
        memcached_hosts=memcached_hosts,
    )
    if read_only:
        resolution = resolution.for_reading()
    found = [*(misplaced or []), *resolution.errors]
    if found or resolution.desired is None:
        return failure(found)
    findings = resolution.findings
    return {
        "changed": False,
        "desired": {**resolution.desired.as_dict(), "findings": [finding.as_dict() for finding in findings]},
        "typed": role_variables.without_secrets(variables),
        "warnings": [str(finding).replace("\n", " ") for finding in findings if finding.severity == "warning"],
    }
