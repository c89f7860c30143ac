"""Documentation of the action `record`; what it does is in plugins/action/record.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: record
short_description: Keep what the first deploy found on a host
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Returns the record of a host, for a rollback. A damaged record is refused, without its content.
  - The record holds secrets. Neither it nor the result is shown at any verbosity.
options:
  path:
    description: The file.
    type: str
    required: true
  first:
    description: What to record if there is no record yet. An existing one stays as it is.
    type: dict
  systems:
    description: Names of the systems whose settings the record must have.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Reads the record and writes none.
    support: full
  diff_mode:
    description: Shows nothing of the record.
    support: none
"""

EXAMPLES = r"""
- name: Read what the first deploy found
  openedx_operators.block_structure.record:
    path: /edx/etc/block_structure/before.json
    systems: [lms, cms]
  register: recorded
"""

RETURN = r"""
exists:
  description: Whether there was a record before.
  type: bool
  returned: success
record:
  description: The record, with secrets.
  type: dict
  returned: when there is one
"""
