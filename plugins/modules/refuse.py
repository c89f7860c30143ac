"""Documentation of the action `refuse`; what it does is in plugins/action/refuse.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: refuse
short_description: Fail with a cause and a remedy
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Always fails. The message has two lines, the cause and the remedy, and the result has the same as data.
options:
  id:
    description: Stable name of the error, in kebab case, for programs that read the result.
    type: str
    required: true
  cause:
    description: What is wrong; the first line of the message.
    type: str
    required: true
  remedy:
    description: What to do about it; the second line of the message, after C(Remedy:).
    type: str
    required: true
  variable:
    description: The public variable to correct, if there is one.
    type: str
attributes:
  check_mode:
    description: Fails in check mode as well.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Refuse a bucket without a region
  openedx_operators.block_structure.refuse:
    id: region-missing
    cause: The bucket has no region.
    remedy: set block_structure_storage_region.
    variable: block_structure_storage_region
  when: block_structure_storage_region is none
"""

RETURN = r"""
error:
  description: The error as data.
  type: dict
  returned: always
  contains:
    id: {description: O(id)., type: str, returned: always}
    severity: {description: Always V(error)., type: str, returned: always}
    cause: {description: O(cause)., type: str, returned: always}
    remedy: {description: O(remedy)., type: str, returned: always}
    variable: {description: O(variable) or null., type: str, returned: always}
    message: {description: The two lines of the message., type: str, returned: always}
"""
