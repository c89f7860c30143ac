"""Block public access to a bucket, and take the block back where the store then refuses every write."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bucket_access_block
short_description: Block public access to one S3 bucket, proven by an object
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Sets all four parts of the public access block. Writes an object before and after, and deletes it again. Some stores
    (Ceph RGW) refuse every write under the block, the owner's too. Then the block is put back as it was, and the module fails.
  - Credentials that may not write an object prove nothing; then the block is set as on AWS.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.s3
options:
  prefix:
    description: Where the object is written, with a trailing slash unless it is empty.
    type: str
    default: ""
  trial:
    description: Put the block back as it was in any case; the module fails as it would without this option.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Block public access
  openedx_operators.block_structure.bucket_access_block:
    name: example-block-structures
    prefix: block_structures/
"""

RETURN = r"""
proven:
  description: Whether an object could be written before and after.
  type: bool
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.host import s3


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **s3.ARGUMENTS,
            "prefix": {"type": "str", "default": ""},
            "trial": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    proven = False
    with as_failures(module):
        client = s3.client(given)
        if not module.check_mode:
            with s3.refusals(given["name"]):
                proven = s3.block_public_access(client, given["name"], given["prefix"], keep=not given["trial"])
    module.exit_json(changed=not given["trial"], proven=proven)


if __name__ == "__main__":
    main()
