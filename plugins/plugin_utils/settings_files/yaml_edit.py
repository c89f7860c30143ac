"""Edit one top-level key of a YAML file and leave every other byte unchanged. Controller only: it needs PyYAML.

The parser's events give the position of each entry, so comments, quoting, anchors, block scalars and line endings
of the rest are never rewritten. Line endings are preserved (open files with newline="").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from .settings_text import only, unusable

# What a parser quotes of the text; kinds of tokens, such as <stream end>, stay.
_QUOTED = re.compile(r"'(?!<)[^']*'")
_COLLECTION_STARTS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_COLLECTION_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass
class _Entry:
    """Position of one top-level key: [start, end) in characters, whole lines; `anchors` are defined inside it."""

    key: str
    start: int
    end: int
    anchors: set[str] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)


@dataclass
class _Document:
    """The entries of the only document, and the position for a new one."""

    entries: list[_Entry]
    append_at: int
    indent: str


def _at(mark: Any) -> int:
    return int(mark.index)


def _line(mark: Any) -> int:
    return int(mark.line) + 1


def _events(text: str) -> list[yaml.Event]:
    try:
        return list(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise unusable(f"The settings file is not YAML: {_problem(error)}.") from None
    except yaml.YAMLError:
        raise unusable("The settings file is not YAML: it has a character that YAML does not allow.") from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return the problem and its place, without what the parser quotes of the text."""
    words = _QUOTED.sub("...", error.problem or "syntax error")
    mark = error.problem_mark
    return f"{words} at line {mark.line + 1}, column {mark.column + 1}" if mark else words


def _line_start(text: str, index: int) -> int:
    return max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1


def _line_end(text: str, index: int) -> int:
    """Return the index after the line break that ends the line of `index`, or the end of the text."""
    if index > 0 and text[index - 1] in "\r\n" and (index == len(text) or _line_start(text, index) == index):
        return index  # a block scalar ends after its own line break
    while index < len(text) and text[index] not in "\r\n":
        index += 1
    if text[index : index + 2] == "\r\n":
        return index + 2
    return min(index + 1, len(text))


def _read_value(events: Iterator[yaml.Event], entry: _Entry) -> int:
    """Consume the events of one value and return the index after its last character."""
    depth, end = 0, 0
    flow: list[bool] = []
    for event in events:
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            entry.aliases.add(str(anchor))
        elif anchor:
            entry.anchors.add(str(anchor))
        if isinstance(event, _COLLECTION_STARTS):
            depth += 1
            flow.append(bool(event.flow_style))
            end = max(end, _at(event.end_mark))
        elif isinstance(event, _COLLECTION_ENDS):
            depth -= 1
            # The parser ends a block collection at the next token, after comments that do not belong to it.
            if flow.pop():
                end = max(end, _at(event.end_mark))
        else:
            end = max(end, _at(event.end_mark))
        if depth == 0:
            return end
    raise unusable("The settings file ends in the middle of a value.")


def _read_entries(text: str, events: Iterator[yaml.Event]) -> list[_Entry]:
    entries = []
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        if not isinstance(event, yaml.ScalarEvent):
            raise unusable(f"The settings file has a key that is not plain text at line {_line(event.start_mark)}.")
        start = _line_start(text, _at(event.start_mark))
        if text[start : _at(event.start_mark)].lstrip("\ufeff").strip(" "):
            raise unusable(f"The settings file has a key in an unusual form at line {_line(event.start_mark)}.")
        if text.startswith("\ufeff") and start == 0:
            start = 1
        entry = _Entry(event.value, start, 0)
        entry.end = _line_end(text, _read_value(events, entry))
        entries.append(entry)
    return entries


def _parse(text: str) -> _Document:
    all_events = _events(text)
    documents = [event for event in all_events if isinstance(event, yaml.DocumentStartEvent)]
    if len(documents) > 1:
        raise unusable("The settings file holds more than one YAML document.")
    if not documents:
        return _Document([], len(text), "")
    events = iter(all_events)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            break
    top = next(events)
    ending = next(event for event in all_events if isinstance(event, yaml.DocumentEndEvent))
    append_at = _at(ending.start_mark) if ending.explicit else len(text)
    if isinstance(top, yaml.ScalarEvent) and top.value == "" and top.implicit[0]:
        return _Document([], append_at, "")
    if not isinstance(top, yaml.MappingStartEvent) or top.flow_style:
        raise unusable("The settings file is not a block of `KEY: value` lines at its top level.")
    entries = _read_entries(text, events)
    first = entries[0].start if entries else 0
    indent = text[first : len(text)][: len(text[first:]) - len(text[first:].lstrip(" "))]
    return _Document(entries, append_at, indent)


def _check_anchors(document: _Document, entry: _Entry) -> None:
    """Refuse to take away an anchor that another entry uses."""
    used = set().union(*(other.aliases for other in document.entries if other is not entry))
    lost = sorted(entry.anchors & used)
    if lost:
        raise unusable(
            f"{entry.key} in the settings file defines the anchor &{lost[0]}, which another key uses.",
            f"write the value of *{lost[0]} out where it is used.",
        )


def newline_of(text: str) -> str:
    """Return the line ending of a text: that of its first line."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def render(key: str, value: Any, newline: str = "\n", indent: str = "") -> str:
    """Return an entry in block style, its lines ended with the file's own line ending."""
    dumped = yaml.safe_dump({key: value}, sort_keys=False, default_flow_style=False, width=10**6, allow_unicode=True)
    return "".join(indent + line + newline for line in dumped.splitlines())


def get_raw(text: str, key: str) -> str | None:
    """Return the exact characters of a top-level entry, whole lines, or None when the key is not there."""
    entry = only(_parse(text).entries, key)
    return text[entry.start : entry.end] if entry else None


def set_raw(text: str, key: str, raw: str | None) -> str:
    """Return the text with a top-level entry replaced by exact characters, added at the end, or (None) removed."""
    document = _parse(text)
    entry = only(document.entries, key)
    if entry:
        _check_anchors(document, entry)
        before, after = text[: entry.start], text[entry.end :]
        if raw is None:
            if not after and not text.endswith(("\n", "\r")) and len(document.entries) == 1:
                before = _without_last_break(before)
            return before + after
        return before + _like_end(raw, text[entry.start : entry.end], text) + after
    if raw is None:
        return text
    before, after = text[: document.append_at], text[document.append_at :]
    body = before.lstrip("\ufeff")
    if body and not body.endswith(("\n", "\r")):
        # The last line is not ended, and ending it could change the value that is there (a block scalar).
        if document.entries:
            first = document.entries[0].start
            return text[:first] + _like_end(raw, "\n", text) + text[first:]
        # Comments alone: ours will not be ended either, so that taking it away restores every byte.
        return before + newline_of(text) + raw.rstrip("\r\n") + after
    return before + raw + after


def _without_last_break(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith(("\n", "\r")) else text


def _like_end(raw: str, previous: str, text: str) -> str:
    """Return the entry ended as the previous one was: with a line break unless it was the unended last line."""
    if previous.endswith(("\n", "\r")):
        return raw if raw.endswith(("\n", "\r")) else raw + newline_of(text)
    return _without_last_break(raw) if raw.endswith(("\n", "\r")) else raw


def set_key(text: str, key: str, value: Any) -> str:
    """Return the text with a top-level key set to a value, every other byte as it was.

    An entry that already has this value is left alone, in whatever style it is written.
    Raises BlockStructureError `settings-file-unusable` with the line, never with content.
    """
    document = _parse(text)
    entry = only(document.entries, key)
    if entry and _value_of(text, entry) == (True, value):
        return text
    return set_raw(text, key, render(key, value, newline_of(text), document.indent))


def _inner(text: str, parent: str) -> tuple[int, int] | None:
    """Return the extent of the lines inside a top-level mapping, None when there is no such key.

    Raises BlockStructureError for one that is not written as a block of lines.
    """
    entry = only(_parse(text).entries, parent)
    if entry is None:
        return None
    raw = text[entry.start : entry.end]
    outer, _key, value, first = [
        event for event in _events(raw) if not isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent))
    ][:4]
    if not isinstance(outer, yaml.MappingStartEvent) or not isinstance(value, yaml.MappingStartEvent) or value.flow_style:
        raise unusable(
            f"{parent} in the settings file is not a block of `KEY: value` lines.",
            f"write {parent} as such a block; nothing was changed.",
        )
    return entry.start + _line_start(raw, _at(first.start_mark)), entry.end


def get_inner_raw(text: str, parent: str, key: str) -> str | None:
    """Return the exact characters of an entry one level down, whole lines, or None when it or its parent is not there."""
    extent = _inner(text, parent)
    return get_raw(text[extent[0] : extent[1]], key) if extent else None


def set_inner_raw(text: str, parent: str, key: str, raw: str | None) -> str:
    """Return the text with an entry one level down restored; a parent that becomes empty is removed."""
    extent = _inner(text, parent)
    if extent is None:
        return text if raw is None else set_raw(text, parent, f"{parent}:{newline_of(text)}{raw}")
    start, end = extent
    inner = set_raw(text[start:end], key, raw)
    return text[:start] + inner + text[end:] if _parse(inner).entries else set_raw(text, parent, None)


def set_inner_key(text: str, parent: str, key: str, value: Any) -> str:
    """Return the text with an entry one level down set to a value, every other byte unchanged."""
    extent = _inner(text, parent)
    if extent is None:
        return set_key(text, parent, {key: value})
    start, end = extent
    return text[:start] + set_key(text[start:end], key, value) + text[end:]


def value_of(text: str, key: str) -> Any:
    """Return the value of a top-level key, None when it is absent or uses an anchor from elsewhere in the file."""
    entry = only(_parse(text).entries, key)
    return _value_of(text, entry)[1] if entry else None


def _value_of(text: str, entry: _Entry) -> tuple[bool, Any]:
    if entry.aliases:
        return False, None
    try:
        return True, next(iter(yaml.safe_load(text[entry.start : entry.end]).values()))
    except yaml.YAMLError:
        return False, None
