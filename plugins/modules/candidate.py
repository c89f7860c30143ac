"""Boot LMS and Studio on candidate settings and test the storage with them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: candidate
short_description: Prove candidate settings by booting LMS and Studio on them
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Boots the LMS once on a candidate settings file, writes, reads, lists and deletes one canary object through the storage
    of block structures, and makes a long cache key. Fails with the platform's own message when any of this fails.
  - Studio is booted at the same time, writes nothing, and must have the same settings. Publishes and drafts go through it.
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
    description: BLOCK_STRUCTURES_SETTINGS without secrets, which LMS and Studio must have on the candidate.
    type: dict
    required: true
  studio:
    description: How Studio is booted on its candidate. Without it, Studio is not booted.
    type: dict
    suboptions:
      manage_argv:
        description: As O(manage_argv), of Studio.
        type: list
        elements: str
        required: true
      settings_file:
        description: As O(settings_file), of Studio.
        type: path
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
    studio:
      manage_argv: "{{ __block_structure_studio_candidate_argv }}"
"""

RETURN = r"""
settings:
  description: The settings that the LMS resolved on the candidate, secrets redacted.
  type: dict
  returned: success
boots:
  description: How many times LMS or Studio was booted.
  type: int
  returned: always
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.decisions import candidate
from ..module_utils.decisions.releases import Release, from_named_row
from ..module_utils.host import lms, probe_client, tutor_patches

KEY = "BLOCK_STRUCTURES_SETTINGS"


def others(tutor: dict[str, Any] | None) -> list[str]:
    """Return the names of the plugins that set BLOCK_STRUCTURES_SETTINGS too."""
    return tutor_patches.setting(tutor["argv"], tutor["root"], tutor["plugins"], KEY) if tutor else []


def boot(
    system: str, manage_argv: list[str], settings_file: str | None, release: Release, secrets: list[str]
) -> dict[str, Any]:
    """Boot LMS or Studio on its candidate and return what the probe found; only the LMS writes a canary."""
    answer = probe_client.run(
        manage_argv,
        release,
        [{"op": "candidate", "canary": system == "lms"}],
        secrets=secrets,
        settings_source=Path(settings_file).read_text("utf-8") if settings_file else None,
        system=system,
    )
    found: dict[str, Any] = answer.results[0]
    return found


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.ARGUMENTS,
            "package_version": {"type": "str"},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "settings_file": {"type": "path"},
            "wanted": {"type": "dict", "required": True},
            "studio": {
                "type": "dict",
                "options": {
                    "manage_argv": {"type": "list", "elements": "str", "required": True},
                    "settings_file": {"type": "path"},
                },
            },
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
    given = module.params
    ways = {"lms": given, **({"cms": given["studio"]} if given["studio"] else {})}
    with as_failures(module, boots=len(ways)):
        release = from_named_row(given["release"])
        with ThreadPoolExecutor(len(ways)) as pool:
            started = {
                system: pool.submit(boot, system, way["manage_argv"], way["settings_file"], release, given["secrets"])
                for system, way in ways.items()
            }
        found = {system: one.result() for system, one in started.items()}
        # First: what it would store elsewhere proves nothing.
        live = {system: one["settings"]["block_structures"] for system, one in found.items()}
        candidate.judge_effective(live, given["wanted"], lambda: others(given["tutor"]))
        for system, one in found.items():
            candidate.judge(one, release, given["package_version"], system)
    module.exit_json(changed=False, settings=found["lms"]["settings"], boots=len(ways))


if __name__ == "__main__":
    main()
