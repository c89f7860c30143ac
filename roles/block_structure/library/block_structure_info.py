"""Look at a site from inside its LMS: one boot, nothing changed."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.block_structure import probe_client
from ansible.module_utils.block_structure.errors import BlockStructureError
from ansible.module_utils.block_structure.releases import from_named_row

DOCUMENTATION = r"""
module: block_structure_info
short_description: Survey the block structures of an Open edX site
description:
  - Boots the LMS once and returns settings in force, switches, configuration row and, per course, the tier that answers.
  - For use by the block_structure role. Secrets are redacted before they leave the LMS.
options:
  manage_argv:
    description: Command that runs the LMS's manage.py, up to and including C(lms) and its options.
    type: list
    elements: str
    required: true
  release:
    description: Row of the release table, with its name.
    type: dict
    required: true
  courses:
    description: Course keys to look at; all when unset.
    type: list
    elements: str
  read:
    description: Read every course's object back and count its blocks; otherwise only ask whether the object exists.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Survey the site
  block_structure_info:
    manage_argv: "{{ __block_structure_manage_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
  register: __block_structure_survey
"""

RETURN = r"""
survey:
  description: Platform, settings, switches, row and courses as the probe's survey returns them.
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
            "manage_argv": {"type": "list", "elements": "str", "required": True},
            "release": {"type": "dict", "required": True},
            "courses": {"type": "list", "elements": "str"},
            "read": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    operation = {"op": "survey", "courses": module.params["courses"], "read": module.params["read"]}
    try:
        release = from_named_row(module.params["release"])
        answer = probe_client.run(module.params["manage_argv"], release, [operation])
        probe_client.check_release(answer.results[0], release)
    except BlockStructureError as error:
        module.fail_json(msg=str(error), error=error.as_dict(), boots=1)
    module.exit_json(changed=False, survey=answer.results[0], boots=1)


if __name__ == "__main__":
    main()
