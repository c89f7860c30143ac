"""List the objects that no row names and optionally remove them."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..plugin_utils.follow import FollowedAction
from ..plugin_utils.reports import generation


class ActionModule(FollowedAction):
    """`prune`: manage_argv, identify, run_dir, min_age_seconds, remove, events_path; returns `report`."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("manage_argv", "identify", "run_dir", "min_age_seconds", "remove", "events_path"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """List, and remove if requested, except in check mode."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        # `-e name=value` passes text.
        wanted = boolean(given["remove"])
        remove = wanted and not self._task.check_mode
        operation = {"op": "prune", "min_age_seconds": int(given["min_age_seconds"]), "remove": remove}
        arguments = {name: given[name] for name in ("manage_argv", "identify", "run_dir")}
        done = self.follow({**arguments, "operations": [operation]}, task_vars or {}, events_path=given.get("events_path"))
        report = generation.prune_report(done)
        would = wanted and bool(report["objects"])
        return {**result, "report": report, "changed": would if self._task.check_mode else bool(report["removed"])}
