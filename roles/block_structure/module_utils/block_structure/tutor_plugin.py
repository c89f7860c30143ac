"""The role's plugin for Tutor, as text: one YAML file that patches the settings of LMS and Studio.

A plugin in YAML (name, version, patches) is read by every Tutor from 3 to 22, and the patch `openedx-common-settings` is part
of both systems' settings in each of them (Tutor's tutor/plugins and templates/apps/openedx/settings/partials/common_all.py,
read and run in each series). Tutor passes patches through Jinja, so no string of ours may contain a brace.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

NAME = "block_structure"
PATCH = "openedx-common-settings"
_HEAD = f"""\
# Written by the Ansible role block_structure, which replaces it as a whole; playbooks/rollback.yml takes it away.
# It may hold secrets: keep its mode 0600.
name: {NAME}
version: 1.0.0
patches:
  {PATCH}: |
"""
_INDENT = "    "


def _string(text: str) -> str:
    """Return a Python literal in ASCII and without braces; `u` for what Python 2.7 would take for bytes."""

    def escaped(character: str) -> str:
        if character in "{}\x7f" or not character.isascii():  # YAML refuses the last of ASCII as it is
            return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
        return character

    quoted = "".join(escaped(character) for character in json.dumps(text, ensure_ascii=False))
    # Python 2.7 knows \u only in unicode literals; Python 3 takes the prefix too.
    return f"u{quoted}" if "\\" in quoted else quoted


def literal(value: Any, indent: str = "") -> str:
    """Return a value of JSON's types as a Python literal, dictionaries one key a line and sorted."""
    if isinstance(value, dict):
        inner = indent + _INDENT
        lines = [f"{inner}{_string(str(name))}: {literal(item, inner)},\n" for name, item in sorted(value.items())]
        return "{\n" + "".join(lines) + indent + "}" if lines else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(item, indent) for item in value) + "]"
    if isinstance(value, str):
        return _string(str(value))
    # By way of int and float: Ansible's values carry tags.
    return repr(value if value is None or isinstance(value, bool) else float(value) if isinstance(value, float) else int(value))


def render(settings: dict[str, dict[str, Any]]) -> str:
    """Return the plugin that updates each dictionary of the platform's settings that is named, such as FEATURES.

    settings: {name of a dictionary in the settings: {key: value}}.
    """
    statements = [f"{name}.update({literal(value)})" for name, value in sorted(settings.items())]
    lines = "\n".join(statements).splitlines()
    return _HEAD + "".join(f"{_INDENT}{line}\n" for line in lines)


def parse(text: str) -> dict[str, dict[str, Any]]:
    """Return the settings of a plugin that `render` made; what it does not recognise is left out."""
    body = re.sub(rf"^{_INDENT}", "", text.partition(f"  {PATCH}: |\n")[2], flags=re.MULTILINE)
    try:
        tree = ast.parse(body)
    except SyntaxError:
        return {}
    found = {}
    for node in tree.body:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            try:
                found[call.func.value.id] = ast.literal_eval(call.args[0])
            except (ValueError, IndexError):
                continue
    return found
