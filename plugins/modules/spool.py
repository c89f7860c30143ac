"""List or upload the objects that wait on a host for S3."""

from __future__ import annotations

DOCUMENTATION = r"""
module: spool
short_description: List or upload objects that wait for S3
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Boots the LMS once and lists what the resilient storage class could not write to S3 yet; with drain, uploads it first.
  - Fails where the LMS uses another storage class, unless the active settings were given.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.identify
options:
  drain:
    description: Upload the objects. In check mode they are only listed.
    type: bool
    default: false
  active:
    description: The settings of a survey. With them the LMS is booted only if other settings would leave objects behind.
    type: dict
  settings:
    description: With O(active), BLOCK_STRUCTURES_SETTINGS as they will be; left out when they will be none of this role.
    type: dict
  must_be_empty:
    description: Fail while objects are left, those of another bucket included. Check mode assumes that they are uploaded.
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
- name: Upload what waits
  openedx_operators.block_structure.spool:
    manage_argv: "{{ __block_structure_manage_argv }}"
    identify: "{{ __block_structure_desired['identify'] }}"
    drain: true

- name: Leave nothing behind that only the active storage class could upload
  openedx_operators.block_structure.spool:
    manage_argv: "{{ __block_structure_manage_argv }}"
    identify: "{{ __block_structure_desired['identify'] }}"
    active: "{{ __block_structure_survey['settings'] }}"
    settings: "{{ __block_structure_desired['settings'] }}"
    drain: true
    must_be_empty: true
"""

RETURN = r"""
report:
  description: C(state), C(objects) and C(drained) together, as playbooks/spool.yml writes them for each host.
  type: dict
  returned: success
state:
  description: Version, local directory, copies, spool, breaker and counters of this host; null for another storage class.
  type: dict
  returned: success
objects:
  description: What waits now, as name, bytes, since (seconds since 1970), signature, and problem, why S3 did not take it.
  type: list
  elements: dict
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

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.decisions import spool
from ..module_utils.host import lms, probe_client


def finish(module: AnsibleModule, boots: int, changed: bool, report: dict[str, object]) -> None:
    """Exit with what the storage class reported."""
    shown = {name: report[name] for name in ("state", "objects", "drained")}
    module.exit_json(changed=changed, boots=boots, report=shown, **shown)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.IDENTIFYING,
            "drain": {"type": "bool", "default": False},
            "active": {"type": "dict"},
            "settings": {"type": "dict"},
            "must_be_empty": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    active = module.params["active"]
    if active is not None and not spool.leaves_objects(active, module.params["settings"]):
        finish(module, 0, False, {"state": active.get("storage_state"), "objects": [], "drained": None})
    drain = module.params["drain"] and not module.check_mode
    with as_failures(module, boots=1):
        operations = [{"op": "spool", "drain": drain}]
        answer = probe_client.run(module.params["manage_argv"], None, operations, identify=module.params["identify"])
        report = answer.results[0]
        if report is None:
            raise BlockStructureError(
                "no-spool",
                "Nothing waits: the storage class of this LMS has no spool.",
                "none is needed with plain, S3 has what was written; set block_structure_storage_class to resilient for one.",
                "block_structure_storage_class",
            )
        if module.params["must_be_empty"] and not module.check_mode:
            spool.require_empty(report)
    predicted = len(report["objects"]) if module.params["drain"] and module.check_mode else 0
    uploaded = (report["drained"] or {}).get("uploaded", predicted)
    finish(module, 1, bool(uploaded), report)


if __name__ == "__main__":
    main()
