"""Files of the host, for actions that edit them on the controller. Nothing of a file is shown at any verbosity."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.common.seal import new_key, unseal

MODULE = "openedx_operators.block_structure.host_file"


class HostFiles:
    """The files of an action's host. `variable` is the public variable that names a path, for refusals."""

    def __init__(self, action: ActionBase, task_vars: dict[str, Any]) -> None:
        self._action, self._task_vars = action, task_vars

    def _run(self, path: str, variable: str, key: str, **arguments: Any) -> dict[str, Any]:
        given = {"path": path, "variable": variable, "key": key, **arguments}
        answer: dict[str, Any] = self._action._execute_module(module_name=MODULE, module_args=given, task_vars=self._task_vars)
        if answer.get("failed"):
            raise AnsibleActionFail(str(answer.get("msg")))
        return answer

    def read(self, path: str, variable: str) -> bytes | None:
        """Return a file's content, None if it does not exist."""
        key = new_key()
        answer = self._run(path, variable, key)
        return unseal(answer["sealed"], key) if answer["exists"] else None

    def write(self, path: str, variable: str, data: str, **arguments: Any) -> None:
        """Replace a file; arguments: `like`, `mode`, `owner_of` and `backup` of the module."""
        action = self._action
        shell = action._connection._shell
        if shell.tmpdir is None:
            action._make_tmp_path()
        source = shell.join_path(shell.tmpdir, "content")
        try:
            action._transfer_data(source, data)
            # The module may run as another user without rights, for example the one who runs tutor.
            action._fixup_perms2((shell.tmpdir, source))
            self._run(path, variable, new_key(), src=source, **arguments)
        finally:
            # It may hold secrets.
            action._remove_tmp_path(shell.tmpdir)
