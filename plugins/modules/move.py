"""Documentation of the action `move`; what it does is in plugins/action/move.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: move
short_description: Copy stored block structures to another place
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Copies every object that a row names from the active storage to the one of O(settings), and reads each copy back. Nothing is
    removed, and rows keep naming the active location.
  - Does nothing if both settings name the same location.
extends_documentation_fragment:
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.release
  - openedx_operators.block_structure.lms.followed
options:
  survey:
    description: Survey of the site; RV(openedx_operators.block_structure.site_info#module:survey).
    type: dict
    required: true
  settings:
    description: The BLOCK_STRUCTURES_SETTINGS to move to.
    type: dict
    required: true
  secrets:
    description: Secret parts of O(settings), nested as there.
    type: dict
    required: true
  workers:
    description: Number of objects to copy in parallel.
    type: int
    required: true
  keep_names:
    description: Let the copies have the names that rows have, so that no row changes; for a rollback.
    type: bool
    default: false
  dry_run:
    description: Compare both locations and report what would be copied.
    type: bool
    default: false
attributes:
  check_mode:
    description: The same as O(dry_run).
    support: full
  diff_mode:
    description: The report has the objects instead.
    support: none
"""

EXAMPLES = r"""
- name: Copy the objects to their new location
  openedx_operators.block_structure.move:
    manage_argv: "{{ __block_structure_manage_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
    survey: "{{ __block_structure_survey }}"
    settings: "{{ __block_structure_desired['settings'] }}"
    secrets: "{{ __block_structure_secrets }}"
    workers: 8
    run_dir: /edx/etc/block_structure/runs
"""

RETURN = r"""
moves:
  description: Whether the two locations differ.
  type: bool
  returned: always
report:
  description: The run, its objects, and an exit code.
  type: dict
  returned: always
  contains:
    run: {description: Name of the run., type: str, returned: always}
    objects: {description: "Each object with C(key), C(from), C(name), C(done), C(bytes) and C(problem).", type: list,
      elements: dict, returned: always}
    counts: {description: Number of objects by outcome., type: dict, returned: always}
    bytes: {description: Bytes that were copied or would be., type: int, returned: always}
    ended: {description: "V(done), V(stopped), V(outage) or V(failed).", type: str, returned: always}
    error: {description: Why the move ended early; null when it did not., type: dict, returned: always}
    exit_code: {description: Exit code of the command line tool., type: int, returned: always}
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""
