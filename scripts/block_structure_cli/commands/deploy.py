"""`deploy`: the whole cure, in the safe order."""

from __future__ import annotations

from dataclasses import replace

import click

from .. import apply
from ..options import Site, all_option, changing_site_options, format_option


@click.command()
@changing_site_options
@click.option("-t", "--tags", help="Only these concerns, such as block_structure_memcached (docs/deploy.md).")
@format_option
@all_option("the notes")
def command(site: Site, tags: str | None, form: str, everything: bool) -> None:
    """Make the site as the inventory says, and verify it.

    Bucket, memcached, settings, workers, generation, row and switches, in this order. LMS, Studio
    and workers restart once, host by host. All variables and hosts are checked before the first change; a repeat changes
    nothing. Preview it with --check --diff.

    \b
    Examples:
      block-structure deploy -i inventory/production --check --diff
      block-structure deploy -i inventory/production -K
    """
    site = replace(site, tags=tags)
    played = apply.run(apply.DEPLOY, site, form)
    apply.show(played, site, form, everything=everything)
