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
  others:
    description: Folder of plugins, to name those that set BLOCK_STRUCTURES_SETTINGS too.
    type: path
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

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.decisions import candidate
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import lms, probe_client


def mentions(folder: str | None) -> list[str]:
    """Return the names of other files in a folder that set BLOCK_STRUCTURES_SETTINGS."""
    if folder is None:
        return []
    plugins = [path for path in sorted(Path(folder).iterdir()) if path.is_file() and path.stem != "block_structure"]
    return [path.name for path in plugins if b"BLOCK_STRUCTURES_SETTINGS" in path.read_bytes()]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.ARGUMENTS,
            "package_version": {"type": "str"},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "settings_file": {"type": "path"},
            "wanted": {"type": "dict", "required": True},
            "others": {"type": "path"},
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
        candidate.judge_effective(live, module.params["wanted"], mentions(module.params["others"]))
        candidate.judge(answer.results[0], release, module.params["package_version"])
    module.exit_json(changed=False, settings=answer.results[0]["settings"], boots=1)


if __name__ == "__main__":
    main()
