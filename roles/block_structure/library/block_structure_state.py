"""Bring configuration row, generated structures and switches of a site to the desired state, in at most one boot."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.block_structure import plan, probe_client
from ansible.module_utils.block_structure.changes import as_diff
from ansible.module_utils.block_structure.errors import BlockStructureError
from ansible.module_utils.block_structure.releases import from_named_row

DOCUMENTATION = r"""
module: block_structure_state
short_description: Configuration row, generation and switches of block structures
description:
  - Compares a survey with what is desired and, if anything differs, boots the LMS once to configure the row, generate what is
    missing, stale or moved, turn the switches, regenerate what was published meanwhile, and survey the site again.
  - A course that cannot be generated never fails the module; it is returned under C(failures).
options:
  manage_argv:
    description: Command that runs the LMS's manage.py, up to and including C(lms) and its options.
    type: list
    elements: str
    required: true
  release:
    description: Row of the release table, with its name.
    type: dict
    required: true
  survey:
    description: Survey to compare with, as M(block_structure_info) returned it.
    type: dict
    required: true
  settings:
    description: Desired BLOCK_STRUCTURES_SETTINGS without secrets; a change of place means that every course is generated.
    type: dict
  row:
    description: Desired fields of BlockStructureConfiguration.
    type: dict
  switches:
    description: Desired state of each switch.
    type: dict
  switches_if_clean:
    description: Switches that are turned only when no course failed.
    type: dict
  restore:
    description: Recorded survey to go back to, instead of the desired state.
    type: dict
  force:
    description: Generate every course again.
    type: bool
    default: false
  workers:
    description: Generating processes; one per core less one when unset.
    type: int
  course_timeout_seconds:
    description: Seconds that one course may take, per attempt.
    type: int
    default: 1800
  run_dir:
    description: Directory on the host for the run's JSON lines, one event a line; none is kept when unset.
    type: path
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Generate, then switch on
  block_structure_state:
    manage_argv: "{{ __block_structure_manage_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
    survey: "{{ __block_structure_survey }}"
    settings: "{{ __block_structure_desired['settings'] }}"
    row: "{{ __block_structure_desired['row'] }}"
    switches: "{{ __block_structure_desired['switches'] }}"
"""

RETURN = r"""
changes:
  description: What differs, as field, before and after.
  type: list
  returned: success
survey:
  description: The site after the work; the given survey when nothing had to be done.
  type: dict
  returned: success
failures:
  description: Reports of the courses that could not be generated.
  type: list
  returned: success
generated:
  description: Reports of all courses that were generated.
  type: list
  returned: success
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""

KEEP_RUNS = 20


def run_file(run_dir: str | None) -> Any:
    """Open this run's event file, oldest runs removed; None when no directory is asked for."""
    if not run_dir:
        return None
    folder = Path(run_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.jsonl"))[: -(KEEP_RUNS - 1)]:
        old.unlink()
    return (folder / time.strftime("%Y%m%dT%H%M%SZ.jsonl", time.gmtime())).open("w", encoding="utf-8", buffering=1)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "manage_argv": {"type": "list", "elements": "str", "required": True},
            "release": {"type": "dict", "required": True},
            "survey": {"type": "dict", "required": True},
            "settings": {"type": "dict"},
            "row": {"type": "dict"},
            "switches": {"type": "dict"},
            "switches_if_clean": {"type": "dict"},
            "restore": {"type": "dict"},
            "force": {"type": "bool", "default": False},
            "workers": {"type": "int"},
            "course_timeout_seconds": {"type": "int", "default": 1800},
            "run_dir": {"type": "path"},
        },
        mutually_exclusive=[("restore", "settings")],
        required_one_of=[("restore", "settings")],
        required_together=[("settings", "row", "switches")],
        supports_check_mode=True,
    )
    given = module.params
    survey = given["survey"]
    if given["restore"] is not None:
        wanted = plan.undo(survey, given["restore"])
    else:
        desired = plan.Desired(
            given["settings"], given["row"], given["switches"], given["switches_if_clean"] or {}, given["force"]
        )
        wanted = plan.make(survey, desired, workers=given["workers"], course_timeout=given["course_timeout_seconds"])
    result = {
        "changed": bool(wanted.changes),
        "changes": [change.as_dict() for change in wanted.changes],
        "diff": as_diff(wanted.changes, "block structures in the LMS"),
        "survey": survey,
        "failures": [],
        "generated": [],
        "boots": 0,
    }
    if module.check_mode or not wanted.operations:
        module.exit_json(**result)
    log = run_file(given["run_dir"])
    try:
        release = from_named_row(given["release"])
        answer = probe_client.run(
            given["manage_argv"],
            release,
            wanted.operations,
            on_event=(lambda event: log.write(json.dumps(event) + "\n")) if log else None,
        )
    except BlockStructureError as error:
        module.fail_json(msg=str(error), error=error.as_dict(), boots=1)
    finally:
        if log:
            log.close()
    reports = [report for entry in answer.results for report in entry.get("failures", [])]
    result["generated"] = [event for event in answer.events if event["event"] == "course"]
    result.update(survey=answer.results[-1], failures=reports, boots=1)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
