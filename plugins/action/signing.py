"""Decide whether a site may refuse unsigned objects now. Contacts no host."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..module_utils.common.changes import Change, as_diff
from ..module_utils.decisions import signing


class ActionModule(ActionBase):
    """`signing`: returns `desired` with the settings that the surveyed site can bear now.

    desired: the resolved description. survey: of the site, from before the generation or after it. finish: the generation has
    run, so what is different now is a change; check mode assumes that it generated every course.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True
    _VALID_ARGS = frozenset(("desired", "survey", "finish"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare what is wanted with what is signed."""
        result = super().run(tmp, task_vars)
        desired, survey = self._task.args["desired"], self._task.args["survey"]
        finish = boolean(self._task.args.get("finish", False))
        settings = before = desired["settings"]
        if desired["signing"]:
            settings = signing.with_mode(settings, desired["signing"])
        if not (finish and self._task.check_mode):
            settings = signing.for_now(settings, survey)
        changes = []
        if finish and settings != before:
            changes = [Change("STORAGE_KWARGS.signing", signing.mode(before), signing.mode(settings))]
        return {
            **result,
            "desired": {**desired, "settings": settings},
            "changed": bool(changes),
            "changes": [change.as_dict() for change in changes],
            "diff": as_diff(changes, "signing of objects"),
        }
