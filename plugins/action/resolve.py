"""Resolve the public variables of a host into the desired state, or report all errors at once. Contacts no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import resolution, role_variables


class ActionModule(ActionBase):
    """`resolve`: returns `desired`, and `typed`: the public variables with their specified types, by name without the prefix.

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
        variables = role_variables.public_variables(task_vars or {}, self._templar)
        detected = self._task.args.get("platform") or role_variables.detected_platform(task_vars or {})
        if detected:
            variables["block_structure_platform"] = detected
        answer = resolution.answer(
            variables,
            self._task.args["releases"],
            plain_secrets=role_variables.plain_secrets(task_vars or {}),
            memcached_hosts=list((task_vars or {}).get("groups", {}).get("block_structure_memcached", [])),
            identified=self._task.args.get("identified"),
            key_hash=self._task.args.get("key_hash") or None,
            read_only=bool(self._task.args.get("read_only")),
        )
        return {**result, **answer}
