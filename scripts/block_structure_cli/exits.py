"""Exit codes of every command, and the error that carries one."""

from __future__ import annotations

from typing import IO, Any

import click
from block_structure.module_utils.common.findings import two_lines

OK = 0
ATTENTION = 1  # the command ran and found a problem: a finding, a failed course
USAGE = 2  # the command line is wrong (click's own code)
ENVIRONMENT = 3  # a host, inventory or tool is missing or does not answer
REFUSED = 4  # not done without the operator's consent
INTERRUPTED = 130  # stopped by SIGINT or SIGTERM

EPILOG = "Exit codes: 0 all well, 1 needs attention, 2 usage, 3 environment, 4 refused, 130 interrupted."


class Failure(click.ClickException):
    """A cause, a remedy and an exit code."""

    def __init__(self, cause: str, remedy: str, code: int = ENVIRONMENT) -> None:
        super().__init__(two_lines(cause, remedy) if remedy else cause)
        self.exit_code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message without click's `Error:` prefix, as the role does."""
        click.echo(self.message, file=file, err=file is None)
