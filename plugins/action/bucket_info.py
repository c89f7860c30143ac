"""Read a bucket without the masks that Ansible puts on what a module returns."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import buckets


class ActionModule(ActionBase):
    """`bucket_info`: runs the module of the same name, with its arguments. Returns bucket."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the bucket, None if there is none."""
        result = super().run(tmp, task_vars)
        return {**result, "changed": False, "bucket": buckets.read(self, task_vars or {}, dict(self._task.args))}
