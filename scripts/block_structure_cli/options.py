"""Options that commands share: the site and the output format."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from . import ROOT


@dataclass(frozen=True)
class Site:
    """The site that a command works on, as ansible-playbook takes it.

    inventory: file or directory. limit: host pattern or None. extra_vars: values of -e. verbosity: number of -v flags.
    vault_password_file, become_password_file: paths or None.
    """

    inventory: Path
    limit: str | None = None
    extra_vars: tuple[str, ...] = ()
    verbosity: int = 0
    vault_password_file: Path | None = None
    become_password_file: Path | None = None

    def arguments(self) -> list[str]:
        """Return the arguments for ansible-playbook."""
        text: list[str] = []
        for option, value in (
            ("--limit", self.limit),
            ("--vault-password-file", self.vault_password_file),
            ("--become-password-file", self.become_password_file),
        ):
            text += [option, str(value)] if value else []
        for value in self.extra_vars:
            text += ["--extra-vars", value]
        return text


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)
_SITE = [
    click.option(
        "-i",
        "--inventory",
        type=click.Path(exists=True, path_type=Path, resolve_path=True),
        default=ROOT / "inventory" / "sandbox",
        show_default="inventory/sandbox",
        envvar="BLOCK_STRUCTURE_INVENTORY",
        help="Inventory of the site, such as inventory/production.",
    ),
    click.option("-l", "--limit", help="Limit the run to these hosts."),
    click.option("-e", "--extra-vars", multiple=True, help="Extra variables for this run, as for ansible-playbook."),
    click.option("--vault-password-file", type=_FILE, help="File with the ansible-vault password."),
    click.option("--become-password-file", type=_FILE, help="File with the sudo password of the hosts."),
    click.option("-v", "--verbose", "verbosity", count=True, help="Show Ansible's output on standard error."),
]


def site_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the site options to a command; it receives them as one argument, `site`."""

    @functools.wraps(function)
    def command(**given: Any) -> Any:
        names = ("inventory", "limit", "extra_vars", "verbosity", "vault_password_file", "become_password_file")
        return function(site=Site(**{name: given.pop(name) for name in names}), **given)

    for option in reversed(_SITE):
        command = option(command)
    return command


format_option = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Output format."
)
follow_format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="Output format; jsonl prints events as they arrive and the report as the last line.",
)
