"""Common arguments of the modules that boot the LMS."""

from __future__ import annotations

from typing import Any

# manage_argv: the command that runs the LMS's manage.py. release: row of the release table with its name. identify: input of
# probe/operations/identify.py, which identifies the release in the same boot. EITHER goes with the constraint ONE_OF.
ARGV: dict[str, dict[str, Any]] = {"manage_argv": {"type": "list", "elements": "str", "required": True}}
ARGUMENTS: dict[str, dict[str, Any]] = {**ARGV, "release": {"type": "dict", "required": True}}
IDENTIFYING: dict[str, dict[str, Any]] = {**ARGV, "identify": {"type": "dict", "required": True}}
EITHER: dict[str, dict[str, Any]] = {**ARGV, "release": {"type": "dict"}, "identify": {"type": "dict"}}
ONE_OF = {name: [("release", "identify")] for name in ("required_one_of", "mutually_exclusive")}
