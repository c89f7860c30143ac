"""The configuration file of Debian's memcached: one flag per line. Only the given flags change, every other byte stays."""

from __future__ import annotations

import re

_FLAG = re.compile(r"^(?P<flag>-[A-Za-z])(?P<gap>[ \t]+)(?P<value>\S+)(?P<rest>[ \t]*\r?)$", re.MULTILINE)


def flags(text: str) -> dict[str, str]:
    """Return the effective flags; the last one of a kind wins, as in memcached."""
    return {match["flag"]: match["value"] for match in _FLAG.finditer(text)}


def set_flags(text: str, wanted: dict[str, str]) -> str:
    """Return the text with each flag set: its last line edited, or a line appended."""
    for flag, value in wanted.items():
        matches = [match for match in _FLAG.finditer(text) if match["flag"] == flag]
        if matches:
            last = matches[-1]
            text = text[: last.start("value")] + value + text[last.end("value") :]
        else:
            text += ("" if not text or text.endswith("\n") else "\n") + f"{flag} {value}\n"
    return text
