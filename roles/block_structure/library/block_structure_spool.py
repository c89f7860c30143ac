"""List or upload the objects that wait on a host for S3."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.block_structure import booting, probe_client
from ansible.module_utils.block_structure.errors import BlockStructureError

DOCUMENTATION = r"""
module: block_structure_spool
short_description: Objects that wait for S3
description:
  - Boots the LMS once and lists what the resilient storage class could not write to S3 yet; with drain, uploads it first.
  - Fails where the LMS uses another storage class.
options:
  manage_argv:
    description: Command that runs the LMS's manage.py.
    type: list
    elements: str
    required: true
  identify:
    description: How to find the installed release in the same boot, as probe/identify.py takes it.
    type: dict
    required: true
  drain:
    description: Upload the objects. In check mode they are only listed.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Upload what waits
  block_structure_spool:
    manage_argv: "{{ __block_structure_manage_argv }}"
    identify: "{{ __block_structure_desired['identify'] }}"
    drain: true
"""

RETURN = r"""
state:
  description: Version, local directory, copies, spool, breaker and counters of this host.
  type: dict
  returned: success
objects:
  description: What waits now, as name, bytes and since (seconds since 1970).
  type: list
  returned: success
drained:
  description: How many objects were uploaded and are left, and why; null when nothing was to be uploaded.
  type: dict
  returned: success
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **booting.IDENTIFYING,
            "drain": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    drain = module.params["drain"] and not module.check_mode
    with booting.refusals(module):
        operations = [{"op": "spool", "drain": drain}]
        answer = probe_client.run(module.params["manage_argv"], None, operations, identify=module.params["identify"])
        told = answer.results[0]
        if told is None:
            raise BlockStructureError(
                "no-spool",
                "The storage class of this LMS has no spool.",
                "set block_structure_storage_class to resilient and deploy; with plain, S3 has everything that was written.",
                "block_structure_storage_class",
            )
    uploaded = (told["drained"] or {}).get("uploaded", 0)
    module.exit_json(changed=bool(uploaded), boots=1, **told)


if __name__ == "__main__":
    main()
