"""Keep a block of lines between markers in a file of the platform, validated before it is written."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_block
short_description: Keep a block of lines in a file of the platform
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Sets, replaces or removes a block that the role keeps in a file. Every other byte, owner, group and mode stay.
  - The new text is first given to a command that validates it, in check mode too, and then written atomically. The diff shows
    the block alone, because the rest of the file may hold secrets.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  path:
    description: The file.
    type: path
    required: true
  variable:
    description: Public variable with the path of the file, for error messages.
    type: str
    required: true
  block:
    description: Lines of the block; null removes it. Removing it from a file that does not exist is no change.
    type: str
  name:
    description: Name of the block, where the role keeps several in one file.
    type: str
    default: ''
  validate:
    description: Command that reads the whole new text on standard input and fails when the platform could not use it.
    type: list
    elements: str
    default: []
  backup:
    description: Keep a copy of the previous file next to it.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Hook into gunicorn
  openedx_operators.block_structure.managed_block:
    path: /edx/app/edxapp/lms_gunicorn.py
    variable: block_structure_native_lms_gunicorn_config
    block: |
      max_requests = 1000
"""

RETURN = r"""
previous:
  description: Lines of the block before, to restore them; null when there was none.
  type: str
  returned: success
differs:
  description: The same as changed, for tasks that count as no change.
  type: bool
  returned: success
changes:
  description: What differs, as field, before and after.
  type: list
  elements: dict
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.edit import managed_block
from ..module_utils.host import files


def prove(module: AnsibleModule, text: str) -> None:
    """Run the validation command on the text. Raises BlockStructureError `block-refused` with its last error line."""
    argv = module.params["validate"]
    if not argv:
        return
    status, out, err = module.run_command(argv, data=text, binary_data=True)
    if status:
        message = [line.strip() for line in (err.strip() or out.strip()).splitlines() if line.strip()]
        reason = message[-1] if message else f"exit {status}"
        raise BlockStructureError(
            "block-refused",
            f"{module.params['path']} with the role's block in it would not work: {reason}",
            "fix the cause in the message; the active file was not changed.",
            module.params["variable"],
        )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "variable": {"type": "str", "required": True},
            "block": {"type": "str"},
            "name": {"type": "str", "default": ""},
            "validate": {"type": "list", "elements": "str", "default": []},
            "backup": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    block = module.params["block"]
    with as_failures(module):
        path = files.real_file(Path(module.params["path"]), module.params["variable"])
    if block is None and not path.exists():
        module.exit_json(changed=False, differs=False, previous=None, changes=[])
    with as_failures(module):
        try:
            # Not read_text, which would change line endings.
            before = path.read_bytes().decode("utf-8")
            name = module.params["name"]
            previous, after = managed_block.get(before, name), managed_block.put(before, block, name)
        except (OSError, ValueError) as error:
            raise BlockStructureError(
                "block-file-unusable",
                f"{path} cannot be edited: {error.strerror if isinstance(error, OSError) else error}.",
                f"correct {module.params['variable']}, or the file; nothing was changed.",
                module.params["variable"],
            ) from error
        if after != before:
            prove(module, after)
    changed = after != before
    if changed and not module.check_mode:
        with as_failures(module), files.writing(path, module.params["variable"]):
            files.replace(path, after.encode("utf-8"), module.params["backup"])
    shown = {"before": previous or "", "after": block or ""}
    module.exit_json(
        changed=changed,
        differs=changed,
        previous=previous,
        changes=[{"field": str(path), **shown}] if changed else [],
        diff={**shown, "before_header": f"{path}: block", "after_header": f"{path}: block"},
    )


if __name__ == "__main__":
    main()
