"""Write what a playbook run changed, or would change, to a file that tests compare.

Each run of `ansible-playbook` adds one JSON document to the folder that BLOCK_STRUCTURE_RECORDS names:
{"playbook": name, "check": bool, "started": time, "ended": time, "changed": [entry...], "failed": [entry...],
"hosts": [name...], "stats": {name: value}}, where an entry is {"host", "task"} and, from the role's own modules,
"changes": the changed fields. "stats" is what the run hands on by set_stats.
Times are UTC in the format of the miniature edxapp's boots log, so that both compare as text.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: notification
short_description: Record the changes of a run for comparison
description: Writes one JSON document a run into the folder named by BLOCK_STRUCTURE_RECORDS; does nothing without it.
"""


class CallbackModule(CallbackBase):
    """Collects the names of changed and failed tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.record: dict[str, Any] = {"playbook": None, "check": None, "changed": [], "failed": []}

    @staticmethod
    def _entry(result: Any) -> dict[str, Any]:
        entry = {"host": result._host.get_name(), "task": result._task.get_name().strip()}
        # The role's own modules and actions name each field that they change.
        if "changes" in result._result:
            entry["changes"] = result._result["changes"]
        return entry

    @staticmethod
    def _now() -> str:
        return datetime.now(UTC).isoformat(timespec="milliseconds")

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Remember which playbook runs, and how."""
        self.record["started"] = self._now()
        self.record["playbook"] = Path(playbook._file_name).stem
        self.record["check"] = bool(context.CLIARGS.get("check"))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Keep the tasks that changed something."""
        if result._result.get("changed"):
            self.record["changed"].append(self._entry(result))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Keep the tasks that failed and were not meant to."""
        if not ignore_errors:
            self.record["failed"].append(self._entry(result))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the record; a run that ends early writes what it has."""
        self.record["ended"] = self._now()
        self.record["hosts"] = sorted(stats.processed)
        self.record["stats"] = stats.custom.get("_run", {})
        folder = os.environ.get("BLOCK_STRUCTURE_RECORDS")
        if not folder:
            return
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        mode = "check" if self.record["check"] else "run"
        name = f"{time.time_ns()}-{self.record['playbook']}-{mode}.json"
        (target / name).write_text(json.dumps(self.record, indent=1) + "\n")
