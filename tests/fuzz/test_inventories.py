"""Whatever an inventory holds, the entry answers: the resolved description, or each error with variable, cause and remedy.

BLOCK_STRUCTURE_FUZZ: how many inventories (`make fuzz`: 30,000).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import bucket, memcached_sizing, releases
from block_structure.plugin_utils import resolution, role_variables, tutor_plugin
from hypothesis import HealthCheck, given, settings

from .inventories import MARK, OPTIONS, alone, inventories

ROOT = Path(__file__).resolve().parents[2]
TABLE = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
NUMBER = int(os.environ.get("BLOCK_STRUCTURE_FUZZ", "400"))
SEEN: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[None]:
    """Say at the end what was met."""
    yield
    print(f"\ninventories: {dict(SEEN)}")  # noqa: T201


def whole(message: str, error: dict[str, Any]) -> None:
    """Hold an error to what an operator is promised."""
    assert error["cause"].strip() and error["remedy"].strip()
    lines = message.splitlines()
    assert len(lines) == 2 and lines[1].startswith("Remedy: "), message
    assert all(line.isprintable() for line in lines), message
    assert MARK not in message
    assert error["variable"], error
    assert error["variable"] in OPTIONS or error["id"] == "variable-unknown"


def used(desired: dict[str, Any], values: dict[str, Any]) -> None:
    """Let those who come after the entry work with what it passed."""
    text = json.dumps(desired, allow_nan=False)
    assert MARK not in text
    assert MARK not in json.dumps(role_variables.without_secrets(values), allow_nan=False)
    # While an upgrade is prepared, the installed release has to be found first.
    if "settings" not in desired or desired["release"] is None:
        return
    assert yaml.safe_load(yaml.safe_dump(desired["settings"])) == desired["settings"]
    plugin = tutor_plugin.render({"BLOCK_STRUCTURES_SETTINGS": desired["settings"]}, environment=desired["environment"])
    assert tutor_plugin.parse(plugin)["BLOCK_STRUCTURES_SETTINGS"] == desired["settings"]
    if not releases.from_named_row(desired["release"]).unhashable_kwargs:
        hash(tuple(desired["settings"]["STORAGE_KWARGS"].items()))
    options = bucket.BucketOptions.from_variables(values)
    bucket.compare(None, options)
    json.dumps(bucket.wanted_policy(None, options))
    try:
        memcached_sizing.plan(
            [1000, 3_000_000],
            releases.from_named_row(desired["release"]),
            item_size=values["block_structure_memcached_item_size"],
            memory_mb=values["block_structure_memcached_memory_mb"],
            other_tenants_mb=values["block_structure_memcached_other_tenants_mb"],
            growth_percent=values["block_structure_memcached_growth_percent"],
            memory_max_mb=values["block_structure_memcached_memory_max_mb"],
        )
    except BlockStructureError as error:
        whole(str(error), error.as_dict())


def answered(inventory: dict[str, Any], *, read_only: bool) -> None:
    """Ask the entry, and hold its answer to what it promises."""
    answer = resolution.answer(inventory, TABLE, plain_secrets=[], memcached_hosts=[], read_only=read_only)
    SEEN["resolved" if not answer.get("failed") else "refused"] += 1
    for error in answer.get("errors", []):
        whole(error["message"], error)
    if answer.get("failed"):
        assert answer["errors"]
        return
    for finding in answer["desired"]["findings"]:
        assert finding["cause"].strip() and finding["remedy"].strip() and MARK not in finding["message"]
    used(answer["desired"], role_variables.typed(inventory)[0])


@settings(max_examples=NUMBER, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(inventories(TABLE))
def test_every_inventory_is_answered(inventory: dict[str, Any]) -> None:
    for read_only in (False, True):
        answered(inventory, read_only=read_only)


def test_each_variable_with_each_odd_value_is_answered() -> None:
    """On the releases whose settings are made differently; every one only where BLOCK_STRUCTURE_FUZZ is large."""
    cases = alone()[:: 1 if NUMBER >= 10000 else 37]
    for release in ("ironwood", "teak", "ulmo"):
        always = {**role_variables.defaults(), "block_structure_storage_bucket": "example-block-structures"}
        for name, value in cases:
            answered({**always, "block_structure_release": release, name: value}, read_only=False)
