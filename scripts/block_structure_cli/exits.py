"""Exit codes of every command, and the error that carries one."""

from __future__ import annotations

import shutil
import sys
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
            text = layout.message(text, shutil.get_terminal_size().columns)
        click.echo(text, file=file, err=file is None)
