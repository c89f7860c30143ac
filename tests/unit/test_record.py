"""What the first deploy records for a rollback."""

from __future__ import annotations

from block_structure.filter import block_structure as filters


def test_every_setting_that_a_deploy_may_change_is_recorded():
    read = {
        "lms": ("BLOCK_STRUCTURES_SETTINGS: {}\n", {"FEATURES": {"ENABLE_BLAKE2B_HASHING": None}}),
        "cms": (None, {"FEATURES": {"ENABLE_BLAKE2B_HASHING": "    ENABLE_BLAKE2B_HASHING: false\n"}}),
    }
    found = [{"raw": raw, "raw_also": also, "__block_structure_item": {"name": name}} for name, (raw, also) in read.items()]
    record = filters.rollback_record(found)
    assert record["settings"] == {name: raw for name, (raw, _) in read.items()}
    assert record["also"] == {name: also for name, (_, also) in read.items()}
