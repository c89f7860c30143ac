"""`check`: what a deploy would change."""

from __future__ import annotations

from dataclasses import replace

import click

from .. import apply, exits
from ..options import Site, all_option, format_option, site_options


@click.command()
@site_options
@click.option("-D", "--diff", is_flag=True, help="Show each change of a file or a setting; secrets are redacted.")
@format_option
@all_option("the notes")
def command(site: Site, diff: bool, form: str, everything: bool) -> None:
    """Show what a deploy would change. Changes nothing. Exit code 1: it would change something.

    The same as `deploy --check`, for a timer or CI that has to notice when the site is no longer as the inventory says.

    \b
    Examples:
      block-structure check -i inventory/production
      block-structure check -i inventory/production --diff --limit lms1.example.com
    """
    checked = replace(site, check=True, diff=diff)
    played = apply.run(apply.DEPLOY, checked, form)
    apply.show(played, checked, form, everything=everything)
    if played.changes:
        raise SystemExit(exits.ATTENTION)
