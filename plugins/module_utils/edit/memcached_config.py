"""The file of flags that memcached is started with. Only the wanted flags change, every other byte stays.

Two forms, each read as whoever starts memcached reads it: Debian's list of flags (scripts/systemd-memcached-wrapper of its
package) and the environment file of Red Hat's unit, `-m $CACHESIZE ... $OPTIONS` (memcached.sysconfig of its package).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator

from ..common.errors import BlockStructureError

# Those of memcached 1.5 and 1.6 that take a value (memcached.c, getopt_long).
_WITH_VALUE = "aspUmclPuftbnRDLCIBoNYe"
_WITHOUT_VALUE = "AMkhiVrvdFXSZ"
_LONG = {"memory-limit": "-m", "max-item-size": "-I"}
_COMMENT = re.compile(r"(?<!\\)#[^#\n]*")
_LINE = re.compile(r"[^\n]*\n?")
_WORD = re.compile(r"\S+")
_VARIABLE = re.compile(
    r"""^[ \t]*(?P<name>PORT|USER|MAXCONN|CACHESIZE|OPTIONS)=(?P<quote>["']?)(?P<value>.*?)(?P=quote)[ \t]*\r?$""", re.MULTILINE
)
_NUMBER = re.compile(r"[ \t]*([+-]?\d+)")


@dataclass(frozen=True)
class _Value:
    """A flag's value, and where it is in the text: [start, end)."""

    flag: str
    start: int
    end: int


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Return the words that Debian's wrapper hands to memcached: comments cut, some lines skipped, the rest joined."""
    for line in _LINE.finditer(text):
        plain = _COMMENT.sub(lambda match: " " * len(match[0]), line[0])
        stripped = plain.strip()
        # Lines that begin with -d or -h are skipped whole, and so are `logfile ...` and other directives with an argument.
        if not stripped or stripped[:2] in ("-d", "-h") or (stripped[0] != "-" and len(stripped.split()) > 1):
            continue
        for word in _WORD.finditer(plain):
            yield line.start() + word.start(), line.start() + word.end()


def _values(text: str, words: Iterator[tuple[int, int]]) -> Iterator[_Value]:
    """Return the flags with a value among these words, as getopt_long finds them."""
    for start, end in words:
        word = text[start:end]
        if word.startswith("--"):
            name, equals, _ = word[2:].partition("=")
            if name in _LONG and equals:
                yield _Value(_LONG[name], start + 2 + len(name) + 1, end)
            elif name in _LONG:
                yield from (_Value(_LONG[name], *span) for span in [next(words, None)] if span)
            continue
        if not word.startswith("-"):
            continue
        at = start + 1
        while at < end and text[at] in _WITHOUT_VALUE:
            at += 1
        if at >= end or text[at] not in _WITH_VALUE:
            continue
        flag = f"-{text[at]}"
        span = (at + 1, end) if at + 1 < end else next(words, None)
        if span:
            yield _Value(flag, *span)


def _variables(text: str) -> dict[str, re.Match[str]]:
    """Return the variables of an environment file; the last assignment wins, as in systemd. Empty for a list of flags."""
    return {match["name"]: match for match in _VARIABLE.finditer(text)}


def _found(text: str) -> list[_Value]:
    """Return every flag with a value, in the order in which memcached reads them."""
    variables = _variables(text)
    if not variables:
        return list(_values(text, _words(text)))
    found = []
    if "CACHESIZE" in variables:
        found.append(_Value("-m", *variables["CACHESIZE"].span("value")))
    if "OPTIONS" in variables:
        start, end = variables["OPTIONS"].span("value")
        # Not the match's own text: positions are those of the whole file.
        found += _values(text, (word.span() for word in _WORD.finditer(text, start, end)))
    return found


def flags(text: str) -> dict[str, str]:
    """Return the effective flags that have a value; the last one of a kind wins, as in memcached."""
    return {value.flag: text[value.start : value.end] for value in _found(text)}


def number(value: str) -> int:
    """Return a number as C's atoi reads it: digits at the beginning, else 0."""
    match = _NUMBER.match(value)
    return int(match[1]) if match else 0


def item_size_bytes(value: str) -> int:
    """Return the bytes that memcached makes of the value of -I: one suffix, of k or m, and a whole number."""
    unit = {"k": 1024, "m": 1024 * 1024}.get(value[-1:].lower())
    return number(value[:-1]) * unit if unit else number(value)


def set_flags(text: str, wanted: dict[str, str]) -> str:
    """Return the text with each flag set: the value that wins is replaced, or the flag added.

    Raises BlockStructureError `memcached-file-broken` where it would not be read so: behind a flag that lacks its value.
    """
    given = text
    for flag, value in wanted.items():
        matches = [found for found in _found(text) if found.flag == flag]
        if matches:
            last = matches[-1]
            text = text[: last.start] + value + text[last.end :]
        else:
            text = _with_flag(text, flag, value)
    before, after = flags(given), flags(text)
    if any(after.get(flag) != wanted.get(flag, before.get(flag)) for flag in {*before, *after, *wanted}):
        variable = "block_structure_memcached_config_path"
        raise BlockStructureError(
            "memcached-file-broken",
            f"The file of {variable} ends in a flag without its value, and memcached would take ours for it.",
            "correct that flag in the file; nothing was changed.",
            variable,
        )
    return text


def _with_flag(text: str, flag: str, value: str) -> str:
    """Return the text with a flag that it does not have."""
    variables = _variables(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    options = variables.get("OPTIONS")
    if options and options["quote"] and flag != "-m":
        end = options.end("value")
        return f"{text[:end]}{' ' if options['value'] else ''}{flag} {value}{text[end:]}"
    line = f"{flag} {value}"
    if variables:
        line = f'CACHESIZE="{value}"' if flag == "-m" else f'OPTIONS="{options["value"] + " " if options else ""}{line}"'
    return text + ("" if not text or text.endswith("\n") else newline) + line + newline
