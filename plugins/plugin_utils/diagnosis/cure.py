"""The group_vars that would cure a site: what is in force where that is right, what the findings ask for where it is not."""

from __future__ import annotations

from typing import Any

from ...module_utils.decisions.plan import storage_place
from ...module_utils.decisions.storage_settings import clean_prefix
from .snapshot import Snapshot

_S = "block_structure_storage_"
# STORAGE_KWARGS in force -> variable. Values that the role sets by itself, and secrets, stay out.
_KEPT = {
    "bucket_name": f"{_S}bucket",
    "bucket": f"{_S}bucket",
    "region_name": f"{_S}region",
    "endpoint_url": f"{_S}endpoint_url",
    "addressing_style": f"{_S}addressing_style",
}
PLACEHOLDER_BUCKET = "example-block-structures"
_DEFAULT_PREFIX = "block_structures/"
# For these, null is the cure.
_UNSET_CURES = ("block_structure_cache_timeout_seconds", "block_structure_storage_default_acl")


def _storage(snapshot: Snapshot) -> dict[str, Any]:
    # What the operator has chosen already goes before what is in force.
    live = (snapshot.desired or {}).get("settings") or snapshot.survey["settings"]["block_structures"]
    kwargs = live.get("STORAGE_KWARGS") or {}
    found = {_KEPT[name]: value for name, value in kwargs.items() if name in _KEPT and value}
    place = storage_place(live)
    if not place["in_s3"]:
        found = {}
    found[f"{_S}prefix"] = clean_prefix(str(place["prefix"])) if place["in_s3"] else _DEFAULT_PREFIX
    return found


# A choice with a price: named, and never made for the operator.
_PROPOSED = ("runtime-collector",)
# The role computes these from the measured structures, again at each deploy: better than a figure that was right once.
_COMPUTED = ("block_structure_memcached_item_size", "block_structure_memcached_memory_mb")


def variables(snapshot: Snapshot, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return [{"name", "value", "findings": ids that it cures, "note", "proposed"}], the ones that every site names first.

    proposed: whether it is a choice with a price, which a cure does not need.
    A bucket that cannot be known is PLACEHOLDER_BUCKET. Secrets are never among them.
    """
    chosen = {"block_structure_release": _row("block_structure_release", snapshot.release.name)}
    chosen.update({name: _row(name, value) for name, value in _storage(snapshot).items()})
    if f"{_S}bucket" not in chosen:
        chosen[f"{_S}bucket"] = _row(f"{_S}bucket", PLACEHOLDER_BUCKET)
        chosen[f"{_S}bucket"]["note"] = "choose a name that is free: bucket names are shared by everybody"
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
            row["note"] = f"left to the role, which computes {value} now"
        elif isinstance(value, int) and not isinstance(value, bool):
            row["value"] = max(value, row["value"] or 0)  # several findings may ask for room
        elif value is not None:
            row["value"] = value
    return list(chosen.values())


def _row(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "findings": [], "note": None, "proposed": False}
