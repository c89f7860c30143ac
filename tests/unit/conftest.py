"""What unit tests share: the release table and a valid set of variables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.decisions import releases

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "block_structure"
PLUGINS = ROOT / "plugins"
# Where Ansible finds the checkout as a collection.
COLLECTIONS = ROOT / "playbooks" / "collections"


@pytest.fixture(scope="session")
def table() -> dict[str, dict[str, Any]]:
    """The release table."""
    return yaml.safe_load((ROLE / "vars" / "releases.yml").read_text())["__block_structure_releases"]


@pytest.fixture(scope="session")
def release(table):
    """Return a release by name."""
    return lambda name: releases.pick(table, name)


@pytest.fixture
def variables() -> dict[str, Any]:
    """The role's defaults with the required variables set, on a native site."""
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    return {
        **defaults,
        "block_structure_platform": "native",
        "block_structure_release": "teak",
        "block_structure_storage_bucket": "example-block-structures",
    }


@pytest.fixture(scope="session")
def memcached_binary() -> str:
    """The installed memcached; scripts/dev/setup installs it."""
    binary = shutil.which("memcached")
    assert binary, "memcached is not installed; scripts/dev/setup memcached installs it"
    return binary
