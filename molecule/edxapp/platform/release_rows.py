"""What differs between the platform's releases, one row each. The code asks the row and never compares names.

The active release is read, in this order, from the environment variable EDXAPP_RELEASE and from the file
`edxapp_release` at the root of the virtual environment, so that pointing the `venvs/edxapp` link at another
environment changes libraries and behaviour together.

Sources: the platform's code of Hawthorn (2018), just before Palm, of 2024-09 (Redwood to Sumac) and of mid-2025 (Teak),
and the release notes for what lies between. Rows newer than Teak follow the main branch of 2026.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

MEBIBYTE = 1024 * 1024
STORAGE_SWITCH = "block_structure.storage_backing_for_cache"
INVALIDATE_SWITCH = "block_structure.invalidate_cache_on_publish"
RAISE_SWITCH = "block_structure.raise_error_when_not_found"


@dataclass(frozen=True)
class ReleaseRow:
    """One release.

    name: the release line.
    config_format: json (CONFIG_ROOT and SERVICE_VARIANT name a pair of files) or yaml (LMS_CFG and STUDIO_CFG name one).
    studio_reads_settings: whether Studio takes BLOCK_STRUCTURES_SETTINGS from its file, or keeps its own default.
    storage_switch: the waffle switch that gates storage, or None where storage is always in use (from Teak).
    invalidate_switch: the waffle switch that clears the structure on publish, or None (from Quince).
    publish_needs_row: whether clearing on publish a course without a row ends the publish before its task is queued.
    raise_switch: the waffle switch that answers a miss with an error, or None (from Palm).
    switch_api: namespace (switches are names, asked through `waffle()`) or objects (from Lilac).
    course_index: whether the index of courses can be imported as an SQL model (from Maple).
    unpickle_errors: raised, or rebuilt.
    with_storage_option: whether `generate_course_blocks` takes `--with_storage`.
    pruning_is_optional: whether PRUNING_ACTIVE is asked before old files are removed (until Palm).
    cache_cap_bytes: structures of this size or more are not written to the cache; None for no cap.
    key_hash: digest of cache keys over 250 characters: md4, blake2b, or feature (md4 unless
        FEATURES.ENABLE_BLAKE2B_HASHING).
    forces_default_acl: whether the production settings overwrite AWS_DEFAULT_ACL after the YAML.
    default_s3_class: what DEFAULT_FILE_STORAGE becomes where AWS keys are given and no class is.
    storage_resolver: get_storage (cached, so keyword values must be hashable) or resolve_storage_backend.
    cms_config_variable: whether Studio reads CMS_CFG before STUDIO_CFG.
    absent_modules: modules that the release's own libraries do not have, and those of its environment do.
    """

    name: str
    config_format: str
    studio_reads_settings: bool
    storage_switch: str | None
    invalidate_switch: str | None
    publish_needs_row: bool
    raise_switch: str | None
    switch_api: str
    course_index: bool
    unpickle_errors: str
    with_storage_option: bool
    pruning_is_optional: bool
    cache_cap_bytes: int | None
    key_hash: str
    forces_default_acl: bool
    default_s3_class: str
    storage_resolver: str
    cms_config_variable: bool
    absent_modules: tuple[str, ...] = ()


IRONWOOD = ReleaseRow(
    name="ironwood",
    config_format="json",
    studio_reads_settings=False,
    storage_switch=STORAGE_SWITCH,
    invalidate_switch=INVALIDATE_SWITCH,
    publish_needs_row=True,
    raise_switch=RAISE_SWITCH,
    switch_api="namespace",
    course_index=False,
    unpickle_errors="raised",
    with_storage_option=True,
    pruning_is_optional=True,
    cache_cap_bytes=None,
    key_hash="md4",
    forces_default_acl=False,
    default_s3_class="storages.backends.s3boto.S3BotoStorage",
    storage_resolver="get_storage",
    cms_config_variable=False,
    # django-storages 1.4.1 knows boto alone.
    absent_modules=("storages.backends.s3boto3",),
)
JUNIPER = replace(
    IRONWOOD,
    name="juniper",
    config_format="yaml",
    studio_reads_settings=True,
    unpickle_errors="rebuilt",
    absent_modules=(),
)
KOA = replace(JUNIPER, name="koa")
LILAC = replace(KOA, name="lilac", switch_api="objects", publish_needs_row=False)
MAPLE = replace(LILAC, name="maple", course_index=True)
NUTMEG = replace(MAPLE, name="nutmeg", cms_config_variable=True)
OLIVE = replace(NUTMEG, name="olive")
PALM = replace(OLIVE, name="palm", raise_switch=None)
QUINCE = replace(
    PALM,
    name="quince",
    invalidate_switch=None,
    pruning_is_optional=False,
    forces_default_acl=True,
    default_s3_class="storages.backends.s3boto3.S3Boto3Storage",
)
REDWOOD = replace(QUINCE, name="redwood", key_hash="feature")
SUMAC = replace(REDWOOD, name="sumac")
TEAK = replace(
    SUMAC,
    name="teak",
    storage_switch=None,
    with_storage_option=False,
    cache_cap_bytes=2 * MEBIBYTE,
    key_hash="blake2b",
)
ULMO = replace(TEAK, name="ulmo", storage_resolver="resolve_storage_backend")
VERAWOOD = replace(ULMO, name="verawood")
MAIN = replace(VERAWOOD, name="main")

ROWS = {
    row.name: row
    for row in (
        IRONWOOD,
        JUNIPER,
        KOA,
        LILAC,
        MAPLE,
        NUTMEG,
        OLIVE,
        PALM,
        QUINCE,
        REDWOOD,
        SUMAC,
        TEAK,
        ULMO,
        VERAWOOD,
        MAIN,
    )
}


def _release_name() -> str:
    """Return the name that the environment or the virtual environment's file gives."""
    from_environment = os.environ.get("EDXAPP_RELEASE", "").strip()
    if from_environment:
        return from_environment
    path = Path(sys.prefix, "edxapp_release")
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SystemExit(
            f"The miniature edxapp does not know its release: {error}\n"
            f"Remedy: write one of {', '.join(ROWS)} to {path}, or set EDXAPP_RELEASE."
        ) from error


@lru_cache(maxsize=1)
def current() -> ReleaseRow:
    """Return the row of the active release. Exits with cause and remedy if there is none."""
    name = _release_name()
    if name not in ROWS:
        raise SystemExit(f"The miniature edxapp has no release named {name!r}\nRemedy: use one of {', '.join(ROWS)}.")
    for module in ROWS[name].absent_modules:
        # Python answers an import of such an entry with ModuleNotFoundError.
        sys.modules[module] = None
    return ROWS[name]
