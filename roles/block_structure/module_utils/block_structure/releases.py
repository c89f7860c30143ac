"""One Open edX release, as the role sees it: a row of vars/releases.yml."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from .errors import BlockStructureError


@dataclass(frozen=True)
class Release:
    """A row of the release table; what each column means stands in vars/releases.yml, at its top."""

    name: str
    support: str
    branch: str
    django: str
    python: str
    config_format: str
    config_env: dict[str, str]
    config_files: dict[str, str]
    studio_reads_settings: bool
    switches: list[str]
    storage_switch: str | None
    inert_switches: list[str]
    switch_api: str
    publish_needs_row: bool
    command_options: list[str]
    with_storage_option: bool
    pruning_active_honoured: bool
    course_index: str
    unpickle_errors: str
    leading_slash_migration: bool
    cache_cap_bytes: int | None
    cache_backend: str
    cache_client: str
    client_item_limit_bytes: int | None
    cache_key_hash: str
    blake2b_feature: bool
    storage_resolver: str
    storages_setting: bool
    django_storages: str
    storage_class: str
    storage_classes: list[str]
    storage_kwargs_valid: list[str]
    storage_kwargs_ignored: list[str]
    storage_kwargs_refused: list[str]
    unknown_kwargs: str
    unhashable_kwargs: bool
    acl_trap: bool
    tutor_major: int | None
    tutor_cache: str | None

    def probe_row(self) -> dict[str, Any]:
        """Return what the probe needs of the row; it never learns the release's name."""
        return {
            "switches": self.switches,
            "inert_switches": self.inert_switches,
            "storage_switch": self.storage_switch,
            "with_storage_option": self.with_storage_option,
            "pruning_active_honoured": self.pruning_active_honoured,
            "cache_cap_bytes": self.cache_cap_bytes,
            "client_item_limit_bytes": self.client_item_limit_bytes,
        }


def columns() -> set[str]:
    """Return the columns that every row has."""
    return {field.name for field in fields(Release)} - {"name"}


def from_row(name: str, row: dict[str, Any]) -> Release:
    """Return the release of a row; a row that lacks a column or has an unknown one is refused by name."""
    missing, unknown = columns() - set(row), set(row) - columns()
    if missing or unknown:
        words = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        words += [f"has unknown {', '.join(sorted(unknown))}"] if unknown else []
        raise BlockStructureError(
            "release-row-incomplete",
            f"The release row '{name}' {' and '.join(words)}.",
            "give every column of vars/releases.yml, and no other, in the row and in block_structure_release_overrides.",
            "block_structure_release_overrides",
        )
    return Release(name=name, **row)


def from_named_row(row: dict[str, Any]) -> Release:
    """Return the release of a row that carries its own name, as modules and filters are given it."""
    return from_row(str(row["name"]), {column: value for column, value in row.items() if column != "name"})


def pick(table: dict[str, dict[str, Any]], name: str, overrides: dict[str, Any] | None = None) -> Release:
    """Return one release of the table with the operator's overrides of single columns applied.

    Raises BlockStructureError `release-unknown` when the table has no such row.
    """
    if name not in table:
        raise BlockStructureError(
            "release-unknown",
            f"block_structure_release is '{name}', which is no Open edX release that this role knows.",
            f"set it to one of {', '.join(table)}.",
            "block_structure_release",
        )
    return from_row(name, {**table[name], **(overrides or {})})
