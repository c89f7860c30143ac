"""Documentation of the action `conclude`; what it does is in plugins/action/conclude.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conclude
short_description: Print what a playbook found, and hand its outcome on
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Prints the summary, the findings and the courses that need something, as the command C(block-structure) does. With C(-v) it
    prints all courses and notes.
  - Sets the statistic C(block_structure_outcome) of the run, as M(ansible.builtin.set_stats) does. AWX keeps it as an artifact
    of the job and gives it to what follows in a workflow. It has no secrets and no list of courses.
options:
  operation:
    description: What the playbook did, such as V(diagnose).
    type: str
    required: true
  report:
    description: C(block_structure_diagnosis), C(block_structure_result), or the report of a run.
    type: dict
    required: true
  attention:
    description: Severities of the findings for which the play must fail.
    type: list
    elements: str
    default: [error]
  report_path:
    description: File on the controller that the report was written to, for the outcome.
    type: path
attributes:
  check_mode:
    description: Does the same in check mode.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Show what was found
  openedx_operators.block_structure.conclude:
    operation: verify
    report: "{{ block_structure_result }}"
  run_once: true
  register: concluded

- name: Fail on what needs attention
  ansible.builtin.fail:
    msg: "{{ concluded.msg }}"
  when: concluded.outcome.exit_code != 0
"""

RETURN = r"""
outcome:
  description:
    - C(operation), C(verdict), C(exit_code) of the command for the same, C(run) and C(report_path).
    - Of a site also C(site), C(release), C(platform), C(findings) by severity, C(needs) with the ids of errors and warnings,
      C(courses) by tier and C(worst_course). Of a run also C(failed).
  type: dict
  returned: success
msg:
  description: Why the play must fail, empty if it need not.
  type: str
  returned: success
"""
