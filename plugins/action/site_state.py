"""Set configuration row and switches of a site and generate structures, in at most one LMS boot."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils.common.changes import as_diff
from ..module_utils.decisions import plan, signing
from ..plugin_utils.diagnosis import courses
from ..plugin_utils.follow import FollowedAction
from ..plugin_utils.reports import generation


class ActionModule(FollowedAction):
    """`site_state`: compare a survey with the desired state and apply the differences in one run in the LMS.

    Arguments: manage_argv, release, survey, run_dir; for the desired state settings, row, switches, switches_if_clean, force,
    moved, signing and generation (options of probe/generate.py), or `restore`, a recorded survey to restore; events_path.
    Returns changes, survey (after the work), failures, generated, boots. A course that fails never fails the task.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(
        (
            *("manage_argv", "release", "survey", "settings", "row", "switches", "switches_if_clean"),
            *("restore", "force", "moved", "signing", "generation", "run_dir", "events_path"),
        )
    )

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plan, and run the plan except in check mode."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        survey = given["survey"]
        if given.get("restore") is not None:
            wanted = plan.undo(survey, given["restore"])
        else:
            desired = plan.Target(
                given["settings"],
                given["row"],
                given["switches"],
                given.get("switches_if_clean") or {},
                boolean(given.get("force", False)),
                boolean(given.get("moved", False)),
                given.get("signing") == signing.REQUIRE,
            )
            wanted = plan.make(survey, desired, given.get("generation"))
        result.update(
            changed=bool(wanted.changes),
            changes=[change.as_dict() for change in wanted.changes],
            diff=as_diff(wanted.changes, "block structures in the LMS"),
            survey=survey,
            failures=[],
            generated=[],
            boots=0,
        )
        if self._task.check_mode or not wanted.operations:
            return dict(result)
        arguments = {name: given[name] for name in ("manage_argv", "release", "run_dir")}
        done = self.follow(
            {**arguments, "operations": wanted.operations}, task_vars or {}, events_path=given.get("events_path")
        )
        result["boots"] = done.get("boots", 1)
        problem = generation.report(done)["error"]
        if problem:
            return {"failed": True, "msg": problem["message"], "error": problem, "boots": result["boots"]}
        failures = [report for entry in done["results"] for report in entry.get("failures", [])]
        # Generation replaces the rows that show it, and a publish brings it back.
        after = {**done["results"][-1], "drafts_before": courses.drafts(survey)}
        return {**result, "survey": after, "failures": failures, "generated": done["courses"], "run": done["run"]}
