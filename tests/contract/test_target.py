"""What the suite leaves of itself on a platform: nothing, whatever happens. And what it needs to begin."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml

from .conftest import TARGETS
from .releases import release_row
from .target import Target, UnusablePlatformError

# A row that stores a structure and then caches it, by a key that is long.
ROW = "a_total_miss_rebuilds_stores_and_caches"
WITHOUT_HASH = {"FEATURES": {"ENABLE_BLAKE2B_HASHING": False}}
LEFT = """
import json
from django.conf import settings
from openedx.core.djangoapps.content.block_structure import models
from xmodule.modulestore.django import modulestore
ORG = "BlockStructureContract"
def folders():
    try:
        return models._bs_model_storage().listdir(settings.BLOCK_STRUCTURES_SETTINGS.get("DIRECTORY_PREFIX", ""))[0]
    except OSError:
        return []
print("LEFT " + json.dumps({
    "courses": [str(course.id) for course in modulestore().get_course_summaries() if course.id.org == ORG],
    "rows": models.BlockStructureModel.objects.filter(data_usage_key__contains=ORG).count(),
    "files": [name for name in folders() if ORG in name],
}))
"""


def left(target: Target) -> dict[str, object]:
    """Return what the platform has of the suite's courses."""
    done = target.manage_lms("shell", stdin=f"exec(compile({LEFT!r}, 'left', 'exec'), {{}})\n")
    lines = [line.removeprefix("LEFT ") for line in done.out.splitlines() if line.startswith("LEFT ")]
    assert lines, done.err[-2000:]
    found: dict[str, object] = json.loads(lines[-1])
    return found


with_feature = pytest.mark.parametrize("release", [name for name in TARGETS if release_row(name).blake2b_feature])


@with_feature
def test_a_row_that_fails_leaves_neither_course_nor_row_nor_file(platform: Callable[[str], Target], release: str) -> None:
    """On an OpenSSL without md4 it fails between storage and cache, and no key can be made to empty the cache by."""
    target = platform(release)
    with target.with_settings(WITHOUT_HASH) as path:
        try:
            outcome = target.observe([ROW], lms_cfg=path)[ROW]
        except RuntimeError as error:
            # What could not be removed is an entry of the cache, which its timeout removes.
            assert "unsupported hash type md4" in str(error)
        else:
            assert outcome["value"]["row"] is True, "an OpenSSL with md4"
    assert left(target) == {"courses": [], "rows": 0, "files": []}


@with_feature
def test_a_platform_without_a_key_hash_ends_the_suite_with_one_cause(platform: Callable[[str], Target], release: str) -> None:
    target = platform(release)
    with target.with_settings(WITHOUT_HASH) as path:
        shown = target.observe(["long_cache_keys_are_hashed"], lms_cfg=path)["long_cache_keys_are_hashed"]["value"]
        if shown["hash"] == "md4":
            # A real LMS whose OpenSSL has it: the suite runs.
            assert "value" in target.observe([ROW], lms_cfg=path, needs_long_keys=True)[ROW]
            return
        with pytest.raises(UnusablePlatformError) as refusal:
            target.observe([ROW], lms_cfg=path, needs_long_keys=True)
    cause, remedy = str(refusal.value).splitlines()
    assert cause == f"{release} cannot hash long cache keys here: unsupported hash type md4."
    assert remedy.startswith(f"Remedy: set FEATURES.ENABLE_BLAKE2B_HASHING to true in {path}, or ")
    assert left(target) == {"courses": [], "rows": 0, "files": []}


def test_other_features_of_the_site_stay(platform: Callable[[str], Target]) -> None:
    """A copy of the settings that loses them does not start on a site whose own code reads them."""
    target = platform(TARGETS[-1])
    own = target.read(target.lms_cfg)
    with target.with_settings({"FEATURES": {"CONTRACT_EXAMPLE": True}}) as path:
        copy = target.read(path)
    assert copy == {**own, "FEATURES": {**own["FEATURES"], "CONTRACT_EXAMPLE": True}}


def test_settings_that_cannot_be_written_leave_no_copy(platform: Callable[[str], Target]) -> None:
    target = platform(TARGETS[-1])
    copies = ["find", "/tmp", "-maxdepth", "1", "-name", "block-structure-contract.*"]
    before = target.run(copies).out
    # What PyYAML and json raise for a value that they cannot write.
    with pytest.raises((yaml.YAMLError, TypeError)), target.with_settings({"EMAIL_SUBJECT_PREFIX": object()}):
        pass
    assert target.run(copies).out == before
