"""Turn the operator's variables into the desired state, or into the list of their errors.

The only place that reads public variables together: each subject checks its own. Nothing here contacts a host.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Callable, TypeVar

from ..common.errors import BlockStructureError
from ..common.findings import Finding
from . import (
    bucket,
    candidate,
    config_files,
    features,
    memcached_sizing,
    releases,
    runtime,
    signing,
    storage_settings,
    switches,
    tutor,
)
from . import variables as names
from .platforms import AUTO
from .releases import Release

# Assumed for a platform whose row is not given, or which is not detected yet.
_PLAIN_PLATFORM: dict[str, Any] = {"tutor": False}
# A mistake in one of these stops a read-only run too: it decides what the run would read.
_DECIDE_READING = (
    "block_structure_release",
    "block_structure_release_overrides",
    "block_structure_prepare_upgrade",
    "block_structure_platform",
)
_NO_BUCKET = ("variable-missing", "block_structure_storage_bucket")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Content:
    """The desired content of settings, database and storage; only known once release and bucket are.

    settings: the public BLOCK_STRUCTURES_SETTINGS, without secrets. also: settings outside of it, {dictionary: {key: value}}.
    row: fields of BlockStructureConfiguration. switches: {name: on, off, or None to delete it}. switches_if_clean: those to
    turn on only after a generation without failures. lms_iam_policy: what the LMS's key needs. lms_bucket_policy:
    the same as a policy of the bucket, if a principal is given. signing: the mode of signatures
    that the operator wants, which the settings reach once every object is signed; None for a class that does not sign.
    """

    settings: dict[str, Any]
    also: dict[str, dict[str, bool]]
    row: dict[str, Any]
    switches: dict[str, bool | None]
    switches_if_clean: dict[str, bool]
    lms_iam_policy: dict[str, Any]
    lms_bucket_policy: dict[str, Any] | None
    signing: str | None


@dataclass(frozen=True)
class Desired:
    """What an operator wants of a host.

    platform: its name. environment: variables of its processes. identify: input of probe/operations/identify.py. runtime: what
    the LMS's workers should run with, and whether the role manages it. tutor_majors: {release: Tutor major}. release: None
    while the installed one is not known. settings_files: those to edit. content: None while release or bucket are not known.
    """

    platform: str
    identify: dict[str, Any]
    runtime: dict[str, Any] | None
    tutor_majors: dict[str, int | None]
    environment: dict[str, str]
    release: Release | None = None
    settings_files: list[dict[str, Any]] = field(default_factory=list)
    content: Content | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as data for tasks and filters: the content's fields beside the others, the release as row with its name."""
        # Not asdict: it rebuilds containers by their own type, which Ansible's do not allow.
        data = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "content"}
        data["release"] = releases.as_named_row(self.release) if self.release else None
        if self.content:
            data.update({one.name: getattr(self.content, one.name) for one in fields(self.content)})
        return data


@dataclass(frozen=True)
class Resolution:
    """The answer to a set of variables.

    errors: everything that must be corrected first. findings: what is worth saying. desired: None where release or platform
    are refused; without its content if there is any error.
    """

    desired: Desired | None
    errors: tuple[BlockStructureError, ...]
    findings: tuple[Finding, ...]

    def for_reading(self) -> Resolution:
        """Adapt it to a read-only run: only a wrong release or platform stops it.

        All other errors become findings. A missing bucket is no error: diagnose runs before you choose one.
        """
        stopping = tuple(error for error in self.errors if error.variable in _DECIDE_READING)
        reported = [
            error.finding for error in self.errors if error not in stopping and (error.identifier, error.variable) != _NO_BUCKET
        ]
        return replace(self, errors=stopping, findings=(*self.findings, *reported))


class _Errors(list[BlockStructureError]):
    """Errors of the variables so far: the operator sees all of them at once."""

    def of(self, function: Callable[[], _Value]) -> _Value | None:
        """Return the function's value; add the error that it raises."""
        try:
            return function()
        except BlockStructureError as error:
            self.append(error)
            return None


def _platform(variables: dict[str, Any], platforms: dict[str, dict[str, Any]] | None) -> dict[str, Any]:
    platform = variables["block_structure_platform"]
    if platforms is None or platform == AUTO:
        return _PLAIN_PLATFORM
    if platform not in platforms:
        raise BlockStructureError(
            "platform-unknown",
            f"block_structure_platform is '{platform}', which this role does not know.",
            f"set it to one of {', '.join(platforms)}.",
            "block_structure_platform",
        )
    return platforms[platform]


def resolve(
    variables: dict[str, Any],
    table: dict[str, dict[str, Any]],
    *,
    known: list[str] | None = None,
    plain_secrets: list[str] | None = None,
    platforms: dict[str, dict[str, Any]] | None = None,
    defaults: dict[str, Any] | None = None,
    memcached_hosts: list[str] | None = None,
    identified: dict[str, Any] | None = None,
    key_hash: dict[str, Any] | None = None,
) -> Resolution:
    """Return the desired state without secrets, and all errors of the variables.

    variables: every block_structure_ variable of a host by its full name. table: the release table.
    known: names that exist, to refuse misspelt ones. plain_secrets: secret variables that are not vaulted.
    platforms: {name: row} of the platforms. defaults: of the variables.
    memcached_hosts: of the group block_structure_memcached.
    identified: the installed release as the probe identified it. Without it the named release is used for now; without
    either, only checks that need no release run.
    key_hash: why the running LMS cannot make a long cache key, where a deploy follows: what its candidate would meet.
    """
    errors = _Errors(names.unknown_names([name for name in variables if name.startswith(names.PREFIX)], known) if known else [])
    findings = names.plain_secret_findings(plain_secrets or [])
    errors += names.check(variables)
    tuning = errors.of(lambda: runtime.wanted(variables))
    bucket_name = variables.get("block_structure_storage_bucket")
    if bucket_name:
        errors.of(lambda: bucket.check_name(bucket_name))
    errors.of(lambda: bucket.check_principal(variables["block_structure_bucket_lms_principal"]))
    errors.of(lambda: bucket.check_kms_key(variables["block_structure_bucket_kms_key"]))
    before = len(errors)
    for name in storage_settings.ENDPOINTS:
        errors.of(partial(storage_settings.check_endpoint, name, variables[name]))
    reachable = len(errors) == before
    platform = errors.of(lambda: _platform(variables, platforms)) or _PLAIN_PLATFORM
    as_installed = tutor.installed if platform["tutor"] else lambda plain: plain
    before = len(errors)
    release = errors.of(lambda: releases.wanted_release(variables, table, identified))
    if len(errors) > before:
        return Resolution(None, tuple(errors), tuple(findings))
    named, prepares = variables["block_structure_release"], variables["block_structure_prepare_upgrade"]
    managed = variables["block_structure_manage_runtime"] and variables["block_structure_platform"] in runtime.PLATFORMS
    desired = Desired(
        platform=variables["block_structure_platform"],
        identify={
            "rows": releases.identify_rows(table, named, variables["block_structure_release_overrides"], as_installed),
            "named": named,
            "prepares": prepares,
        },
        runtime=None if tuning is None else {**tuning.as_dict(), "managed": managed},
        tutor_majors={name: row["tutor_major"] for name, row in table.items()},
        environment=storage_settings.environment(variables),
    )
    if release is None:
        errors.of(lambda: storage_settings.check_prefix(variables["block_structure_storage_prefix"]))
        return Resolution(desired, tuple(errors), tuple(findings))
    release = as_installed(release)
    # An upgrade is prepared from the installed platform's row, which may not be known yet.
    resolved = identified is not None or not prepares
    desired = replace(
        desired,
        release=release if resolved else None,
        settings_files=[] if platform["tutor"] else config_files.settings_files(variables, release),
    )
    if platform["tutor"]:
        errors += tutor.check_memcached_variables(variables, release, defaults or {}, memcached_hosts or [])
        if tuning and variables["block_structure_manage_runtime"]:
            errors.of(lambda: tutor.check_runtime(release, variables["block_structure_manage_settings"]))
    findings += errors.of(lambda: memcached_sizing.check_variables(variables, release)) or []
    turned = errors.of(lambda: switches.desired_switches(variables, release)) if resolved else ({}, {})
    findings += switches.publish_findings(variables, release)
    also = errors.of(lambda: features.desired_features(variables, release, findings))
    if variables["block_structure_manage_settings"] and not (also or {}).get("FEATURES", {}).get(features.BLAKE2B):
        errors.of(lambda: candidate.check_key_hash(key_hash, release))
    options = storage_settings.StorageOptions.from_variables(variables, platform.get("storage_local_dir"))
    built = errors.of(lambda: storage_settings.build(options, release)) if bucket_name and reachable else None
    if errors or built is None or turned is None or also is None:
        return Resolution(desired, tuple(errors), tuple(findings))
    policy = bucket.lms_policy(
        str(bucket_name),
        variables["block_structure_storage_prefix"],
        reads_versions=storage_settings.uses_boto(release),
        partition=bucket.partition(
            variables["block_structure_storage_region"], variables["block_structure_storage_endpoint_url"]
        ),
        kms_key=variables["block_structure_bucket_kms_key"],
    )
    content = Content(
        settings=built.public,
        also=also,
        row={
            "num_versions_to_keep": variables["block_structure_num_versions_to_keep"],
            "cache_timeout_in_seconds": variables["block_structure_cache_timeout_seconds"],
        },
        switches=turned[0],
        switches_if_clean=turned[1],
        lms_iam_policy=policy,
        lms_bucket_policy=bucket.as_bucket_policy(policy, variables["block_structure_bucket_lms_principal"]),
        signing=signing.mode(built.public),
    )
    return Resolution(replace(desired, content=content), (), (*findings, *built.findings))
