"""What every module that boots the LMS shares: its first arguments, and how a refusal becomes a failure of the module."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator

from .errors import BlockStructureError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# How the LMS's manage.py is run, and the row of the release table with its name.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "manage_argv": {"type": "list", "elements": "str", "required": True},
    "release": {"type": "dict", "required": True},
}


@contextmanager
def refusals(module: AnsibleModule, boots: int = 1) -> Iterator[None]:
    """Turn a BlockStructureError of the body into a failure with its two lines; `boots` is what was spent by then."""
    try:
        yield
    except BlockStructureError as error:
        module.fail_json(msg=str(error), error=error.as_dict(), boots=boots)
