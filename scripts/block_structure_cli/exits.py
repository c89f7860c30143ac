"""Exit codes of every command, and the error that carries one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import click
from block_structure.module_utils.common.findings import two_lines
from block_structure.plugin_utils.reports import exit_codes, layout

OK, ATTENTION, USAGE = exit_codes.OK, exit_codes.FAILED, exit_codes.USAGE
ENVIRONMENT, REFUSED, INTERRUPTED = exit_codes.ENVIRONMENT, exit_codes.REFUSED, exit_codes.INTERRUPTED


@dataclass(frozen=True)
class Code:
    """One exit code: its number, its name in --help, and what it means."""

    number: int
    name: str
    meaning: str


CODES = (
    Code(OK, "all well", "The command did what you asked, and nothing needs attention."),
    Code(
        ATTENTION,
        "needs attention",
        "The command ran and found something: a finding, a course that failed, an object that waits, a change to be made.",
    ),
    Code(
        USAGE,
        "usage",
        "The command line does not fit: an unknown option, no inventory, a course that the site does not have, a file that is "
        "not what it should be, a command for something that this site does not use.",
    ),
    Code(
        ENVIRONMENT,
        "environment",
        "A host, the inventory, a variable or a tool is missing, wrong or does not answer.",
    ),
    Code(
        REFUSED,
        "refused",
        "Not done without your consent: load on a site that may not be yours, a file that would be overwritten, a second run.",
    ),
    Code(INTERRUPTED, "interrupted", "Stopped by Ctrl-C or SIGTERM. Finished work is kept."),
)
EPILOG = "Exit codes: " + ", ".join(f"{code.number} {code.name}" for code in CODES) + "."


class Failure(click.ClickException):
    """A cause, a remedy and an exit code."""

    def __init__(self, cause: str, remedy: str, code: int = ENVIRONMENT) -> None:
        super().__init__(two_lines(cause, remedy) if remedy else cause)
        self.exit_code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message without click's `Error:` prefix, as the role does; in a terminal without a broken word."""
        text = self.message
        if file is None and sys.stderr.isatty():
            # Not that of standard output, which may be a file; 0 where nobody has told the terminal its size.
            text = layout.message(text, os.get_terminal_size(sys.stderr.fileno()).columns or 80)
        click.echo(text, file=file, err=file is None)


def stopped() -> Failure:
    """Return the end of a command that was stopped by Ctrl-C or a signal."""
    return Failure("Stopped.", "run it again; finished work is kept.", INTERRUPTED)


@contextmanager
def failures() -> Iterator[None]:
    """Turn what click says of a command line, and Ctrl-C at a question, into a cause and a remedy."""
    try:
        yield
    except getattr(click.exceptions, "NoArgsIsHelpError", ()):  # of click 8.2 and later; it shows the help
        raise
    except click.UsageError as error:
        raise Failure(_cause(error), _remedy(error), USAGE) from error
    except (click.Abort, EOFError, KeyboardInterrupt) as error:
        raise stopped() from error


def _cause(error: click.UsageError) -> str:
    """Return what click says, without the names it guesses: those are the remedy."""
    said = error.message if getattr(error, "possibilities", None) else error.format_message()
    return said.rstrip(".") + "."


def _remedy(error: click.UsageError) -> str:
    # While the options of a command are read, the context is the group's, which knows the command's name.
    context = error.ctx or click.get_current_context()
    names = [context.command_path, context.invoked_subcommand]
    seen = f"see `{' '.join(name for name in names if name)} --help`."
    near = " or ".join(getattr(error, "possibilities", None) or [])
    return f"use {near}, or {seen}" if near else seen
