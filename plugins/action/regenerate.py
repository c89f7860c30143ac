"""Generate the selected courses, follow the run, and report; check mode reports what would run and why."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..plugin_utils.follow import FollowedAction
from ..plugin_utils.reports import generation


class ActionModule(FollowedAction):
    """`regenerate`.

    Arguments: manage_argv, identify, run_dir; select and generation (probe/selection.py, probe/generate.py), read, resume,
    events_path. Returns `report` (generation.report), `changed` and `boots`. A course that fails never fails the task.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(
        ("manage_argv", "identify", "run_dir", "select", "generation", "read", "resume", "dry_run", "events_path")
    )

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run in the background and follow; a dry run changes nothing."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        # `-e name=value` passes text.
        dry = bool(self._task.check_mode) or boolean(given.get("dry_run", False))
        select = {**given["select"], "force": boolean(given["select"]["force"])}
        operation = {"op": "generate", "select": select, "read": boolean(given["read"]), "dry_run": dry, **given["generation"]}
        arguments = {name: given[name] for name in ("manage_argv", "identify", "run_dir")}
        arguments.update(operations=[operation], resume=given.get("resume") or None)
        done = self.follow(arguments, task_vars or {}, events_path=given.get("events_path"))
        reported = generation.report(done)
        return {
            **result,
            "report": reported,
            "changed": bool(reported["planned"]) if dry else any(course["status"] == "ok" for course in reported["courses"]),
            "boots": done.get("boots", 0),
        }
