"""Documentation of the action `bucket`; what it does is in plugins/action/bucket.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bucket
short_description: Keep the bucket of block structures private, encrypted and versioned
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Creates the bucket, or changes what differs - versioning, encryption, public access block, object ownership, a policy that
    refuses plain HTTP, tags and two lifecycle rules. Rules and tags of others stay.
  - Reads the C(block_structure_storage_) and C(block_structure_bucket_) variables of the host.
  - Runs M(openedx_operators.block_structure.bucket_info), M(amazon.aws.s3_bucket),
    M(openedx_operators.block_structure.bucket_lifecycle) and M(openedx_operators.block_structure.bucket_access_block) on the
    host, which therefore needs boto3.
  - Fails before any change when the store does not support a feature that is turned on, and names the variable that turns it
    off.
options:
  preview:
    description:
      - Change nothing and report nothing that differs; fail as a run without this option would before its first change.
      - A store that lacks a feature is tried for the public access block too, unless the run is in check mode.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reads the bucket and predicts the changes.
    support: full
  diff_mode:
    description: Shows each feature before and after.
    support: full
"""

EXAMPLES = r"""
- name: Make the bucket private, encrypted, versioned and TLS only
  openedx_operators.block_structure.bucket:
  delegate_to: "{{ block_structure_bucket_delegate_to }}"
"""

RETURN = r"""
changes:
  description: What differs, as C(field), C(before) and C(after).
  type: list
  elements: dict
  returned: success
"""
