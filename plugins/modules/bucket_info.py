"""Read the configuration of a bucket; distinguishes a missing bucket from a forbidden one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bucket_info
short_description: Read the state of one S3 bucket
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Returns versioning, encryption, public access block, ownership, policy, tags and lifecycle of a bucket, or null when there
    is none. Fails when these credentials may not read the bucket (403), so that it never counts as missing.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.s3
options:
  aspects:
    description: What to read. An aspect that is left out is returned as unset.
    type: list
    elements: str
    choices: [versioning, encryption, public_access_block, object_ownership, policy, tags, lifecycle]
    default: [versioning, encryption, public_access_block, object_ownership, policy, tags, lifecycle]
  key:
    description:
      - Return the bucket as V(sealed) under this key instead, made for this call. Ansible replaces the access key in all that a
        module returns, and with it a part of the bucket's name or policy that reads the same.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Read the bucket
  openedx_operators.block_structure.bucket_info:
    name: example-block-structures
    region: eu-central-1
"""

RETURN = r"""
bucket:
  description: The features of the bucket, and in C(lacking) the names of those that the store does not support; null when
    there is no bucket.
  type: dict
  returned: without O(key)
sealed:
  description: The same, readable with O(key) alone.
  type: str
  returned: with O(key)
"""

import json

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.common.seal import seal
from ..module_utils.decisions.bucket import ASPECTS
from ..module_utils.host import bucket, s3


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **s3.ARGUMENTS,
            "aspects": {"type": "list", "elements": "str", "choices": list(ASPECTS), "default": list(ASPECTS)},
            "key": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    with as_failures(module):
        client = s3.client(given)
        with s3.refusals(given["name"]):
            live = bucket.find(client, given["name"], given["aspects"])
    if given["key"]:
        module.exit_json(changed=False, sealed=seal(json.dumps(live, default=str).encode("utf-8"), given["key"]))
    module.exit_json(changed=False, bucket=live)


if __name__ == "__main__":
    main()
