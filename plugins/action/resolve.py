"""Resolve the public variables of a host into the desired state, or report all errors at once. Contacts no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.decisions import carrying
from ..plugin_utils import resolution, role_variables


class ActionModule(ActionBase):
    """`resolve`: returns `desired`, `typed`: the public variables with their types, by name without the prefix, and `parts`.

    releases: the release table. platform: what detect_platform.yml detected. identified: the installed release from the survey.
    key_hash: why the LMS cannot make a long cache key, from the survey of a deploy. All are omitted before the site was asked.
    read_only: for runs that change nothing, only release and platform must be valid; other errors become `findings`, and
    `settings`, `row` and `switches` are then omitted.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the desired state without secrets; fail with every error, two lines each."""
        result = super().run(tmp, task_vars)
        known = task_vars or {}
        groups = known.get("groups") or {}
        variables = role_variables.public_variables(known, self._templar)
        parts = carrying.parts_of(str(known.get("inventory_hostname")), groups)
        variables = carrying.narrowed(variables, role_variables.defaults(), parts)
        detected = self._task.args.get("platform") or role_variables.detected_platform(known)
        if detected:
            variables["block_structure_platform"] = detected
        answer = resolution.answer(
            variables,
            self._task.args["releases"],
            plain_secrets=role_variables.plain_secrets(known),
            memcached_hosts=list(groups.get("block_structure_memcached", [])),
            misplaced=carrying.errors(groups),
            identified=self._task.args.get("identified"),
            key_hash=self._task.args.get("key_hash") or None,
            read_only=bool(self._task.args.get("read_only")),
        )
        return {**result, **answer, "parts": parts}
