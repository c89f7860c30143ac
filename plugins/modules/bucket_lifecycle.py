"""Set lifecycle rules of a bucket by their ID; all others stay."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bucket_lifecycle
short_description: Set lifecycle rules of one S3 bucket by their ID
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Replaces or adds the given rules and writes the other rules back as the store returned them. Some stores return a rule in
    another form than it was written, so only the ID says which rule is meant.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.s3
options:
  rules:
    description: The rules in the terms of the S3 API, each with its C(ID).
    type: list
    elements: dict
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Expire noncurrent versions after a month
  openedx_operators.block_structure.bucket_lifecycle:
    name: example-block-structures
    rules:
      - ID: noncurrent
        Status: Enabled
        Filter: {Prefix: ""}
        NoncurrentVersionExpiration: {NoncurrentDays: 30}
"""

RETURN = r"""
rules:
  description: IDs of the rules that were set.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.host import s3


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={**s3.ARGUMENTS, "rules": {"type": "list", "elements": "dict", "required": True}},
        supports_check_mode=True,
    )
    given = module.params
    with as_failures(module):
        client = s3.client(given)
        if not module.check_mode:
            with s3.refusals(given["name"]):
                s3.lifecycle(client, given["name"], given["rules"])
    module.exit_json(changed=True, rules=[rule["ID"] for rule in given["rules"]])


if __name__ == "__main__":
    main()
