"""The operator's own configuration of Ansible, which has precedence over the one of this checkout."""

from __future__ import annotations

import os
from pathlib import Path

from . import ROOT, output
from .exits import USAGE, Failure


def of_operator() -> Path | None:
    """Return the ansible.cfg that Ansible itself would use where the operator stands, None if there is none."""
    from ansible.config.manager import find_ini_config_file

    warnings: set[str] = set()
    found = find_ini_config_file(warnings)
    for text in sorted(warnings):  # a folder that everybody may write to
        output.message(text.strip())
    return Path(found) if found else None


def environment(own: Path | None) -> dict[str, str]:
    """Return the variables that point Ansible to a configuration: none if the operator has one."""
    return {} if own else {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


def _names_inventory(own: Path | None) -> bool:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    if own:
        parser.read(own, encoding="utf-8")
    return bool(os.environ.get("ANSIBLE_INVENTORY") or parser.get("defaults", "inventory", fallback=""))


def require_inventory(given: tuple[str, ...], own: Path | None) -> None:
    """Raise Failure (USAGE) if neither the command line nor the operator's configuration names an inventory."""
    if not given and not _names_inventory(own):
        raise Failure(
            "No inventory is named.",
            "name the site's inventory with -i, such as -i inventory/production, or in your ansible.cfg.",
            USAGE,
        )
