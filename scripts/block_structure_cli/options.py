"""Options that commands share: the site, the files to write, and the output format."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from .exits import REFUSED, USAGE, Failure

INVENTORY = "BLOCK_STRUCTURE_INVENTORY"


@dataclass(frozen=True)
class Secret:
    """A password that ansible-playbook asks for.

    option, short: of the command line. prompt: what to ask the operator. asked: pattern of ansible-playbook's own question.
    instead: what to use without a terminal.
    """

    option: str
    short: str
    prompt: str
    asked: str
    instead: str

    @property
    def name(self) -> str:
        """The name of the parameter."""
        return self.option.removeprefix("--").replace("-", "_")


SECRETS = (
    Secret("--ask-become-pass", "-K", "Sudo password of the hosts", r"BECOME password.*:\s*?$", "--become-password-file"),
    Secret("--ask-pass", "-k", "SSH password of the hosts", r"SSH password:\s*?$", "SSH keys"),
    Secret("--ask-vault-pass", "-J", "Password of ansible-vault", r"Vault password.*:\s*?$", "--vault-password-file"),
)


@dataclass(frozen=True)
class Site:
    """The site that a command works on, as ansible-playbook takes it.

    inventory: files, folders or lists of hosts; empty: the operator's own configuration of Ansible names one. limit: pattern of
    hosts or None. extra_vars: values of -e. tags, check, diff: as of ansible-playbook. verbosity: number of -v flags.
    vault_password_file, become_password_file: paths or None. passwords: pattern of ansible-playbook's question -> answer.
    """

    inventory: tuple[str, ...] = ()
    limit: str | None = None
    extra_vars: tuple[str, ...] = ()
    tags: str | None = None
    check: bool = False
    diff: bool = False
    verbosity: int = 0
    vault_password_file: Path | None = None
    become_password_file: Path | None = None
    passwords: tuple[tuple[Secret, str], ...] = ()

    def arguments(self) -> list[str]:
        """Return the arguments for ansible-playbook."""
        text: list[str] = []
        for option, value in (
            ("--limit", self.limit),
            ("--tags", self.tags),
            ("--vault-password-file", self.vault_password_file),
            ("--become-password-file", self.become_password_file),
        ):
            text += [option, str(value)] if value else []
        for value in self.extra_vars:
            text += ["--extra-vars", value]
        text += [option for option, given in (("--check", self.check), ("--diff", self.diff)) if given]
        return text + [secret.option for secret, _answer in self.passwords]


class Inventory(click.ParamType):
    """A file, a folder or a list of hosts with a comma, as for ansible-playbook; relative to the current folder."""

    name = "path"
    envvar_list_splitter = os.pathsep

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete a path."""
        return [CompletionItem(incomplete, type="file")]

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> str:
        """Return the absolute path, or the list of hosts as it is. Raises Failure (USAGE)."""
        if "," in value:
            return str(value)
        path = Path(value).expanduser().absolute()
        if not path.exists():
            raise Failure(
                f"The inventory {value} does not exist in {Path.cwd()}.",
                "name the site's inventory with -i; a path is relative to where you stand.",
                USAGE,
            )
        return str(path)


def _existing(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a file of variables (-e @FILE) that does not exist, before anything starts."""
    for value in given:
        path = Path(value[1:]).expanduser()
        if value.startswith("@") and not path.is_file():
            raise Failure(
                f"The file of variables {value[1:]} does not exist in {Path.cwd()}.",
                "correct the path after -e @; it is relative to where you stand.",
                USAGE,
            )
    return given


def _asked(secret: Secret) -> str:
    """Return a password from the operator's terminal. Raises Failure (REFUSED) without a terminal."""
    if not sys.stdin.isatty():
        raise Failure(f"{secret.option} has no terminal to ask on.", f"use {secret.instead}.", REFUSED)
    answer: str = click.prompt(secret.prompt, hide_input=True, err=True)
    return answer


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)
_SITE = [
    click.option(
        "-i",
        "--inventory",
        type=Inventory(),
        multiple=True,
        envvar=INVENTORY,
        help="Inventory of the site, such as inventory/production; may be repeated. Default: that of your own ansible.cfg.",
    ),
    click.option("-l", "--limit", help="Limit the run to these hosts."),
    click.option(
        "-e",
        "--extra-vars",
        multiple=True,
        callback=_existing,
        help="Variables for this run, as for ansible-playbook: NAME=VALUE, JSON or @FILE; may be repeated.",
    ),
    *(
        click.option(secret.short, secret.option, secret.name, is_flag=True, help=f"Ask for it: {secret.prompt.lower()}.")
        for secret in SECRETS
    ),
    click.option("--vault-password-file", type=_FILE, help="File with the ansible-vault password."),
    click.option("--become-password-file", type=_FILE, help="File with the sudo password of the hosts."),
    click.option("-v", "--verbose", "verbosity", count=True, help="Show Ansible's output on standard error."),
]
_SITE_NAMES = ("inventory", "limit", "extra_vars", "verbosity", "vault_password_file", "become_password_file")
_CHANGING = [
    click.option("-C", "--check", is_flag=True, help="Change nothing; show what would change."),
    click.option("-D", "--diff", is_flag=True, help="Show each change of a file or a setting; secrets are redacted."),
]


def _site(given: dict[str, Any]) -> Site:
    """Take the site's options out of the given ones. Raises Failure: no inventory, or no terminal to ask on."""
    asked = [secret for secret in SECRETS if given.pop(secret.name)]
    site = {name: given.pop(name) for name in _SITE_NAMES}
    return Site(**site, passwords=tuple((secret, _asked(secret)) for secret in asked))


def _with(options: list[Callable[..., Any]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds options to a command, which receives them as one argument, `site`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(**given: Any) -> Any:
            site = _site(given)
            if options is not _SITE:
                site = replace(site, check=given.pop("check"), diff=given.pop("diff"))
            return function(site=site, **given)

        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# For commands that read the site, or ask before they change it.
site_options = _with(_SITE)
# For commands that change the site as the inventory says.
changing_site_options = _with([*_SITE[:3], *_CHANGING, *_SITE[3:]])


def all_option(what: str) -> Callable[..., Any]:
    """Return the option that shows also what needs nothing."""
    return click.option("-a", "--all", "everything", is_flag=True, help=f"Show {what}, not only what needs something.")


def _format(*choices: str, text: str) -> Callable[..., Any]:
    return click.option("--format", "form", type=click.Choice(choices), default="table", show_default=True, help=text)


format_option = _format("table", "json", "csv", text="Output format; csv is the main list of the JSON, one row per line.")
document_format_option = _format("table", "json", text="Output format.")
follow_format_option = _format(
    "table",
    "json",
    "jsonl",
    "csv",
    text="Output format; jsonl prints events as they arrive and the report as the last line, csv the main list of the report.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there.")


def unclaimed(path: Path, overwrite: bool) -> Path:
    """Return the path of a file or a folder to write. Raises Failure: it exists, or its folder does not.

    A command asks before it contacts the site, so that no measurement is lost, old or new.
    """
    if path.exists() and not overwrite and not (path.is_dir() and not any(path.iterdir())):
        raise Failure(f"{path} exists.", "name another with --output, or replace it with --overwrite.", REFUSED)
    if not path.absolute().parent.is_dir():
        raise Failure(f"{path} cannot be written: its folder does not exist.", "name another with --output.", USAGE)
    return path
