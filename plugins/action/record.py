"""Keep what the first deploy found on a host, and give it back to a rollback."""

from __future__ import annotations

import json
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.common.errors import BlockStructureError
from ..plugin_utils.host_files import HostFiles

_VARIABLE = "block_structure_state_dir"


def _damaged(path: str, problem: str) -> AnsibleActionFail:
    return AnsibleActionFail(
        str(
            BlockStructureError(
                "record-damaged",
                f"The record {path} {problem}, so what the first deploy found is not known; nothing is changed.",
                "restore the record from a backup of the host, or remove it and restore the settings by hand.",
                _VARIABLE,
            )
        )
    )


def parse(path: str, data: bytes, systems: list[str]) -> dict[str, Any]:
    """Return a record; raises AnsibleActionFail `record-damaged` for one that a rollback cannot use, without its content."""
    try:
        record = json.loads(data)
    except ValueError:
        # Not chained: the parser's words may quote a secret.
        raise _damaged(path, "is cut off or not JSON" if data.strip() else "is empty") from None
    survey = record.get("survey") if isinstance(record, dict) else None
    if not isinstance(survey, dict) or not {"row", "switches"} <= set(survey):
        raise _damaged(path, "lacks the database's part")
    missing = [name for name in systems if name not in (record.get("settings") or {})]
    if missing:
        raise _damaged(path, f"lacks the settings of {' and '.join(missing)}")
    whole: dict[str, Any] = record
    return whole


class ActionModule(ActionBase):
    """`record`: the file of what the first deploy found. It holds secrets, so the result is never shown.

    path: the file. first: what to record if there is no record yet; nothing is written in check mode. systems: names whose
    settings the record must have.
    Returns exists, and record where there is one.
    """

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the record, and write the first one."""
        result = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "first": {"type": "dict", "no_log": True},
                "systems": {"type": "list", "elements": "str", "default": []},
            }
        )
        files = HostFiles(self, task_vars or {})
        data = files.read(args["path"], _VARIABLE)
        if data is not None:
            result["record"] = parse(args["path"], data, args["systems"])
        elif args["first"] is not None and not self._task.check_mode:
            # Through JSON: Ansible's values carry tags.
            files.write(args["path"], _VARIABLE, json.dumps(args["first"], indent=4, sort_keys=True) + "\n", mode="0600")
        result.update(changed=False, exists=data is not None, _ansible_no_log=True)
        return result
