"""The role's exact message for each unsupported combination of scripts/dev/combinations.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.decisions import desired
from block_structure.plugin_utils import role_variables

ROOT = Path(__file__).resolve().parents[2]
TABLE = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
COMBINATIONS = yaml.safe_load((ROOT / "scripts/dev/combinations.yml").read_text())
# title -> whether the deploy is refused, the cause, and the remedy; {valid}: the names of the release's valid arguments.
SAID: dict[str, tuple[bool, str, str]] = {
    "a switch that is gone (Quince)": (
        True,
        (
            "block_structure_invalidate_cache_on_publish is true, and quince no longer has "
            "the switch block_structure.invalidate_cache_on_publish."
        ),
        "remove block_structure_invalidate_cache_on_publish; the release behaves as if it were off.",
    ),
    "another one (Palm)": (
        True,
        (
            "block_structure_raise_error_when_not_found is true, and palm no longer has "
            "the switch block_structure.raise_error_when_not_found."
        ),
        "remove block_structure_raise_error_when_not_found; the release behaves as if it were off.",
    ),
    "a switch that keeps new courses out of the cache (up to Koa)": (
        False,
        (
            "block_structure_invalidate_cache_on_publish is true, and on koa publishing a course that is not stored "
            "yet fails: a new course is rebuilt in each request."
        ),
        "remove block_structure_invalidate_cache_on_publish; a publish replaces the structure without it.",
    ),
    "an argument that django-storages refuses (Quince and later)": (
        True,
        (
            "block_structure_storage_extra_kwargs has 'acl', which django-storages of quince refuses: "
            "no Django process would start."
        ),
        "remove it, or use one of {valid}.",
    ),
    "an argument that it ignores (up to Palm)": (
        False,
        "block_structure_storage_extra_kwargs has 'AWS_STORAGE_BUCKET_NAME', which django-storages of palm silently ignores.",
        "remove it, or use one of {valid}.",
    ),
    "a list or dictionary among the arguments (up to Teak)": (
        True,
        (
            "block_structure_storage_extra_kwargs['object_parameters'] is a dictionary, which teak cannot hash: "
            "no Django process would start."
        ),
        "give a single value, or set it outside of BLOCK_STRUCTURES_SETTINGS.",
    ),
    "a storage class that does not import (Palm)": (
        False,
        "block_structure_storage_class 'storages.backends.s3.S3Storage' is not known to import on palm.",
        "use plain, which means storages.backends.s3boto3.S3Boto3Storage there.",
    ),
    "md4 in place of blake2b (up to Quince)": (
        True,
        "block_structure_blake2b_hashing is true, and palm does not read FEATURES.ENABLE_BLAKE2B_HASHING: it hashes with md4.",
        "remove block_structure_blake2b_hashing, and give the OpenSSL of the LMS hosts its legacy provider if it has no md4.",
    ),
    "blake2b where it is used always (Teak and later)": (
        False,
        "block_structure_blake2b_hashing has no effect: teak always hashes long cache keys with blake2b.",
        "remove block_structure_blake2b_hashing.",
    ),
    "an item size that the release's cap makes useless (Teak and later)": (
        False,
        "block_structure_memcached_item_size 8m has no benefit over 3m: teak never caches a structure of 2 MiB or more.",
        "use 3m.",
    ),
    "an item size that the client's own limit makes useless (up to Palm)": (
        False,
        (
            "block_structure_memcached_item_size 3m alone has no effect: python-memcached of palm refuses values over "
            "1048576 bytes before it contacts the server."
        ),
        "also set OPTIONS: {{server_max_value_length: 3145728}} for the default cache in the LMS settings.",
    ),
    "memcached where Tutor has Redis (Tutor 11 and later)": (
        True,
        "The group block_structure_memcached has cache1, and the cache of Tutor 11 (koa) is Redis, to which it does not apply.",
        "remove it; size Redis with Tutor's patch redis-conf (docs/tutor.md).",
    ),
    "a prefix with a leading slash (any release)": (
        True,
        "block_structure_storage_prefix '/courses/' begins with a slash: Django refuses such names and nothing is stored.",
        "write it as 'courses/'.",
    ),
}


def message(entry: dict[str, Any]) -> desired.Resolution:
    """Return the role's message for a combination."""
    return desired.resolve(
        {**role_variables.defaults(), "block_structure_storage_bucket": "example-bucket", **entry["variables"]},
        TABLE,
        platforms=role_variables.platforms(),
        defaults=role_variables.defaults(),
        memcached_hosts=[entry["memcached"]] if "memcached" in entry else [],
    )


def test_every_combination_is_asserted() -> None:
    assert list(SAID) == list(COMBINATIONS)


@pytest.mark.parametrize("title", COMBINATIONS)
def test_invalid_combination_is_reported_with_its_remedy(title: str) -> None:
    refused, cause, remedy = SAID[title]
    answer = message(COMBINATIONS[title])
    report = [error.finding for error in answer.errors] if refused else answer.findings
    valid = ", ".join(TABLE[COMBINATIONS[title]["variables"]["block_structure_release"]]["storage_kwargs_valid"])
    assert [(one.cause, one.remedy) for one in report] == [(cause, remedy.format(valid=valid))]
    assert bool(answer.errors) is refused
    # A refusal ends the play before settings are written.
    assert (answer.desired is not None and answer.desired.content is not None) is not refused
    if not refused:
        assert report[0].severity == "warning"
