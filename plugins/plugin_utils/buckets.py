"""Read a bucket for an action, past Ansible's masking of secrets: decisions are taken on what the store said."""

from __future__ import annotations

import json
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.common.seal import new_key, unseal


def read(action: ActionBase, task_vars: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of the module bucket_info, None for no bucket; raises AnsibleActionFail with its two lines."""
    key = new_key()
    answer = action._execute_module(
        module_name="openedx_operators.block_structure.bucket_info",
        module_args={**{name: value for name, value in arguments.items() if value is not None}, "key": key},
        task_vars=task_vars,
    )
    if answer.get("failed"):
        raise AnsibleActionFail(str(answer.get("msg")))
    live: dict[str, Any] | None = json.loads(unseal(answer["sealed"], key))
    return live
