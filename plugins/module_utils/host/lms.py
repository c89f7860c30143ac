"""The first arguments of every module that boots the LMS."""

from __future__ import annotations

from typing import Any

# How the LMS's manage.py is run; the row of the release table with its name, or how to find the installed one in the same
# boot (probe/identify.py). A module takes the one, the other, or EITHER, of which its caller gives ONE_OF.
ARGV: dict[str, dict[str, Any]] = {"manage_argv": {"type": "list", "elements": "str", "required": True}}
ARGUMENTS: dict[str, dict[str, Any]] = {**ARGV, "release": {"type": "dict", "required": True}}
IDENTIFYING: dict[str, dict[str, Any]] = {**ARGV, "identify": {"type": "dict", "required": True}}
EITHER: dict[str, dict[str, Any]] = {**ARGV, "release": {"type": "dict"}, "identify": {"type": "dict"}}
ONE_OF = {name: [("release", "identify")] for name in ("required_one_of", "mutually_exclusive")}
