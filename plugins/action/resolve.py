"""Turn the public variables of a host into what the role wants, or refuse them all at once. Touches no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.decisions import desired
from ..plugin_utils import role_variables


class ActionModule(ActionBase):
    """`block_structure_desired`: returns `desired`.

    releases: the release table. identified: what a look at the site found installed; before that look it is left out.
    look: nothing is going to be changed, so only the release and the platform have to be right; what else the role would refuse
    is told among `findings`, and `settings`, `row` and `switches` are missing then.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the desired state without secrets; fail with every error, two lines each."""
        result = super().run(tmp, task_vars)
        variables = role_variables.public_variables(task_vars or {}, self._templar)
        found = role_variables.platform_found(task_vars or {})
        if found:
            variables["block_structure_platform"] = found
        mistyped = role_variables.type_errors(variables)
        if mistyped:
            return {**result, "failed": True, "msg": "\n".join(str(error) for error in mistyped)}
        wanted = desired.validate(
            variables,
            self._task.args["releases"],
            known=role_variables.known_names(),
            plain_secrets=role_variables.plain_secrets(task_vars or {}),
            platforms=role_variables.platforms(),
            defaults=role_variables.defaults(),
            identified=self._task.args.get("identified"),
            memcached_hosts=list((task_vars or {}).get("groups", {}).get("block_structure_memcached", [])),
        )
        if self._task.args.get("look"):
            wanted = desired.for_a_look(wanted)
        if wanted["errors"]:
            result.update(failed=True, msg="\n".join(error["message"] for error in wanted["errors"]), errors=wanted["errors"])
            return result
        result["warnings"] = [
            finding["message"].replace("\n", " ") for finding in wanted["findings"] if finding["severity"] == "warning"
        ]
        result.update(changed=False, desired=wanted)
        return result
