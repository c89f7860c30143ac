"""Prove that LMS and Studio share the key by which objects are signed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: signing_keys
short_description: Prove that LMS and Studio share the signing key
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - The resilient storage class signs objects with a key derived from SECRET_KEY. Where the new settings begin to sign, boots
    Studio once and compares the short names of its keys with those of the LMS; fails when one would not read what the other
    signs.
  - Studio is not booted where objects are signed already, or are not to be signed. Only short names of keys leave a process.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.release
options:
  active:
    description: The settings of a survey of this host.
    type: dict
    required: true
  settings:
    description: BLOCK_STRUCTURES_SETTINGS as they will be.
    type: dict
    required: true
  first:
    description: The settings of the survey of the first LMS host, whose keys must be the same.
    type: dict
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
- name: Compare the keys
  openedx_operators.block_structure.signing_keys:
    manage_argv: "{{ __block_structure_studio_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
    active: "{{ __block_structure_survey['settings'] }}"
    settings: "{{ __block_structure_desired['settings'] }}"
    first: "{{ __block_structure_survey['settings'] }}"
"""

RETURN = r"""
names:
  description: Short names of Studio's keys, the one that signs first; empty when Studio was not booted.
  type: list
  elements: str
  returned: success
boots:
  description: How many times Studio was booted.
  type: int
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.decisions import signing
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import lms, probe_client


def studio_keys(module: AnsibleModule) -> list[str]:
    """Boot Studio once and return the short names of its keys."""
    release = from_named_row(module.params["release"])
    try:
        answer = probe_client.run(module.params["manage_argv"], release, [{"op": "signing_keys"}], system="cms")
    except BlockStructureError as error:
        raise BlockStructureError(
            "studio-key-unknown",
            f"Studio did not say which key it would verify objects with: {error.cause}",
            "correct what keeps `manage.py cms shell` from running, or set block_structure_storage_signing to off. Nothing was "
            "changed.",
            signing.VARIABLE,
        ) from error
    return [str(name) for name in answer.results[0]["names"]]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.ARGUMENTS,
            "active": {"type": "dict", "required": True},
            "settings": {"type": "dict", "required": True},
            "first": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    if not signing.begins(given["settings"], given["active"]):
        module.exit_json(changed=False, names=[], boots=0)
    own = given["active"]["signing_keys"]
    with as_failures(module, boots=1):
        signing.check_keys(own, given["first"]["signing_keys"], "that of the first LMS host")
        names = studio_keys(module)
        signing.check_keys(own, names)
    module.exit_json(changed=False, names=names, boots=1)


if __name__ == "__main__":
    main()
