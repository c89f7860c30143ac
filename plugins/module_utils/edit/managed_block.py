"""A block of lines between markers in somebody else's file; every other byte stays as it is."""

from __future__ import annotations

BEGIN = "# BEGIN block_structure: made by the role of this name; what stands here is replaced"
END = "# END block_structure"
# The line before ours was not ended: its line break is ours as well, and goes with the block.
BROKEN = " (after an unended line)"


def _span(text: str) -> tuple[int, int] | None:
    """Return where the block begins and ends, line breaks of its own included; None when there is none."""
    lines = text.splitlines(keepends=True)
    marked = [number for number, line in enumerate(lines) if line.rstrip("\r\n") in (BEGIN, BEGIN + BROKEN)]
    if not marked:
        return None
    first = marked[0]
    last = next((number for number in range(first, len(lines)) if lines[number].rstrip("\r\n") == END), None)
    if last is None:
        raise ValueError(f"line {first + 1} begins a block that no line '{END}' ends")
    start, stop = (sum(len(line) for line in lines[:number]) for number in (first, last + 1))
    if lines[first].rstrip("\r\n").endswith(BROKEN):
        start -= len(lines[first]) - len(lines[first].rstrip("\r\n"))
    return start, stop


def get(text: str) -> str | None:
    """Return the lines of the block without its markers, each ended; None when there is none.

    Raises ValueError for a block without its end.
    """
    span = _span(text)
    if span is None:
        return None
    lines = text[slice(*span)].strip("\r\n").splitlines()
    return "".join(f"{line}\n" for line in lines[1:-1])


def put(text: str, block: str | None) -> str:
    """Return the text with the block set to these lines, where it stands or at the end; None takes it out again.

    put(put(text, block), None) == text for every text without a block. Raises ValueError for a block without its end.
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
