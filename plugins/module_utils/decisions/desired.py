"""Turn the operator's variables into the desired state, or into the list of their errors.

The only place that reads public variables together. Nothing here contacts a host.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Callable

from ..common.errors import BlockStructureError
from ..common.findings import Finding
from . import (
    bucket,
    memcached_sizing,
    runtime,
    storage_settings,
    tutor,
)
from . import variables as names
from .platforms import AUTO
from .releases import (
    Release,
    as_named_row,
    identify_rows,
    pick,
    resolve_release,
)

PREFIX = names.PREFIX
_STORAGE = f"{PREFIX}storage_"
INVALIDATE_SWITCH = "block_structure.invalidate_cache_on_publish"
RAISE_SWITCH = "block_structure.raise_error_when_not_found"
# Memcached variables that apply to any cache, and may be set without a memcached.
ANY_CACHE = ("block_structure_memcached_other_tenants_mb", "block_structure_memcached_growth_percent")
# System -> the variable that names its settings file on a native installation.
_CONFIG_VARIABLES = {"lms": "block_structure_native_lms_config", "cms": "block_structure_native_cms_config"}
# Assumed for a platform whose row is not given, or which is not detected yet.
_PLAIN_PLATFORM: dict[str, Any] = {"tutor": False}


def _collect(errors: list[BlockStructureError], function: Callable[[], Any]) -> Any:
    """Return the function's value; an error is added to the list, so that the operator sees all of them at once."""
    try:
        return function()
    except BlockStructureError as error:
        errors.append(error)
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


def _memcached_errors(
    variables: dict[str, Any], release: Release, defaults: dict[str, Any], hosts: list[str]
) -> list[BlockStructureError]:
    """Return errors for memcached settings on a platform that does not use those servers."""
    names = [name for name in variables if name.startswith(f"{PREFIX}memcached_") and name not in ANY_CACHE]
    changed = [name for name in sorted(names) if name in defaults and variables[name] != defaults[name]]
    return tutor.check_memcached(release, hosts if variables["block_structure_manage_memcached"] else [], changed)


def _check_sizes(variables: dict[str, Any], release: Release, findings: list[Finding]) -> None:
    size, memory = variables["block_structure_memcached_item_size"], variables["block_structure_memcached_memory_mb"]
    if size is None:
        return
    item_bytes = memcached_sizing.parse_item_size(size)
    findings += memcached_sizing.item_size_findings(item_bytes, release)
    if memory is not None:
        memcached_sizing.check_ratio(item_bytes, memory)


def _switches(variables: dict[str, Any], release: Release) -> tuple[dict[str, bool | None], dict[str, bool]]:
    """Return (switches, switches that need a clean generation first); raises `switch-gone` for one that the release lacks.

    None deletes the switch: those that nothing reads any more.
    """
    asked = {
        INVALIDATE_SWITCH: ("block_structure_invalidate_cache_on_publish", False),
        RAISE_SWITCH: ("block_structure_raise_error_when_not_found", True),
    }
    plain: dict[str, bool | None] = {release.storage_switch: True} if release.storage_switch else {}
    if variables["block_structure_delete_inert_switches"]:
        plain.update(dict.fromkeys(release.inert_switches))
    if_clean: dict[str, bool] = {}
    for switch, (variable, needs_clean) in asked.items():
        wanted = bool(variables[variable])
        if switch not in release.switches:
            if wanted:
                raise BlockStructureError(
                    "switch-gone",
                    f"{variable} is true, and {release.name} no longer has the switch {switch}.",
                    f"remove {variable}; the release behaves as if it were off.",
                    variable,
                )
        elif wanted and needs_clean:
            if_clean[switch] = True
        else:
            plain[switch] = wanted
    return plain, if_clean


def _publish_findings(variables: dict[str, Any], release: Release) -> list[Finding]:
    """Return a finding where a switch would keep new courses out of the cache permanently."""
    variable = "block_structure_invalidate_cache_on_publish"
    if not (variables[variable] and INVALIDATE_SWITCH in release.switches and release.publish_needs_row):
        return []
    return [
        Finding(
            "publish-needs-row",
            "warning",
            f"{variable} is true, and on {release.name} publishing a course that is not stored yet fails: a new "
            "course is rebuilt in each request.",
            f"remove {variable}; a publish replaces the structure without it.",
            variable,
        )
    ]


def _also(variables: dict[str, Any], release: Release, findings: list[Finding]) -> dict[str, dict[str, bool]]:
    """Return settings outside of ours, {dictionary: {key: value}}; one that the release ignores is an error or a finding."""
    variable = "block_structure_blake2b_hashing"
    wanted = variables[variable]
    if wanted is None:
        return {}
    if release.blake2b_feature:
        return {"FEATURES": {"ENABLE_BLAKE2B_HASHING": bool(wanted)}}
    if wanted and release.cache_key_hash != "blake2b":
        raise BlockStructureError(
            "blake2b-not-read",
            f"{variable} is true, and {release.name} does not read FEATURES.ENABLE_BLAKE2B_HASHING: it hashes with md4.",
            f"remove {variable}, and give the OpenSSL of the LMS hosts its legacy provider if it has no md4.",
            variable,
        )
    findings.append(
        Finding(
            "blake2b-not-read",
            "warning",
            f"{variable} has no effect: {release.name} always hashes long cache keys with {release.cache_key_hash}.",
            f"remove {variable}.",
            variable,
        )
    )
    return {}


def storage_options(variables: dict[str, Any], local_dir: str | None = None) -> storage_settings.StorageOptions:
    """Return the options of storage_settings.build from the public variables; local_dir: the platform's default."""
    given = {
        **{name[len(_STORAGE) :]: value for name, value in variables.items() if name.startswith(_STORAGE)},
        **variables["block_structure_storage_resilience"],
        **variables["block_structure_task_settings"],
        "storage_class": variables["block_structure_storage_class"],
    }
    known = [field.name for field in fields(storage_settings.StorageOptions)]
    values = {name: value for name, value in given.items() if name in known}
    values["local_dir"] = values["local_dir"] or local_dir or storage_settings.StorageOptions.local_dir
    return storage_settings.StorageOptions(**values)


def bucket_options(variables: dict[str, Any]) -> bucket.BucketOptions:
    """Return the options of bucket.compare from the public variables."""
    others = ("noncurrent_days", "abort_multipart_days", "tags")
    return bucket.BucketOptions(
        name=variables["block_structure_storage_bucket"],
        **variables["block_structure_bucket_features"],
        **{name: variables[f"{PREFIX}bucket_{name}"] for name in others},
    )


def settings_files(variables: dict[str, Any], release: Release, tutor_site: bool) -> list[dict[str, Any]]:
    """Return the settings files that the role edits, each with its name, path, format and variable; empty on Tutor.

    A path variable of None selects the release's path, "" means that the host does not run that system. Studio's file is
    omitted where the release does not read our settings from it.
    """
    if tutor_site:
        return []
    files = []
    for name, variable in _CONFIG_VARIABLES.items():
        if name == "cms" and not release.studio_reads_settings:
            continue
        given = variables[variable]
        path = release.config_files[name] if given is None else given
        if path:
            files.append({"name": name, "path": path, "format": release.config_format, "variable": variable})
    return files


def _release(
    variables: dict[str, Any],
    table: dict[str, dict[str, Any]],
    identified: dict[str, Any] | None,
) -> Release | None:
    """Return the release to use: the installed one, or the named one as long as the installed one is unknown."""
    named, overrides = variables["block_structure_release"], variables["block_structure_release_overrides"]
    prepares = variables["block_structure_prepare_upgrade"]
    if prepares and not named:
        raise BlockStructureError(
            "upgrade-to-nowhere",
            "block_structure_prepare_upgrade is true, and block_structure_release is not set.",
            "set block_structure_release to the release that the site will be upgraded to.",
            "block_structure_release",
        )
    if identified:
        return resolve_release(table, identified, named, overrides, prepares=prepares)
    return pick(table, named, overrides) if named else None


def validate(
    variables: dict[str, Any],
    table: dict[str, dict[str, Any]],
    *,
    known: list[str] | None = None,
    plain_secrets: list[str] | None = None,
    platforms: dict[str, dict[str, Any]] | None = None,
    defaults: dict[str, Any] | None = None,
    memcached_hosts: list[str] | None = None,
    identified: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the desired state as data without secrets, and all errors of the variables.

    variables: every block_structure_ variable of a host by its full name. table: the release table.
    known: names that exist, to refuse misspelt ones. plain_secrets: secret variables that are not vaulted.
    platforms: {name: row} of the platforms. defaults: of the variables.
    memcached_hosts: of the group block_structure_memcached.
    identified: the installed release as the probe identified it. Without it the named release is used for now; without
    either, only checks that need no release run.
    Result keys: errors (list), findings (list); unless release or platform are refused, platform, identify (input of
    probe/operations/identify.py), runtime, settings_files, tutor_majors ({release: Tutor major}) and
    release (row with name; None while the installed one is not known); and, when there is a release and no error, settings,
    also, row, switches, switches_if_clean, lms_iam_policy.
    """
    errors = names.unknown_names([name for name in variables if name.startswith(PREFIX)], known) if known else []
    findings = names.plain_secret_findings(plain_secrets or [])
    errors += names.check(variables)
    runtime_wanted = _collect(errors, lambda: runtime.wanted(variables))
    runtime_managed = variables["block_structure_manage_runtime"] and variables["block_structure_platform"] in runtime.PLATFORMS
    name = variables.get("block_structure_storage_bucket")
    if name:
        _collect(errors, lambda: bucket.check_name(name))
    platform = _collect(errors, lambda: _platform(variables, platforms)) or _PLAIN_PLATFORM
    as_installed = tutor.installed if platform["tutor"] else lambda plain: plain
    before = len(errors)
    release = _collect(errors, lambda: _release(variables, table, identified))
    if len(errors) > before:
        return _result(errors, findings)
    # An upgrade is prepared from the installed platform's row, which may not be known yet.
    resolved = identified is not None or not variables["block_structure_prepare_upgrade"]
    named = variables["block_structure_release"]
    result = {
        "platform": variables["block_structure_platform"],
        "identify": {
            "rows": identify_rows(table, named, variables["block_structure_release_overrides"], as_installed),
            "named": named,
            "prepares": variables["block_structure_prepare_upgrade"],
        },
        "runtime": None if runtime_wanted is None else {**runtime_wanted.as_dict(), "managed": runtime_managed},
        "release": None,
        "settings_files": [],
        "tutor_majors": {name: row["tutor_major"] for name, row in table.items()},
    }
    if release is None:
        _collect(errors, lambda: storage_settings.check_prefix(variables["block_structure_storage_prefix"]))
        return {**result, **_result(errors, findings)}
    release = as_installed(release)
    if resolved:
        result["release"] = as_named_row(release)
    result["settings_files"] = settings_files(variables, release, platform["tutor"])
    if platform["tutor"]:
        errors += _memcached_errors(variables, release, defaults or {}, memcached_hosts or [])
        if runtime_wanted and variables["block_structure_manage_runtime"]:
            _collect(errors, lambda: tutor.check_runtime(release, variables["block_structure_manage_settings"]))
    _collect(errors, lambda: _check_sizes(variables, release, findings))
    switches = _collect(errors, lambda: _switches(variables, release)) if resolved else ({}, {})
    findings += _publish_findings(variables, release)
    also = _collect(errors, lambda: _also(variables, release, findings))
    options = storage_options(variables, platform.get("storage_local_dir"))
    built = _collect(errors, lambda: storage_settings.build(options, release)) if name else None
    if errors or built is None:
        return {**result, **_result(errors, findings)}
    return {
        **result,
        **_result(errors, findings + built.findings),
        "settings": built.public,
        "also": also,
        "row": {
            "num_versions_to_keep": variables["block_structure_num_versions_to_keep"],
            "cache_timeout_in_seconds": variables["block_structure_cache_timeout_seconds"],
        },
        "switches": switches[0],
        "switches_if_clean": switches[1],
        "lms_iam_policy": bucket.lms_policy(
            str(name), variables["block_structure_storage_prefix"], reads_versions=storage_settings.uses_boto(release)
        ),
    }


def as_notes(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return warnings about the inventory as `info`: they are no fault of the inspected site."""
    return [{**finding, "severity": "info", "cost": "nothing"} for finding in found]


def for_reading(validated: dict[str, Any]) -> dict[str, Any]:
    """Adapt the result of validate() to a read-only run: only a wrong release or platform stops it.

    All other errors become findings. A missing bucket is no error: diagnose runs before you choose one.
    """
    errors = validated["errors"]
    own = (
        "block_structure_release",
        "block_structure_release_overrides",
        "block_structure_prepare_upgrade",
        "block_structure_platform",
    )
    stopping = [error for error in errors if error["variable"] in own]
    report = [
        error
        for error in errors
        if error not in stopping and (error["id"], error["variable"]) != ("variable-missing", "block_structure_storage_bucket")
    ]
    return {**validated, "errors": stopping, "findings": [*as_notes(validated["findings"]), *report]}


def _result(errors: list[BlockStructureError], findings: list[Finding]) -> dict[str, Any]:
    return {
        "errors": [error.as_dict() for error in errors],
        "findings": [finding.as_dict() for finding in findings],
    }
