"""What every module that boots the LMS shares: its first arguments, and how a refusal becomes a failure of the module."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator

from ..common.errors import BlockStructureError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# How the LMS's manage.py is run; the row of the release table with its name, or how to find the installed one in the same
# boot (probe/identify.py). A module takes the one, the other, or EITHER, of which its caller gives ONE_OF.
ARGV: dict[str, dict[str, Any]] = {"manage_argv": {"type": "list", "elements": "str", "required": True}}
ARGUMENTS: dict[str, dict[str, Any]] = {**ARGV, "release": {"type": "dict", "required": True}}
IDENTIFYING: dict[str, dict[str, Any]] = {**ARGV, "identify": {"type": "dict", "required": True}}
EITHER: dict[str, dict[str, Any]] = {**ARGV, "release": {"type": "dict"}, "identify": {"type": "dict"}}
ONE_OF = {name: [("release", "identify")] for name in ("required_one_of", "mutually_exclusive")}


@contextmanager
def refusals(module: AnsibleModule, boots: int = 1) -> Iterator[None]:
    """Turn a BlockStructureError of the body into a failure with its two lines; `boots` is what was spent by then."""
    try:
        yield
    except BlockStructureError as error:
        module.fail_json(msg=str(error), error=error.as_dict(), boots=boots)
