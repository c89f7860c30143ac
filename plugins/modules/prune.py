"""Documentation of the action `prune`; what it does is in plugins/action/prune.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: List or remove objects that no row names
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Lists the objects in the storage of block structures that no row of the database names, and removes them on request.
extends_documentation_fragment:
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.identify
  - openedx_operators.block_structure.lms.followed
options:
  min_age_seconds:
    description: Minimum age in seconds of objects to remove, since the row of a younger one may not be written yet.
    type: int
    required: true
  remove:
    description: Remove the objects instead of only listing them.
    type: bool
    required: true
attributes:
  check_mode:
    description: Only lists, and reports a change if O(remove) would remove something.
    support: full
  diff_mode:
    description: The report has the objects instead.
    support: none
"""

EXAMPLES = r"""
- name: List the objects that no row names
  openedx_operators.block_structure.prune:
    manage_argv: "{{ __block_structure_manage_argv }}"
    identify: "{{ __block_structure_desired['identify'] }}"
    run_dir: /edx/etc/block_structure/runs
    min_age_seconds: 86400
    remove: false
"""

RETURN = r"""
report:
  description: The run, the objects that no row names, how many were removed, and an exit code.
  type: dict
  returned: always
"""
