"""From the operator's variables to everything the role wants, or to the list of what is wrong with them.

The one place where public variables are read together. Nothing here looks at a host.
"""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any, Callable

from . import bucket, memcached_sizing, runtime, storage_settings, tutor
from .errors import BlockStructureError
from .findings import Finding
from .releases import Release, from_row, pick

PREFIX = "block_structure_"
STORAGE_SWITCH = "block_structure.storage_backing_for_cache"
INVALIDATE_SWITCH = "block_structure.invalidate_cache_on_publish"
RAISE_SWITCH = "block_structure.raise_error_when_not_found"
SECRET_VARIABLES = (
    "block_structure_storage_access_key",
    "block_structure_storage_secret_key",
    "block_structure_bucket_access_key",
    "block_structure_bucket_secret_key",
    "block_structure_bucket_session_token",
)
# Variables of memcached that say something of any cache, so that they may be set where there is no memcached.
ANY_CACHE = ("block_structure_memcached_other_tenants_mb", "block_structure_memcached_growth_percent")
# What is assumed of a platform whose row is not given: the native one.
_PLAIN_PLATFORM = {"edits_config_files": True, "tutor": False}
# Former name -> what to use. A renamed variable is refused by name instead of being ignored.
RENAMED: dict[str, str] = {}


def _collect(errors: list[BlockStructureError], function: Callable[[], Any]) -> Any:
    """Return the function's value; what it refuses joins the list, so that an operator sees all of it at once."""
    try:
        return function()
    except BlockStructureError as error:
        errors.append(error)
        return None


def unknown_names(given: list[str], known: list[str], renamed: dict[str, str] | None = None) -> list[BlockStructureError]:
    """Return an error for each variable of ours that does not exist: renamed, or misspelt."""
    table = RENAMED if renamed is None else renamed
    errors = []
    for name in sorted(given):
        if name in table:
            errors.append(
                BlockStructureError("variable-renamed", f"{name} has a new name.", f"write {table[name]} instead.", name)
            )
        elif name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "the README lists every variable."
            errors.append(BlockStructureError("variable-unknown", f"There is no variable {name}.", hint, name))
    return errors


def _check_required(variables: dict[str, Any]) -> list[BlockStructureError]:
    return [
        BlockStructureError("variable-missing", f"{name} is not set.", remedy, name)
        for name, remedy in (
            ("block_structure_release", "name the Open edX release of the site, such as teak."),
            ("block_structure_storage_bucket", "name the S3 bucket for block structures."),
        )
        if not variables.get(name)
    ]


def _platform(variables: dict[str, Any], platforms: dict[str, dict[str, Any]] | None) -> dict[str, Any]:
    platform = variables["block_structure_platform"]
    if platforms is None:
        return _PLAIN_PLATFORM
    if platform not in platforms:
        raise BlockStructureError(
            "platform-unknown",
            f"block_structure_platform is '{platform}', which this role does not know.",
            f"set it to one of {', '.join(platforms)}.",
            "block_structure_platform",
        )
    return platforms[platform]


def _check_config_format(release: Release, platform: dict[str, Any]) -> None:
    if platform["edits_config_files"] and release.config_format != "yaml":
        raise BlockStructureError(
            "release-config-format",
            f"The settings of {release.name} are {release.config_format.upper()} files, which this role does not edit yet.",
            "set block_structure_manage_settings to false and put BLOCK_STRUCTURES_SETTINGS into them by hand.",
            "block_structure_manage_settings",
        )


def _memcached_errors(
    variables: dict[str, Any], release: Release, defaults: dict[str, Any], hosts: list[str]
) -> list[BlockStructureError]:
    """Return what the inventory says of a memcached, on a platform whose cache is none of its servers."""
    names = [name for name in variables if name.startswith(f"{PREFIX}memcached_") and name not in ANY_CACHE]
    changed = [name for name in sorted(names) if name in defaults and variables[name] != defaults[name]]
    return tutor.check_memcached(release, hosts if variables["block_structure_manage_memcached"] else [], changed)


def _check_numbers(variables: dict[str, Any]) -> list[BlockStructureError]:
    errors = []
    versions = variables["block_structure_num_versions_to_keep"]
    if not isinstance(versions, int) or versions < 1:
        errors.append(
            BlockStructureError(
                "versions-below-one",
                f"block_structure_num_versions_to_keep is {versions}: pruning would delete the object that was just written.",
                "set it to 1 or more; 2 to 5 are sensible.",
                "block_structure_num_versions_to_keep",
            )
        )
    timeout = variables["block_structure_cache_timeout_seconds"]
    if timeout is not None and timeout <= 0:
        errors.append(
            BlockStructureError(
                "timeout-not-positive",
                f"block_structure_cache_timeout_seconds is {timeout}: nothing would ever be cached.",
                "leave it unset (null), which never expires, or give seconds.",
                "block_structure_cache_timeout_seconds",
            )
        )
    acl = variables["block_structure_storage_default_acl"]
    if acl is not None and str(acl).startswith("public"):
        errors.append(
            BlockStructureError(
                "acl-public",
                f"block_structure_storage_default_acl is '{acl}': a stranger could read every course's structure.",
                "leave it unset (null), or set it to private for a store that has no object ownership.",
                "block_structure_storage_default_acl",
            )
        )
    return errors


# Counts and durations of generation -> the least that makes sense.
_LEAST = {
    "block_structure_generation_workers": 1,
    "block_structure_generation_memory_mb": 1,
    "block_structure_generation_course_timeout_seconds": 1,
    "block_structure_generation_outage_patience_seconds": 0,
    "block_structure_generation_batch": 1,
    "block_structure_regenerate_limit": 1,
    "block_structure_prune_min_age_seconds": 0,
}


def _check_least(variables: dict[str, Any]) -> list[BlockStructureError]:
    return [
        BlockStructureError("number-too-small", f"{name} is {variables[name]}.", f"set it to {least} or more.", name)
        for name, least in _LEAST.items()
        if variables.get(name) is not None and int(variables[name]) < least
    ]


def _check_keys(variables: dict[str, Any]) -> list[BlockStructureError]:
    pairs = (
        ("block_structure_storage_access_key", "block_structure_storage_secret_key"),
        ("block_structure_bucket_access_key", "block_structure_bucket_secret_key"),
    )
    return [
        BlockStructureError(
            "key-pair-broken",
            f"Only one of {access} and {secret} is set.",
            "set both, or neither to use the instance role.",
            access,
        )
        for access, secret in pairs
        if bool(variables.get(access)) != bool(variables.get(secret))
    ]


def _check_sizes(variables: dict[str, Any], release: Release, findings: list[Finding]) -> None:
    size, memory = variables["block_structure_memcached_item_size"], variables["block_structure_memcached_memory_mb"]
    if size is None:
        return
    item_bytes = memcached_sizing.parse_item_size(size)
    findings += memcached_sizing.item_size_findings(item_bytes, release)
    if memory is not None:
        memcached_sizing.check_ratio(item_bytes, memory)


def _switches(variables: dict[str, Any], release: Release) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return (switches, switches that need a clean generation first); a switch that is gone is refused when asked for."""
    asked = {
        INVALIDATE_SWITCH: ("block_structure_invalidate_cache_on_publish", False),
        RAISE_SWITCH: ("block_structure_raise_error_when_not_found", True),
    }
    plain: dict[str, bool] = {release.storage_switch: True} if release.storage_switch else {}
    if_clean: dict[str, bool] = {}
    for switch, (variable, needs_clean) in asked.items():
        wanted = bool(variables[variable])
        if switch not in release.switches:
            if wanted:
                raise BlockStructureError(
                    "switch-gone",
                    f"{variable} is true, and {release.name} has no switch {switch} any more.",
                    f"remove {variable}; the release behaves as if it were off.",
                    variable,
                )
        elif wanted and needs_clean:
            if_clean[switch] = True
        else:
            plain[switch] = wanted
    return plain, if_clean


def _plain_secret_findings(plain_secrets: list[str]) -> list[Finding]:
    return [
        Finding(
            "secret-in-plain-inventory",
            "warning",
            f"{name} stands unencrypted in the inventory.",
            f"run `ansible-vault encrypt_string --name {name}` and put its output there.",
            name,
        )
        for name in plain_secrets
    ]


def storage_options(variables: dict[str, Any]) -> storage_settings.StorageOptions:
    """Return the options of storage_settings.build from the public variables."""
    general = ("course_publish_task_delay_seconds", "task_default_retry_delay_seconds", "task_max_retries", "pruning_active")
    values = {}
    for name in [field.name for field in fields(storage_settings.StorageOptions)]:
        own = name if name in general or name == "storage_class" else f"storage_{name}"
        values[name] = variables[PREFIX + own]
    return storage_settings.StorageOptions(**values)


def bucket_options(variables: dict[str, Any]) -> bucket.BucketOptions:
    """Return the options of bucket.compare from the public variables."""
    names = [field.name for field in fields(bucket.BucketOptions) if field.name != "name"]
    values = {name: variables[f"{PREFIX}bucket_{name}"] for name in names}
    return bucket.BucketOptions(name=variables["block_structure_storage_bucket"], **values)


def validate(
    variables: dict[str, Any],
    table: dict[str, dict[str, Any]],
    *,
    known: list[str] | None = None,
    plain_secrets: list[str] | None = None,
    platforms: dict[str, dict[str, Any]] | None = None,
    defaults: dict[str, Any] | None = None,
    memcached_hosts: list[str] | None = None,
) -> dict[str, Any]:
    """Return what the role wants, as data without secrets, and everything that is wrong with the variables.

    variables: every block_structure_ variable of a host by its full name. table: the release table.
    known: names that exist, to refuse misspelt ones. plain_secrets: secret variables that are not vaulted.
    platforms: {name: row} of the platforms. defaults: of the variables.
    memcached_hosts: of the group block_structure_memcached.
    Result keys: errors (list), findings (list), and, when there is no error, release (row with name), platform, settings, row,
    switches, switches_if_clean, runtime, lms_iam_policy.
    """
    errors = unknown_names([name for name in variables if known and name.startswith(PREFIX)], known) if known else []
    findings = _plain_secret_findings(plain_secrets or [])
    errors += _check_required(variables)
    errors += _check_numbers(variables) + _check_least(variables) + _check_keys(variables)
    runtime_wanted = _collect(errors, lambda: runtime.wanted(variables))
    name = variables.get("block_structure_storage_bucket")
    if name:
        _collect(errors, lambda: bucket.check_name(name))
    release = None
    overrides = variables.get("block_structure_release_overrides") or {}
    if variables.get("block_structure_release"):
        release = _collect(errors, lambda: pick(table, variables["block_structure_release"], overrides))
    if release is None:
        return _result(errors, findings)
    platform = _collect(errors, lambda: _platform(variables, platforms)) or _PLAIN_PLATFORM
    row = {**table[release.name], **overrides}
    if platform["tutor"]:
        row = tutor.installed_row(row)
        release = from_row(release.name, row)
        errors += _memcached_errors(variables, release, defaults or {}, memcached_hosts or [])
    _collect(errors, lambda: _check_config_format(release, platform))
    _collect(errors, lambda: _check_sizes(variables, release, findings))
    switches = _collect(errors, lambda: _switches(variables, release))
    built = _collect(errors, lambda: storage_settings.build(storage_options(variables), release)) if name else None
    if errors or built is None:
        return _result(errors, findings)
    return {
        **_result(errors, findings + built.findings),
        "release": {**row, "name": release.name},
        "platform": variables["block_structure_platform"],
        "settings": built.public,
        "row": {
            "num_versions_to_keep": variables["block_structure_num_versions_to_keep"],
            "cache_timeout_in_seconds": variables["block_structure_cache_timeout_seconds"],
        },
        "switches": switches[0],
        "switches_if_clean": switches[1],
        "runtime": {
            **runtime_wanted.as_dict(),
            "managed": variables["block_structure_manage_runtime"]
            and variables["block_structure_platform"] in runtime.PLATFORMS,
        },
        "lms_iam_policy": bucket.lms_policy(str(name), variables["block_structure_storage_prefix"]),
    }


def as_notes(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return warnings of the inventory as what is good to know: they are no fault of the site that is looked at."""
    return [{**finding, "severity": "info", "cost": "nothing"} for finding in found]


def for_a_look(variables: dict[str, Any], table: dict[str, dict[str, Any]], validated: dict[str, Any]) -> dict[str, Any]:
    """Return what validate() returned, for a look that changes nothing: only a wrong release or platform stops it.

    What else is wrong with the variables becomes findings. A bucket that is not chosen yet is no fault: a look comes first.
    """
    errors = validated["errors"]
    if not errors:
        return {**validated, "findings": as_notes(validated["findings"])}
    own = ("block_structure_release", "block_structure_release_overrides", "block_structure_platform")
    stopping = [error for error in errors if error["variable"] in own]
    told = [
        error
        for error in errors
        if error not in stopping and (error["id"], error["variable"]) != ("variable-missing", "block_structure_storage_bucket")
    ]
    result: dict[str, Any] = {"errors": stopping, "findings": [*as_notes(validated["findings"]), *told]}
    if not stopping:
        name = variables["block_structure_release"]
        row = {**table[name], **(variables["block_structure_release_overrides"] or {}), "name": name}
        result.update(release=row, platform=variables["block_structure_platform"])
    return result


def _result(errors: list[BlockStructureError], findings: list[Finding]) -> dict[str, Any]:
    return {
        "errors": [error.as_dict() for error in errors],
        "findings": [finding.as_dict() for finding in findings],
    }
