"""Edit one top-level key of a JSON file and leave every other byte as it was: Ironwood's `lms.env.json`.

The same functions as yaml_edit, for the other format. "Raw" is the exact text of a member: `"KEY": value`. Line endings
of the text are preserved.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .settings_text import only, unusable

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class _Member:
    """Position of one member: [start, end) in characters, from its key's quote to its value's last character."""

    key: str
    start: int
    end: int
    value: Any


@dataclass(frozen=True)
class _Object:
    """The members of the only object, and the positions of its braces."""

    members: list[_Member]
    opened: int
    closed: int


def _skip(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return match.end() if match else index


def _expect(text: str, index: int, characters: str) -> int:
    """Return the index after one of the characters; raises if none of them is there."""
    if text[index : index + 1] not in tuple(characters):
        line = text.count("\n", 0, index) + 1
        raise unusable(f"The settings file is not JSON: expected {' or '.join(characters)} at line {line}.")
    return index + 1


def _parse(text: str) -> _Object:
    """Parse the text as one object; raises BlockStructureError with the line, never with content."""
    try:
        return _parse_object(text)
    except json.JSONDecodeError as error:
        raise unusable(f"The settings file is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None


def _parse_object(text: str) -> _Object:
    index = _skip(text, 1 if text.startswith("\ufeff") else 0)
    opened = index
    index = _skip(text, _expect(text, index, "{"))
    members: list[_Member] = []
    while text[index : index + 1] != "}":
        start = index
        _expect(text, index, '"')
        key, index = _DECODER.raw_decode(text, index)
        index = _skip(text, _expect(text, _skip(text, index), ":"))
        value, index = _DECODER.raw_decode(text, index)
        members.append(_Member(key, start, index, value))
        index = _skip(text, index)
        if text[index : index + 1] == "}":
            break
        index = _skip(text, _expect(text, index, ",}"))
        if text[index : index + 1] == "}":
            _expect(text, index, '"')
    if text[_skip(text, index + 1) :]:
        raise unusable("The settings file holds more than one JSON value.")
    return _Object(members, opened, index)


def _layout(text: str, parsed: _Object) -> tuple[str, str]:
    """Return the whitespace before the first member and before the closing brace."""
    first = parsed.members[0].start if parsed.members else parsed.opened + 1
    last = parsed.members[-1].end if parsed.members else parsed.opened + 1
    return text[parsed.opened + 1 : first], text[last : parsed.closed]


def _step(text: str, parsed: _Object) -> str | None:
    """Return the indentation of one level, None for a file on one line."""
    before, _ = _layout(text, parsed)
    if parsed.members and "\n" not in before:
        return None
    return before.rpartition("\n")[2] or "    "


def render(key: str, value: Any, newline: str = "\n", indent: str | None = "    ") -> str:
    """Return a member as the `configuration` playbooks render it: keys sorted."""
    dumped = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)
    return f"{json.dumps(key)}: {dumped}".replace("\n", newline + (indent or ""))


def get_raw(text: str, key: str) -> str | None:
    """Return the exact characters of a member, or None when the key is not there."""
    member = only(_parse(text).members, key)
    return text[member.start : member.end] if member else None


def set_raw(text: str, key: str, raw: str | None) -> str:
    """Return the text with a member replaced by exact characters, added at the end, or (None) removed."""
    parsed = _parse(text)
    member = only(parsed.members, key)
    if member and raw is not None:
        return text[: member.start] + raw + text[member.end :]
    if member:
        return _without(text, parsed, member)
    if raw is None:
        return text
    before, after = _layout(text, parsed)
    if parsed.members:
        at = parsed.members[-1].end
        return text[:at] + "," + before + raw + text[at:]
    return text[: parsed.opened + 1] + (before or "\n    ") + raw + (after or "\n") + text[parsed.closed :]


def _without(text: str, parsed: _Object, member: _Member) -> str:
    """Return the text without a member and its comma."""
    number = parsed.members.index(member)
    if number:  # with the comma in front of it
        return text[: parsed.members[number - 1].end] + text[member.end :]
    if len(parsed.members) > 1:  # with the comma behind it
        return text[: member.start] + text[parsed.members[1].start :]
    return text[: parsed.opened + 1] + text[parsed.closed :]


def set_key(text: str, key: str, value: Any) -> str:
    """Return the text with a member set to a value, every other byte unchanged; does nothing if it has the value.

    Raises BlockStructureError `settings-file-unusable` with the line, never with content.
    """
    parsed = _parse(text)
    member = only(parsed.members, key)
    if member and member.value == value:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    return set_raw(text, key, render(key, value, newline, _step(text, parsed)))


def value_of(text: str, key: str) -> Any:
    """Return the value of a member, None when it is absent."""
    member = only(_parse(text).members, key)
    return member.value if member else None
