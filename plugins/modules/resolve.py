"""Documentation of the action `resolve`; what it does is in plugins/action/resolve.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: resolve
short_description: Resolve the variables of a host into what the role deploys
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Reads every variable of the host that begins with C(block_structure_), checks all of them together, and returns the resolved
    description, without secrets. No host is contacted.
  - Fails with every error at once, two lines each.
options:
  releases:
    description: The release table, C(vars/releases.yml) of the role.
    type: dict
    required: true
  platform:
    description: The platform that was detected; RV(openedx_operators.block_structure.platform_info#module:platform). Left out
      before
      the host was inspected.
    type: str
  identified:
    description: What a boot of the LMS found installed; RV(openedx_operators.block_structure.site_info#module:identified).
      Left out
      before the LMS was started.
    type: dict
  key_hash:
    description: Why the LMS cannot make a long cache key, from the survey, where a deploy follows; it is refused then, in check
      mode too.
    type: dict
  read_only:
    description: Nothing will be changed, so only the release and the platform have to be right. Other errors are returned
      among the
      findings, and C(settings), C(row) and C(switches) are left out then.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Refuse variables that cannot work, before any change
  openedx_operators.block_structure.resolve:
    releases: "{{ __block_structure_releases }}"
  register: __block_structure_resolved
"""

RETURN = r"""
typed:
  description: The public variables with their specified types, without secrets, by name without the prefix.
  type: dict
  returned: success
parts:
  description: What the host runs of C(lms), C(studio) and C(workers), by the groups of the inventory.
  type: list
  elements: str
  returned: always
desired:
  description: The resolved description of what the role deploys.
  type: dict
  returned: success
  contains:
    platform: {description: Name of the platform., type: str, returned: when it is known}
    release: {description: Row of the release table with its name; null while the installed release is not known., type: dict,
      returned: always}
    identify: {description: How the installed release is identified., type: dict, returned: always}
    runtime: {description: What the LMS's workers should run with., type: dict, returned: always}
    settings: {description: BLOCK_STRUCTURES_SETTINGS without secrets., type: dict, returned: when the release is known and
      nothing is refused}
    also: {description: Other settings that go with it., type: dict, returned: when the release is known and nothing is refused}
    row: {description: Row of the configuration model., type: dict, returned: when the release is known and nothing is refused}
    switches: {description: Waffle switches and their values., type: dict, returned: when the release is known and nothing is
      refused}
    switches_if_clean: {description: Switches that are set only when every course was generated., type: dict, returned: when
      the release is known and nothing is refused}
    lms_iam_policy: {description: The policy that the LMS's credentials need., type: dict, returned: when the release is known
      and nothing is refused}
    lms_bucket_policy: {description: The same as a policy of the bucket; null unless C(block_structure_bucket_lms_principal) is
      set., type: dict, returned: when the release is known and nothing is refused}
    signing: {description: The mode of signatures that the settings reach; null for a class that does not sign., type: str,
      returned: when the release is known and nothing is refused}
    findings: {description: Warnings and notes about the variables., type: list, elements: dict, returned: always}
    errors: {description: Empty on success., type: list, elements: dict, returned: always}
errors:
  description: Every error as data, with C(id), C(cause), C(remedy), C(variable) and C(message).
  type: list
  elements: dict
  returned: failure
"""
