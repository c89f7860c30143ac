"""Documentation of the action `signing`; what it does is in plugins/action/signing.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: signing
short_description: Decide whether a site may refuse unsigned objects
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - A site that has unsigned objects would lose them if it refused them at once. Returns the resolved description with the
    settings that the site can bear now; unsigned objects are accepted until a survey shows that all objects are signed.
  - A site that refuses unsigned objects already goes on to do so. No host is contacted.
options:
  desired:
    description: The resolved description; RV(openedx_operators.block_structure.resolve#module:desired).
    type: dict
    required: true
  survey:
    description: The newest survey of the site; RV(openedx_operators.block_structure.site_info#module:survey).
    type: dict
    required: true
  finish:
    description: The generation has run, so other settings than before are a change. Check mode assumes that every course was
      generated.
    type: bool
    default: false
attributes:
  check_mode:
    description: Predicts the settings after a generation without failures.
    support: full
  diff_mode:
    description: Shows the mode of signatures before and after.
    support: full
"""

EXAMPLES = r"""
- name: Refuse unsigned objects once all are signed
  openedx_operators.block_structure.signing:
    desired: "{{ __block_structure_desired }}"
    survey: "{{ __block_structure_survey }}"
    finish: true
  register: __block_structure_settled
"""

RETURN = r"""
desired:
  description: The resolved description with the settings for now.
  type: dict
  returned: success
changes:
  description: The mode of signatures before and after, with O(finish) and where it differs.
  type: list
  elements: dict
  returned: success
"""
