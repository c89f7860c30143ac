"""A block of lines between markers in a file that we do not own; every other byte stays."""

from __future__ import annotations

BEGIN = "# BEGIN block_structure: managed by the role block_structure; edits here are overwritten"
END = "# END block_structure"
# The line before ours had no line break: we added one, and remove it with the block.
BROKEN = " (after an unended line)"


def _span(text: str) -> tuple[int, int] | None:
    """Return start and end of the block, including its line breaks; None when there is none."""
    lines = text.splitlines(keepends=True)
    marked = [number for number, line in enumerate(lines) if line.rstrip("\r\n") in (BEGIN, BEGIN + BROKEN)]
    if not marked:
        return None
    first = marked[0]
    last = next((number for number in range(first, len(lines)) if lines[number].rstrip("\r\n") == END), None)
    if last is None:
        raise ValueError(f"line {first + 1} begins a block without the end marker '{END}'")
    start, stop = (sum(len(line) for line in lines[:number]) for number in (first, last + 1))
    if lines[first].rstrip("\r\n").endswith(BROKEN):
        start -= len(lines[first]) - len(lines[first].rstrip("\r\n"))
    return start, stop


def get(text: str) -> str | None:
    """Return the lines of the block without its markers, each with a line break; None when there is none.

    Raises ValueError for a block without end marker.
    """
    span = _span(text)
    if span is None:
        return None
    lines = text[slice(*span)].strip("\r\n").splitlines()
    return "".join(f"{line}\n" for line in lines[1:-1])


def put(text: str, block: str | None) -> str:
    """Return the text with the block set to these lines, in its place or at the end; None removes it.

    put(put(text, block), None) == text for every text without a block. Raises ValueError for a block without end marker.
    """
    span = _span(text)
    if block is None:
        return text if span is None else text[: span[0]] + text[span[1] :]
    if span is not None:
        previous = text[slice(*span)]
        unended = previous.lstrip("\r\n").startswith(BEGIN + BROKEN)
        newline = "\r\n" if previous.endswith("\r\n") else "\n"
        before, after = text[: span[0]], text[span[1] :]
    else:
        unended = text != "" and not text.endswith("\n")
        newline = "\r\n" if "\r\n" in text else "\n"
        before, after = text, ""
    lines = [BEGIN + (BROKEN if unended else ""), *block.splitlines(), END]
    return before + (newline if unended else "") + "".join(line + newline for line in lines) + after
