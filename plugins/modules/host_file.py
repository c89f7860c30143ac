"""Read or replace a file of the host for the role's actions."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_file
short_description: Read or replace a file without showing it
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - For the collection's own actions, which edit a file on the controller.
  - A symbolic link is followed and stays. A file is replaced atomically, with the owner, group and mode of what it replaces.
  - What it returns cannot be read without O(key), so that no verbosity shows the file.
options:
  path:
    description: The file.
    type: path
    required: true
  key:
    description: Key for the returned content, made for this call.
    type: str
    required: true
  variable:
    description: Public variable to name in a refusal.
    type: str
    required: true
  src:
    description: File on the host with the new content. Without it the file is only read.
    type: path
  like:
    description: Give the file the owner, group and mode of this one instead of its own.
    type: path
  mode:
    description: Mode of the file, in octal, whatever it was.
    type: str
  owner_of:
    description: Give the file the owner and group of this file or directory.
    type: path
  backup:
    description: Keep a copy of the previous file beside it.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing in check mode.
    support: full
  diff_mode:
    description: Shows nothing of the file.
    support: none
"""

EXAMPLES = r"""
- name: Ask whether the settings file is there
  openedx_operators.block_structure.host_file:
    path: /edx/etc/lms.yml
    key: "{{ lookup('ansible.builtin.password', '/dev/null', length=64) }}"
    variable: block_structure_native_lms_config
  register: settings_file
"""

RETURN = r"""
exists:
  description: Whether the file was there.
  type: bool
  returned: success
sealed:
  description: Its content, readable with O(key) alone; empty for a file that is not there.
  type: str
  returned: when the file is read
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.common.seal import seal
from ..module_utils.host import files


def write(module: AnsibleModule, path: Path) -> None:
    """Replace the file. Raises BlockStructureError of files.writing; the file is then untouched."""
    given = module.params
    source = Path(given["src"])
    with files.writing(path, given["variable"]):
        like = Path(given["like"]) if given["like"] else None
        files.replace(path, source.read_bytes(), given["backup"], like)
        if given["owner_of"]:
            known = Path(given["owner_of"]).stat()
            os.chown(path, known.st_uid, known.st_gid)
        if given["mode"]:
            path.chmod(int(given["mode"], 8))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "key": {"type": "str", "required": True, "no_log": True},
            "variable": {"type": "str", "required": True},
            "src": {"type": "path"},
            "like": {"type": "path"},
            "mode": {"type": "str"},
            "owner_of": {"type": "path"},
            "backup": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    with as_failures(module):
        path = files.real_file(Path(given["path"]), given["variable"])
        there = path.exists()
        if given["src"]:
            if not module.check_mode:
                write(module, path)
            module.exit_json(changed=True, exists=there)
        try:
            data = path.read_bytes() if there else b""
        except OSError as error:
            raise BlockStructureError(
                "host-file-unreadable",
                f"{path} cannot be read: {error.strerror}.",
                f"correct {given['variable']}, or the rights of the file; nothing was changed.",
                given["variable"],
            ) from error
    module.exit_json(changed=False, exists=there, sealed=seal(data, given["key"]))


if __name__ == "__main__":
    main()
