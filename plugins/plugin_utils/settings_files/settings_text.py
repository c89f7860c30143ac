"""Shared code of the settings file editors yaml_edit and json_edit. Controller only."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ...module_utils.common.errors import BlockStructureError


class Keyed(Protocol):
    """An entry of a settings file."""

    @property
    def key(self) -> str:
        """Its key at the top level."""


K = TypeVar("K", bound=Keyed)


def unusable(cause: str, remedy: str = "correct the file by hand; nothing was changed.") -> BlockStructureError:
    """Return the error `settings-file-unusable`; the cause names a line or a key, never content."""
    return BlockStructureError("settings-file-unusable", cause, remedy)


def only(entries: list[K], key: str) -> K | None:
    """Return the entry with a key, None when there is none; raises `settings-file-unusable` for more than one."""
    found = [entry for entry in entries if entry.key == key]
    if len(found) > 1:
        raise unusable(f"The settings file has {key} {len(found)} times at its top level.", f"leave one {key} in it.")
    return found[0] if found else None
