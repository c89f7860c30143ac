"""The group_vars that would cure a site: the effective values where they are right, the findings' values elsewhere."""

from __future__ import annotations

from typing import Any

from ...module_utils.decisions.plan import storage_place
from ...module_utils.decisions.storage_settings import clean_prefix
from .snapshot import Snapshot

_S = "block_structure_storage_"
# Effective STORAGE_KWARGS -> variable, without secrets and values that the role sets itself.
_KEPT = {
    "bucket_name": f"{_S}bucket",
    "bucket": f"{_S}bucket",
    "region_name": f"{_S}region",
    "endpoint_url": f"{_S}endpoint_url",
    "addressing_style": f"{_S}addressing_style",
}
PLACEHOLDER_BUCKET = "example-block-structures"
_DEFAULT_PREFIX = "block_structures/"
# Variables for which null is the fix.
_UNSET_CURES = ("block_structure_cache_timeout_seconds", "block_structure_storage_default_acl")


def _storage(snapshot: Snapshot) -> dict[str, Any]:
    # The inventory takes precedence over the effective settings.
    live = (snapshot.desired or {}).get("settings") or snapshot.survey["settings"]["block_structures"]
    kwargs = live.get("STORAGE_KWARGS") or {}
    found = {_KEPT[name]: value for name, value in kwargs.items() if name in _KEPT and value}
    place = storage_place(live)
    if not place["in_s3"]:
        found = {}
    found[f"{_S}prefix"] = clean_prefix(str(place["prefix"])) if place["in_s3"] else _DEFAULT_PREFIX
    return found


# Trade-offs are only suggested; you decide.
_PROPOSED = ("runtime-collector", "runtime-keys")
# The role computes these from the measured structures at each deploy, so a fixed figure would only go stale.
_COMPUTED = ("block_structure_memcached_item_size", "block_structure_memcached_memory_mb")


def variables(snapshot: Snapshot, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return [{"name", "value", "findings": ids that it fixes, "note", "proposed", "given"}]: first what every site needs.

    proposed: an optional trade-off that the cure does not need. given: the inventory has it already.
    An unknown bucket is PLACEHOLDER_BUCKET. Secrets are never included.
    """
    chosen = {"block_structure_release": _row("block_structure_release", snapshot.release.name)}
    storage = _storage(snapshot)
    chosen.update({name: _row(name, value) for name, value in storage.items()})
    if f"{_S}bucket" not in chosen:
        chosen[f"{_S}bucket"] = _row(f"{_S}bucket", PLACEHOLDER_BUCKET)
        chosen[f"{_S}bucket"]["note"] = "choose an unused name: bucket names are globally unique"
    for finding in findings:
        name, value = finding["variable"], finding["value"]
        if finding["id"] in _PROPOSED:
            chosen[name] = {**_row(name, value), "findings": [finding["id"]], "note": finding["remedy"], "proposed": True}
            continue
        if not name or finding["severity"] == "info" or (name not in chosen and value is None and name not in _UNSET_CURES):
            continue
        row = chosen.setdefault(name, _row(name, None))
        row["findings"].append(finding["id"])
        if name in _COMPUTED:
            row["note"] = f"left to the role, which currently computes {value}"
        elif isinstance(value, int) and not isinstance(value, bool):
            row["value"] = max(value, row["value"] or 0)  # several findings may need more memory
        elif value is not None:
            row["value"] = value
    if (snapshot.desired or {}).get("settings"):
        for name, value in storage.items():
            chosen[name]["given"] = chosen[name]["value"] == value
    return list(chosen.values())


def _row(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "findings": [], "note": None, "proposed": False, "given": False}
