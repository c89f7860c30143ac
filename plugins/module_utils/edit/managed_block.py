"""A block of lines between markers in a file that we do not own; every other byte stays."""

from __future__ import annotations

# A file may have several blocks; the name of the first one is empty.
BEGIN = "# BEGIN block_structure{}: managed by the role block_structure; edits here are overwritten"
END = "# END block_structure{}"
# The line before ours had no line break: we added one, and remove it with the block.
BROKEN = " (after an unended line)"


def _markers(name: str) -> tuple[str, str]:
    """Return the lines around a block."""
    named = f" {name}" if name else ""
    return BEGIN.format(named), END.format(named)


def _span(text: str, name: str) -> tuple[int, int] | None:
    """Return start and end of the block, including its line breaks; None when there is none."""
    begin, end = _markers(name)
    lines = text.splitlines(keepends=True)
    marked = [number for number, line in enumerate(lines) if line.rstrip("\r\n") in (begin, begin + BROKEN)]
    if not marked:
        return None
    first = marked[0]
    last = next((number for number in range(first, len(lines)) if lines[number].rstrip("\r\n") == end), None)
    if last is None:
        raise ValueError(f"line {first + 1} begins a block without the end marker '{end}'")
    start, stop = (sum(len(line) for line in lines[:number]) for number in (first, last + 1))
    if lines[first].rstrip("\r\n").endswith(BROKEN):
        start -= len(lines[first]) - len(lines[first].rstrip("\r\n"))
    return start, stop


def _without(text: str, span: tuple[int, int]) -> str:
    """Return the text without a block; another one of ours right behind it becomes as if it were the only one."""
    before, after = text[: span[0]], text[span[1] :]
    first, _, _ = after.partition("\n")
    if text[span[0] : span[1]].startswith(("\n", "\r")) and first.startswith(BEGIN.partition("{")[0]):
        line = first.rstrip("\r")
        newline = "\r\n" if first != line else "\n"
        return before + newline + line + BROKEN + after[len(line) :]
    return before + after


def get(text: str, name: str = "") -> str | None:
    """Return the lines of the block of this name without its markers, each with a line break; None when there is none.

    Raises ValueError for a block without end marker.
    """
    span = _span(text, name)
    if span is None:
        return None
    lines = text[slice(*span)].strip("\r\n").splitlines()
    return "".join(f"{line}\n" for line in lines[1:-1])


def put(text: str, block: str | None, name: str = "") -> str:
    """Return the text with the block set to these lines, in its place or at the end; None removes it.

    put(put(text, block), None) == text for every text without a block. Raises ValueError for a block without end marker.
    """
    begin, end = _markers(name)
    span = _span(text, name)
    if block is None:
        return text if span is None else _without(text, span)
    if span is not None:
        previous = text[slice(*span)]
        unended = previous.lstrip("\r\n").startswith(begin + BROKEN)
        newline = "\r\n" if previous.endswith("\r\n") else "\n"
        before, after = text[: span[0]], text[span[1] :]
    else:
        unended = text != "" and not text.endswith("\n")
        newline = "\r\n" if "\r\n" in text else "\n"
        before, after = text, ""
    lines = [begin + (BROKEN if unended else ""), *block.splitlines(), end]
    return before + (newline if unended else "") + "".join(line + newline for line in lines) + after
