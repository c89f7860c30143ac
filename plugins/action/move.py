"""Copy the objects that rows name to the storage of the desired settings, and read each copy back."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils.decisions import plan, storage_settings
from ..module_utils.decisions.releases import from_named_row
from ..plugin_utils.follow import FollowedAction
from ..plugin_utils.reports import move


class ActionModule(FollowedAction):
    """`move`: a run in the LMS on the active settings; in check mode it only compares both storages.

    Arguments: manage_argv, release, run_dir, events_path; survey of the site; settings: the desired
    BLOCK_STRUCTURES_SETTINGS; secrets, nested as there; workers; dry_run; keep_names: rows need no change afterwards.
    Returns `moves` (whether the location changes), `report` (move.report), `changed` and `boots`, 0 where nothing moves.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(
        (
            "manage_argv",
            "release",
            "run_dir",
            "events_path",
            "survey",
            "settings",
            "secrets",
            "workers",
            "dry_run",
            "keep_names",
        )
    )

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run in the background and follow; a dry run changes nothing."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        if not plan.has_to_move(given["survey"], given["settings"]):
            return {**result, "moves": False, "report": move.report(move.NOTHING), "changed": False, "boots": 0}
        # `-e name=value` passes text.
        dry = bool(self._task.check_mode) or boolean(given.get("dry_run", False))
        target, release = given["settings"], from_named_row(given["release"])
        if not given["survey"]["settings"].get("storage_state"):
            # Only where the active class is the resilient one can it verify at the source and sign at the target.
            target = storage_settings.without_help(target, release)
        keep_names = boolean(given.get("keep_names", False))
        if not keep_names:  # a rollback's target is what the site had, with nothing added
            target = storage_settings.complete(target, release)
        operation = {"op": "move", "target": target, "workers": int(given["workers"]), "dry_run": dry}
        operation["keep_names"] = keep_names
        arguments = {name: given[name] for name in ("manage_argv", "release", "run_dir")}
        arguments.update(operations=[operation], target_secrets=given["secrets"])
        done = self.follow(arguments, task_vars or {}, events_path=given.get("events_path"))
        reported = move.report(done)
        changed = any(reported["counts"].get(outcome) for outcome in ("copy", "copied", "replaced"))
        return {**result, "moves": True, "report": reported, "changed": changed, "boots": done.get("boots", 1)}
