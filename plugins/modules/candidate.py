"""Boot the LMS on candidate settings and test its storage with them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: candidate
short_description: Prove candidate settings by booting the LMS on them
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Boots the LMS once on a candidate settings file, writes, reads, lists and deletes one canary object through the storage
    of block structures, and makes a long cache key. Fails with the platform's own message when any of this fails.
  - In check mode nothing is booted, because the candidate file does not exist then.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.release
options:
  package_version:
    description: Version of the role's block_structure_storage; a candidate that uses the package must import this version.
    type: str
  secrets:
    description: Strings that must not appear in a message.
    type: list
    elements: str
    default: []
  settings_file:
    description:
      - File of this host with the settings module to boot on, for a platform whose settings are a module. The LMS reads it from
        standard input.
      - O(manage_argv) then ends with the Python interpreter.
    type: path
  wanted:
    description: BLOCK_STRUCTURES_SETTINGS without secrets, which the LMS must have on the candidate.
    type: dict
    required: true
  tutor:
    description:
      - The candidate's copy of Tutor, to name those plugins that set BLOCK_STRUCTURES_SETTINGS too; asked if one does.
    type: dict
    suboptions:
      argv:
        description: Runs Tutor on the copy.
        type: list
        elements: str
        required: true
      root:
        description: Its root.
        type: path
        required: true
      plugins:
        description: Names of the enabled plugins.
        type: list
        elements: str
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
- name: Boot the LMS on the candidate
  openedx_operators.block_structure.candidate:
    manage_argv: "{{ __block_structure_candidate_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
    wanted: "{{ __block_structure_desired['settings'] }}"
"""

RETURN = r"""
settings:
  description: The settings that the candidate boot resolved, secrets redacted.
  type: dict
  returned: success
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.decisions import candidate
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import lms, probe_client, tutor_patches

KEY = "BLOCK_STRUCTURES_SETTINGS"


def others(tutor: dict[str, Any] | None) -> list[str]:
    """Return the names of the plugins that set BLOCK_STRUCTURES_SETTINGS too."""
    return tutor_patches.setting(tutor["argv"], tutor["root"], tutor["plugins"], KEY) if tutor else []


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.ARGUMENTS,
            "package_version": {"type": "str"},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "settings_file": {"type": "path"},
            "wanted": {"type": "dict", "required": True},
            "tutor": {
                "type": "dict",
                "options": {
                    "argv": {"type": "list", "elements": "str", "required": True},
                    "root": {"type": "path", "required": True},
                    "plugins": {"type": "list", "elements": "str", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, settings={}, boots=0)
    with as_failures(module, boots=1):
        release = from_named_row(module.params["release"])
        operations = [{"op": "candidate", "canary": True}]
        answer = probe_client.run(
            module.params["manage_argv"],
            release,
            operations,
            secrets=module.params["secrets"],
            settings_source=Path(module.params["settings_file"]).read_text("utf-8") if module.params["settings_file"] else None,
        )
        # First: what it would store elsewhere proves nothing.
        live = answer.results[0]["settings"]["block_structures"]
        candidate.judge_effective(live, module.params["wanted"], lambda: others(module.params["tutor"]))
        candidate.judge(answer.results[0], release, module.params["package_version"])
    module.exit_json(changed=False, settings=answer.results[0]["settings"], boots=1)


if __name__ == "__main__":
    main()
