"""The command group: each file in commands/ is one command, loaded on first use."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from . import environment, exits
from .version import version

_FOLDER = Path(__file__).parent / "commands"


class Commands(click.Group):
    """Maps `commands/some_name.py` to the command `some-name`; the file's click command is named `command`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(path.stem.replace("_", "-") for path in _FOLDER.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Load a command by name; None if it does not exist."""
        if name not in self.list_commands(ctx):
            return None
        extra = environment.COMMANDS.get(name)
        if extra and environment.missing(extra):
            return _lacking(name, extra)
        module = importlib.import_module(f".commands.{name.replace('-', '_')}", __package__)
        command: click.Command = module.command
        command.epilog = exits.EPILOG
        return command

    def make_context(self, *given: Any, **more: Any) -> click.Context:
        """Read the options of the group."""
        with exits.failures():
            return super().make_context(*given, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Read the options of a command, and run it."""
        with exits.failures():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with all of what they do, on several lines where the terminal is narrow."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.get_short_help_str(999)) for name, found in commands.items() if found])


def _lacking(name: str, extra: str) -> click.Command:
    """Return a command in place of one whose extra is not installed; the others and the help stay usable."""

    def refuse(**_given: object) -> None:
        raise exits.Failure(*environment.missing_extra(extra))

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name, callback=refuse, help=f"Needs the extra '{extra}'.", context_settings=settings, add_help_option=False
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=exits.EPILOG)
@click.version_option(version(), message="%(prog)s %(version)s")
def main() -> None:
    """Inspect, cure and measure the block structures of an Open edX site.

    \b
    Example:
      block-structure diagnose -i inventory/production
    """
