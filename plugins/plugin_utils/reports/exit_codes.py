"""The exit code for the outcome of a command: one table for the reports and for the command-line tool."""

from __future__ import annotations

OK, FAILED, USAGE, ENVIRONMENT, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 130

# Identifier of a message -> exit code; all others are ENVIRONMENT.
_CODES = {
    "course-unknown": USAGE,
    "course-unpublished": USAGE,
    "pattern-matches-nothing": USAGE,
    "run-unknown": USAGE,
    "nothing-to-resume": USAGE,
    "no-spool": USAGE,
    "no-courses": USAGE,
    "run-held": REFUSED,
    "lock-unsupported": REFUSED,
    "would-delete-all": REFUSED,
}


def of_message(identifier: str | None) -> int:
    """Return the exit code of a command that a message stopped."""
    return _CODES.get(identifier or "", ENVIRONMENT)
