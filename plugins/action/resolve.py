"""Resolve the public variables of a host into the desired state, or report all errors at once. Contacts no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.common.errors import BlockStructureError
from ..module_utils.decisions import desired
from ..plugin_utils import role_variables


def _failure(errors: list[BlockStructureError]) -> dict[str, Any]:
    """Return the result of a task that fails with all of these, two lines each."""
    return {"failed": True, "msg": "\n".join(map(str, errors)), "errors": [error.as_dict() for error in errors]}


class ActionModule(ActionBase):
    """`resolve`: returns `desired`, and `typed`: the public variables with their specified types, by name without the prefix.

    releases: the release table. platform: what detect_platform.yml detected. identified: the installed release from the survey.
    Both are omitted before the site was queried.
    read_only: for runs that change nothing, only release and platform must be valid; other errors become `findings`, and
    `settings`, `row` and `switches` are then omitted.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the desired state without secrets; fail with every error, two lines each."""
        result = super().run(tmp, task_vars)
        variables = role_variables.public_variables(task_vars or {}, self._templar)
        detected = self._task.args.get("platform") or role_variables.detected_platform(task_vars or {})
        if detected:
            variables["block_structure_platform"] = detected
        variables, mistyped = role_variables.typed(variables)
        if mistyped:
            return {**result, **_failure(mistyped)}
        resolution = desired.resolve(
            variables,
            self._task.args["releases"],
            known=list(role_variables.options()),
            plain_secrets=role_variables.plain_secrets(task_vars or {}),
            platforms=role_variables.platforms(),
            defaults=role_variables.defaults(),
            identified=self._task.args.get("identified"),
            memcached_hosts=list((task_vars or {}).get("groups", {}).get("block_structure_memcached", [])),
        )
        if self._task.args.get("read_only"):
            resolution = resolution.for_reading()
        if resolution.errors or resolution.desired is None:
            return {**result, **_failure(list(resolution.errors))}
        findings = resolution.findings
        result["warnings"] = [str(finding).replace("\n", " ") for finding in findings if finding.severity == "warning"]
        wanted = {**resolution.desired.as_dict(), "findings": [finding.as_dict() for finding in findings]}
        result.update(changed=False, desired=wanted, typed=role_variables.without_secrets(variables))
        return result
