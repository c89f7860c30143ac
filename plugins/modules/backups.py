"""Remove the copies of settings files that may hold secrets of the role, and list what stays."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backups
short_description: Remove copies of settings files after a rollback
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Before it writes a file, the role keeps a copy beside it, at most five of each file. After a rollback only the oldest copy
    is of use, as the first deploy found the file; the others hold what the rollback took back, secrets of S3 among it.
  - Only copies that the role itself has made are ever removed.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  paths:
    description: The files whose copies are meant.
    type: list
    elements: path
    required: true
  secrets:
    description: A copy with one of these in it is removed, even the oldest.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Remove copies with secrets
  openedx_operators.block_structure.backups:
    paths: [/edx/etc/lms.yml, /edx/etc/studio.yml]
    secrets: ["{{ block_structure_storage_secret_key }}"]
"""

RETURN = r"""
removed:
  description: The copies that are removed.
  type: list
  elements: str
  returned: success
kept:
  description: The copies that stay.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.host import files


def to_remove(path: Path, secrets: list[bytes]) -> list[Path]:
    """Return the copies of a file that are of no use after a rollback, or hold one of the secrets."""
    copies = files.backups(path)
    return [copy for copy in copies if copy != copies[0] or any(secret in copy.read_bytes() for secret in secrets)]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "required": True},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    secrets = [secret.encode() for secret in module.params["secrets"] if secret]
    removed: list[str] = []
    kept: list[str] = []
    with as_failures(module):
        try:
            for name in module.params["paths"]:
                path = files.real_file(Path(name), "block_structure_native_lms_config")
                gone = to_remove(path, secrets)
                kept += [str(copy) for copy in files.backups(path) if copy not in gone]
                removed += [str(copy) for copy in gone]
                for copy in gone:
                    if not module.check_mode:
                        copy.unlink()
        except OSError as error:
            raise BlockStructureError(
                "backup-stays",
                f"A copy of a settings file, which may hold a secret, cannot be removed: {error.filename}: {error.strerror}.",
                "remove it yourself; everything else is rolled back.",
            ) from error
    module.exit_json(changed=bool(removed), removed=removed, kept=kept)


if __name__ == "__main__":
    main()
