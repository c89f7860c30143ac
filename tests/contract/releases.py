"""The releases as the contract tests see them: the role's own rows, and what only these tests ask (releases.yml)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from block_structure.module_utils.decisions.releases import Release, as_named_row, pick

HERE = Path(__file__).resolve().parent
ROLE_TABLE = HERE.parents[1] / "roles/block_structure/vars/releases.yml"


@dataclass(frozen=True, kw_only=True)
class ContractRelease(Release):
    """A row of the role's table with the columns of releases.yml, whose head documents them."""

    unpickle_errors: str
    cache_backend: str
    django_storages: str
    storage_kwargs_ignored: list[str]
    acl_trap: bool


@cache
def table() -> dict[str, Any]:
    """Return the role's own table."""
    rows: dict[str, Any] = yaml.safe_load(ROLE_TABLE.read_text())["__block_structure_releases"]
    return rows


def release_names() -> list[str]:
    """Return every release, the oldest first."""
    return list(table())


@cache
def contract_table() -> dict[str, Any]:
    """Return `releases`, the columns that only these tests read, and their `sources`."""
    data: dict[str, Any] = yaml.safe_load((HERE / "releases.yml").read_text())
    return data


@cache
def release_row(name: str) -> ContractRelease:
    """Return one release with all columns."""
    return ContractRelease(**as_named_row(pick(table(), name)), **contract_table()["releases"][name])
