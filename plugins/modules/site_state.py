"""Documentation of the action `site_state`; what it does is in plugins/action/site_state.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_state
short_description: Configure, generate and switch on, in one boot of the LMS
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Compares the configuration row, the structures and the switches of a site with the desired state. When anything differs, one
    run in the LMS changes the row, generates the courses, and sets the switches, in this order.
  - With O(restore) it returns row and switches to what was recorded.
  - A course that fails does not fail the task; the result has it.
extends_documentation_fragment:
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.release
  - openedx_operators.block_structure.lms.followed
  - openedx_operators.block_structure.lms.generation
options:
  survey:
    description: Survey of the site; RV(openedx_operators.block_structure.site_info#module:survey).
    type: dict
    required: true
  settings:
    description: The BLOCK_STRUCTURES_SETTINGS of the site. Required unless O(restore) is given, like O(row) and O(switches).
    type: dict
  row:
    description: Desired row of the configuration model.
    type: dict
  switches:
    description: Desired waffle switches.
    type: dict
  switches_if_clean:
    description: Waffle switches that are set only when every course was generated.
    type: dict
  restore:
    description: A recorded survey with the row and the switches to return to.
    type: dict
  force:
    description: Generate every course.
    type: bool
    default: false
  moved:
    description: The objects were already moved, so a new location is no reason to generate a course.
    type: bool
    default: false
  signing:
    description: The mode of signatures that is wanted; V(require) generates every course whose object is not signed yet.
    type: str
attributes:
  check_mode:
    description: Predicts the changes from the survey.
    support: full
  diff_mode:
    description: Shows row, switches and courses before and after.
    support: full
"""

EXAMPLES = r"""
- name: Configure, generate and switch on
  openedx_operators.block_structure.site_state:
    manage_argv: "{{ __block_structure_manage_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
    survey: "{{ __block_structure_survey }}"
    settings: "{{ __block_structure_desired['settings'] }}"
    row: "{{ __block_structure_desired['row'] }}"
    switches: "{{ __block_structure_desired['switches'] }}"
    generation: {engine: local}
    run_dir: /edx/etc/block_structure/runs
"""

RETURN = r"""
changes:
  description: What differs, as C(field), C(before) and C(after).
  type: list
  elements: dict
  returned: success
survey:
  description: Survey after the changes.
  type: dict
  returned: success
failures:
  description: Courses that failed.
  type: list
  elements: dict
  returned: success
generated:
  description: Last report of each course of the run.
  type: list
  elements: dict
  returned: success
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
run:
  description: Name of the run.
  type: str
  returned: when something was changed
"""
