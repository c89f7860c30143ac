"""Fail with a cause line and a remedy line, and the same as data."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.common.errors import BlockStructureError


class ActionModule(ActionBase):
    """`refuse`: id (kebab-case, a row of the catalogue of messages), cause, remedy, variable. It always fails."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("id", "cause", "remedy", "variable"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the failure."""
        result = super().run(tmp, task_vars)
        given = {name: str(value) for name, value in self._task.args.items()}
        error = BlockStructureError(given["id"], given["cause"], given["remedy"], given.get("variable"))
        return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
