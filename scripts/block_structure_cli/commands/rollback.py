"""`rollback`: restore what the first deploy found."""

from __future__ import annotations

import click

from .. import apply
from ..options import Site, changing_site_options, format_option


@click.command()
@changing_site_options
@format_option
def command(site: Site, form: str) -> None:
    """Restore what the first deploy found.

    Switches, row, settings and memcached; the bucket and its objects stay. All hosts are checked
    before the first change. Preview it with --check --diff.

    \b
    Examples:
      block-structure rollback -i inventory/production --check --diff
      block-structure rollback -i inventory/production
    """
    apply.show_left(apply.run(apply.ROLLBACK, site, form), site, form)
