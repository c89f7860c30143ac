"""Documentation of the action `regenerate`; what it does is in plugins/action/regenerate.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: regenerate
short_description: Generate block structures and follow the run
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Starts M(openedx_operators.block_structure.run) in the background of the host, follows its events, and returns a report. A
    lost connection does not end the run.
  - A course that fails does not fail the task; the report has it.
extends_documentation_fragment:
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.identify
  - openedx_operators.block_structure.lms.followed
  - openedx_operators.block_structure.lms.generation
options:
  select:
    description: Which courses are generated.
    type: dict
    required: true
    suboptions:
      courses:
        description: Course keys; all courses when unset.
        type: list
        elements: str
      patterns:
        description: Shell patterns of course keys.
        type: list
        elements: str
      only:
        description: Reasons to generate a course.
        type: list
        elements: str
        choices: [missing, stale, broken]
      force:
        description: Generate courses regardless of their state.
        type: bool
        required: true
      limit:
        description: Maximum number of courses to generate.
        type: int
      order:
        description: Order of the courses.
        type: str
        choices: [key, enrolled, largest]
  read:
    description: Read the object of every course to find the broken ones.
    type: bool
    required: true
  resume:
    description: Name of a run to resume, or V(latest).
    type: str
  dry_run:
    description: Report what would be generated and why.
    type: bool
    default: false
attributes:
  check_mode:
    description: The same as O(dry_run).
    support: full
  diff_mode:
    description: The report has the courses instead.
    support: none
"""

EXAMPLES = r"""
- name: Generate the courses that are missing
  openedx_operators.block_structure.regenerate:
    manage_argv: "{{ __block_structure_manage_argv }}"
    identify: "{{ __block_structure_desired['identify'] }}"
    run_dir: /edx/etc/block_structure/runs
    select: {only: [missing], force: false}
    generation: {engine: local}
    read: false
"""

RETURN = r"""
report:
  description: The run, its courses, and an exit code.
  type: dict
  returned: always
  contains:
    run: {description: Name of the run., type: str, returned: always}
    planned: {description: Number of courses; in a dry run each with the reason., type: raw, returned: always}
    courses: {description: Last report of each course., type: list, elements: dict, returned: always}
    failures: {description: Courses that failed., type: list, elements: dict, returned: always}
    left: {description: Keys of courses that were not reached., type: list, elements: str, returned: always}
    ended: {description: "V(done), V(stopped), V(outage) or V(failed).", type: str, returned: always}
    error: {description: Why the run ended early; null when it did not., type: dict, returned: always}
    exit_code: {description: Exit code of the command line tool., type: int, returned: always}
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""
