"""The part of the action `lease` that runs on the host; the action is in plugins/action/lease.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lease
short_description: Hold a site for one run
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Keeps a file on the host that says which run changes the site, since when. A second run is refused while the first one holds
    the site.
  - Each task renews the lease of its own run, and so does a followed run while it works. A lease without renewal ends after its
    O(seconds); one whose host was restarted, or whose run has ended on the machine that asks, ends at once.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  folder:
    description: Directory of the file.
    type: path
    required: true
  state:
    description: V(held) takes or renews the lease, V(released) gives it up.
    type: str
    choices: [held, released]
    default: held
  operation:
    description: What the run does, for messages.
    type: str
    default: run
  seconds:
    description: How long the lease lasts without renewal.
    type: int
    default: 900
  mine:
    description: Set by the action; the run.
    type: dict
  ended:
    description: Set by the action; a run that has ended without giving up its lease.
    type: list
    elements: raw
attributes:
  check_mode:
    description: Does nothing in check mode, which changes nothing and needs no lease.
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Hold the site
  openedx_operators.block_structure.lease:
    folder: /edx/etc/block_structure
    operation: deploy
"""

RETURN = r"""
held:
  description: The lease of another run that holds the site, null without one.
  type: dict
  returned: success
now:
  description: The time of the host.
  type: float
  returned: success
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.decisions.lease import VARIABLE, Lease
from ..module_utils.host import lease


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
            "operation": {"type": "str", "default": "run"},
            "seconds": {"type": "int", "default": 900},
            "mine": {"type": "dict"},
            "ended": {"type": "list", "elements": "raw"},
        },
        supports_check_mode=True,
    )
    given = module.params
    folder = Path(given["folder"])
    mine = Lease(**given["mine"], operation=given["operation"], seconds=given["seconds"])
    held = None
    with as_failures(module):
        try:
            if given["state"] == "released":
                lease.release(folder, mine)
            else:
                held = lease.take(folder, mine, tuple(given["ended"]) if given["ended"] else None)
        except OSError as error:
            raise BlockStructureError(
                "lease-unwritable",
                f"{folder} cannot be written: {error.strerror}.",
                f"correct {VARIABLE}, or the rights of that directory.",
                VARIABLE,
            ) from error
    module.exit_json(changed=False, held=held.as_dict() if held else None, now=time.time())


if __name__ == "__main__":
    main()
