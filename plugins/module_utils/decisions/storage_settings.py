"""Build BLOCK_STRUCTURES_SETTINGS for a release, with the secrets kept separate.

The platform replaces the whole dictionary with the YAML's, and reads the three delay and retry keys at import, so all of
them are always written (edx-platform block_structure/tasks.py, signals.py, envs/production.py). Unknown STORAGE_KWARGS
are ignored or stop Django from starting, depending on the release's django-storages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from ..common.changes import Change
from ..common.errors import BlockStructureError
from ..common.findings import Finding
from ..common.redact import is_secret_name
from . import bucket, signing
from .releases import Release

MEBIBYTE = 1024 * 1024
PLAIN = "plain"
# The class of files/block_structure_storage, and the class of django-storages that it derives from.
RESILIENT = "resilient"
RESILIENT_CLASS = "block_structure_storage.storage.ResilientS3Storage"
RESILIENT_NEEDS = "storages.backends.s3boto3.S3Boto3Storage"
# STORAGE_KWARGS of that class -> field of StorageOptions, and the factor of its unit.
_RESILIENT_KWARGS = {
    "local_directory": ("local_dir", None),
    "local_max_bytes": ("local_size_mb", MEBIBYTE),
    "spool_max_bytes": ("spool_size_mb", MEBIBYTE),
    "budget_seconds": ("budget_seconds", 1),
    "connect_timeout_seconds": ("connect_timeout_seconds", 1),
    "read_timeout_seconds": ("read_timeout_seconds", 1),
    "attempts": ("attempts", 1),
    "breaker_seconds": ("breaker_seconds", 1),
    "signing": ("signing", None),
}
# STORAGE_KWARGS that django-storages otherwise takes from the site's global AWS_* settings, which are for other storages -> its
# own default. Null where null is that default: then AWS's own endpoint, the environment and the instance role count. Without
# client_config, whose global setting only a settings module can hold and which came within the series 1.14.
OWN_DEFAULTS: dict[str, Any] = {
    "access_key": None,
    "secret_key": None,
    "security_token": None,
    "session_profile": None,
    "region_name": None,
    "endpoint_url": None,
    "addressing_style": None,
    "signature_version": None,
    "use_ssl": True,
    "verify": None,  # not true, which would ignore AWS_CA_BUNDLE
    "proxies": None,
    "transfer_config": None,
    "use_threads": True,
    "host": "s3.amazonaws.com",
    "port": None,
    "calling_format": "boto.s3.connection.SubdomainCallingFormat",
    "auto_create_bucket": False,
    "encryption": False,
    "gzip": False,
    "preload_metadata": False,
    "reduced_redundancy": False,
    # Copied for each write, so null would not do.
    "object_parameters": {},
    "headers": {},
}
# Of these, arguments of each write, which a release that must hash its kwargs cannot be given -> the global setting.
GLOBAL_PARAMETERS = {"object_parameters": "AWS_S3_OBJECT_PARAMETERS", "headers": "AWS_HEADERS"}
# Names that need no quoting anywhere, and mean themselves in a policy of S3 (user guide, "Naming objects").
_PLAIN_PREFIX = re.compile(r"[A-Za-z0-9!_.'()=+@~/-]*")
# How boto3 1.36 and later are told when checksums are due, which STORAGE_KWARGS cannot (AWS SDKs reference, "Data integrity
# protections").
CHECKSUMS = "block_structure_storage_checksums"
WHEN_SUPPORTED = "when_supported"  # boto3's own choice
# Variables of the platform's processes that the role may set.
ENVIRONMENT_NAMES = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
DEFAULT_REGION = "us-east-1"  # whose host is boto's own default


@dataclass(frozen=True)
class StorageOptions:
    """The operator's choices; every field is a public variable without its prefix, or a key of one."""

    bucket: str
    prefix: str
    region: str | None = None
    endpoint_url: str | None = None
    addressing_style: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    default_acl: str | None = None
    extra_kwargs: dict[str, Any] = field(default_factory=dict)
    storage_class: str = PLAIN
    signing: str = signing.REQUIRE
    local_dir: str = "/edx/var/block_structure_storage"
    local_size_mb: int = 1024
    spool_size_mb: int = 256
    budget_seconds: float = 2.0
    connect_timeout_seconds: float = 1.0
    read_timeout_seconds: float = 1.5
    attempts: int = 2
    breaker_seconds: int = 30
    course_publish_task_delay_seconds: int = 30
    task_default_retry_delay_seconds: int = 30
    task_max_retries: int = 5
    pruning_active: bool = True

    @classmethod
    def from_variables(cls, variables: dict[str, Any], local_dir: str | None = None) -> StorageOptions:
        """Return the options that the public variables ask for; local_dir: the platform's default."""
        prefix = "block_structure_storage_"
        given = {
            **{name[len(prefix) :]: value for name, value in variables.items() if name.startswith(prefix)},
            **variables["block_structure_storage_resilience"],
            **variables["block_structure_task_settings"],
            "storage_class": variables["block_structure_storage_class"],
        }
        values = {one.name: given[one.name] for one in fields(cls) if one.name in given}
        values["local_dir"] = values["local_dir"] or local_dir or cls.local_dir
        return cls(**values)


@dataclass(frozen=True)
class BuiltSettings:
    """`public` is the whole dictionary without secret values, `secrets` holds only those, in the same nesting."""

    public: dict[str, Any]
    secrets: dict[str, Any]
    findings: list[Finding]


def environment(variables: dict[str, Any]) -> dict[str, str]:
    """Return the environment variables that the platform's processes need."""
    wanted = str(variables[CHECKSUMS])
    return {} if wanted == WHEN_SUPPORTED else dict.fromkeys(ENVIRONMENT_NAMES, wanted)


def resolve_class(storage_class: str, release: Release) -> str:
    """Return the dotted path to write: the release's own for `plain`, ours for `resilient`, else the operator's path."""
    return {PLAIN: release.storage_class, RESILIENT: RESILIENT_CLASS}.get(storage_class, storage_class)


def check_prefix(prefix: str) -> None:
    """Raise BlockStructureError unless prefix and object name form a valid path.

    The platform concatenates them as they are; with a leading slash nothing is stored (SuspiciousFileOperation), measured.
    """
    if prefix.startswith("/"):
        raise BlockStructureError(
            "prefix-leading-slash",
            f"block_structure_storage_prefix '{prefix}' begins with a slash: Django refuses such names and nothing is stored.",
            f"write it as '{prefix.strip('/')}/'.",
            "block_structure_storage_prefix",
        )
    if prefix and not prefix.endswith("/"):
        raise BlockStructureError(
            "prefix-no-trailing-slash",
            f"block_structure_storage_prefix '{prefix}' does not end with a slash: it would run into the course's key.",
            f"write it as '{prefix}/'.",
            "block_structure_storage_prefix",
        )
    if not _PLAIN_PREFIX.fullmatch(prefix):
        raise BlockStructureError(
            "prefix-widens-policy",
            f"block_structure_storage_prefix {prefix!r} has a character that is a pattern in a policy, or is not plain.",
            "use letters, digits and ! - _ . ' ( ) = + @ ~, such as 'block_structures/'.",
            "block_structure_storage_prefix",
        )
    if "//" in prefix or ".." in prefix.split("/"):
        raise BlockStructureError(
            "prefix-unsafe",
            f"block_structure_storage_prefix '{prefix}' has an empty or '..' component.",
            "use plain names separated by single slashes, such as 'block_structures/'.",
            "block_structure_storage_prefix",
        )


ENDPOINTS = ("block_structure_storage_endpoint_url", "block_structure_bucket_endpoint_url")


def check_endpoint(name: str, url: str | None) -> None:
    """Raise BlockStructureError `endpoint-invalid` unless a variable has the address of an S3 API, or nothing."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # of brackets, or of a port
        usable = False
    if not usable or " " in url:
        raise BlockStructureError(
            "endpoint-invalid",
            f"{name} is '{url}', which is no address of an S3 API.",
            "write it as https://host or https://host:port, or leave it unset (null) for AWS.",
            name,
        )


def clean_prefix(prefix: str) -> str:
    """Return the closest prefix that check_prefix() accepts."""
    plain = "".join(_PLAIN_PREFIX.findall(prefix))
    parts = [part for part in plain.split("/") if part not in ("", "..")]
    return "/".join(parts) + "/" if parts else ""


def uses_boto(release: Release) -> bool:
    """Return whether the release's S3 class uses boto, the library before boto3, which takes the endpoint in parts."""
    return "host" in release.storage_kwargs_valid


def _host_kwargs(options: StorageOptions) -> dict[str, Any]:
    """Return the S3 endpoint as kwargs of boto: host, port and scheme, or the region's host."""
    kwargs: dict[str, Any] = {}
    if options.endpoint_url:
        parts = urlsplit(options.endpoint_url)
        kwargs.update(host=parts.hostname, port=parts.port)
        # boto assumes TLS.
        kwargs.update({} if parts.scheme == "https" else {"use_ssl": False})
    elif options.region and options.region != DEFAULT_REGION:
        kwargs["host"] = f"s3.{options.region}.{bucket.domain(options.region)}"
    if options.addressing_style == "path":
        kwargs["calling_format"] = "boto.s3.connection.OrdinaryCallingFormat"
    return kwargs


def _own_defaults(release: Release) -> dict[str, Any]:
    """Return what keeps the site's global settings away, as far as the release can be given it."""
    return {name: value for name, value in OWN_DEFAULTS.items() if release.unhashable_kwargs or not isinstance(value, dict)}


def _base_kwargs(options: StorageOptions, release: Release) -> dict[str, Any]:
    """Return the STORAGE_KWARGS that the release supports, including secrets."""
    wanted: dict[str, Any] = {
        **_own_defaults(release),
        "bucket_name": options.bucket,
        # Explicit, because the LMS forces a public default and old django-storages default to public-read.
        "default_acl": options.default_acl,
        # Explicit, because a global AWS_LOCATION would apply to this storage too.
        "location": "",
        "querystring_auth": True,
        # Explicit, because a global AWS_S3_CUSTOM_DOMAIN would apply too; structures are never read by URL.
        "custom_domain": None,
        "file_overwrite": True,
    }
    optional = {
        "region_name": options.region,
        "endpoint_url": options.endpoint_url,
        "addressing_style": options.addressing_style,
        "access_key": options.access_key,
        "secret_key": options.secret_key,
    }
    wanted.update({name: value for name, value in optional.items() if value})
    wanted.update(_host_kwargs(options) if uses_boto(release) else {})
    return {name: value for name, value in wanted.items() if name in release.storage_kwargs_valid}


def check_kwargs(kwargs: dict[str, Any], release: Release) -> list[Finding]:
    """Check the operator's extra STORAGE_KWARGS against the release.

    Raises BlockStructureError for those that would stop Django; returns findings for those that would be ignored.
    """
    variable = "block_structure_storage_extra_kwargs"
    findings = []
    for name, value in kwargs.items():
        if name in release.storage_kwargs_refused or (
            name not in release.storage_kwargs_valid and release.unknown_kwargs == "refused"
        ):
            raise BlockStructureError(
                "kwarg-refused",
                f"{variable} has '{name}', which django-storages of {release.label} refuses: no Django process would start.",
                f"remove it, or use one of {', '.join(release.storage_kwargs_valid)}.",
                variable,
            )
        if name == "client_config" and value is not None:
            raise BlockStructureError(
                "kwarg-client-config",
                f"{variable} has 'client_config', which must be an object of botocore: no settings file can hold one.",
                f"remove it; for checksums set {CHECKSUMS}, for timeouts use block_structure_storage_class resilient.",
                variable,
            )
        if isinstance(value, (dict, list)) and not release.unhashable_kwargs:
            raise BlockStructureError(
                "kwarg-unhashable",
                f"{variable}['{name}'] is a {'list' if isinstance(value, list) else 'dictionary'}, "
                f"which {release.label} cannot hash: no Django process would start.",
                "give a single value, or set it outside of BLOCK_STRUCTURES_SETTINGS.",
                variable,
            )
        if name == "default_acl" and str(value).startswith("public"):
            raise BlockStructureError(
                "acl-public",
                f"{variable}['default_acl'] is '{value}': anybody could read every course's structure.",
                "leave it out, or set block_structure_storage_default_acl to null or private.",
                variable,
            )
        if name not in release.storage_kwargs_valid:
            findings.append(
                Finding(
                    "kwarg-ignored",
                    "warning",
                    f"{variable} has '{name}', which django-storages of {release.label} silently ignores.",
                    f"remove it, or use one of {', '.join(release.storage_kwargs_valid)}.",
                    variable,
                    name,
                )
            )
    return findings


def _resilient_kwargs(options: StorageOptions, release: Release) -> dict[str, Any]:
    """Return the STORAGE_KWARGS of the resilient class; {} for another class.

    Raises BlockStructureError for a release that the class does not support, and for an invalid number or directory.
    """
    if options.storage_class != RESILIENT:
        return {}
    if RESILIENT_NEEDS not in release.storage_classes:
        raise BlockStructureError(
            "resilient-release",
            f"block_structure_storage_class is resilient, which needs {RESILIENT_NEEDS}, and {release.name} has no such class.",
            "use plain on this release.",
            "block_structure_storage_class",
        )
    if not options.local_dir.startswith("/") or options.local_dir.rstrip("/") == "":
        raise BlockStructureError(
            "local-dir-not-absolute",
            f"block_structure_storage_local_dir is '{options.local_dir}', which is not an absolute path below the root.",
            "set an absolute path, such as /edx/var/block_structure_storage.",
            "block_structure_storage_local_dir",
        )
    # It takes null for none, unlike the class that it derives from.
    kwargs: dict[str, Any] = {"object_parameters": {} if release.unhashable_kwargs else None}
    for name, (field_name, unit) in _RESILIENT_KWARGS.items():
        value = getattr(options, field_name)
        if unit is not None and value <= 0:
            raise BlockStructureError(
                "resilient-not-positive",
                f"{field_name} of block_structure_storage_resilience is {value}.",
                "set a number above zero.",
                "block_structure_storage_resilience",
            )
        kwargs[name] = value if unit is None else value * unit
    return kwargs


def inherited_kwargs(live: dict[str, Any]) -> dict[str, Any]:
    """Return the STORAGE_KWARGS of an active BLOCK_STRUCTURES_SETTINGS that the class of django-storages receives.

    The resilient class removes its own ones before.
    """
    kwargs = live.get("STORAGE_KWARGS") or {}
    if live.get("STORAGE_CLASS") != RESILIENT_CLASS:
        return dict(kwargs)
    nothing = ("object_parameters", None)
    return {name: value for name, value in kwargs.items() if name not in _RESILIENT_KWARGS and (name, value) != nothing}


def without_help(settings: dict[str, Any], release: Release) -> dict[str, Any]:
    """Return a BLOCK_STRUCTURES_SETTINGS whose storage uses S3 directly, without the resilient class's copies and spool.

    Both have the same objects; use this one to copy or compare them.
    """
    if settings.get("STORAGE_CLASS") != RESILIENT_CLASS:
        return settings
    return {**settings, "STORAGE_CLASS": release.storage_class, "STORAGE_KWARGS": inherited_kwargs(settings)}


def complete(settings: dict[str, Any], release: Release) -> dict[str, Any]:
    """Return a BLOCK_STRUCTURES_SETTINGS with those kwargs too that the platform cannot hash, to make its storage directly."""
    if settings.get("STORAGE_CLASS") == RESILIENT_CLASS:
        return settings
    given = {name: value for name, value in OWN_DEFAULTS.items() if name in release.storage_kwargs_valid and value == {}}
    return {**settings, "STORAGE_KWARGS": {**given, **(settings.get("STORAGE_KWARGS") or {})}}


def check_class(storage_class: str, release: Release) -> list[Finding]:
    """Return a finding for a storage class that this release may not be able to import; the candidate boot decides."""
    path = resolve_class(storage_class, release)
    if path.startswith("storages.backends.") and path not in release.storage_classes:
        return [
            Finding(
                "storage-class-unknown",
                "warning",
                f"block_structure_storage_class '{path}' is not known to import on {release.label}.",
                f"use plain, which means {release.storage_class} there.",
                "block_structure_storage_class",
                path,
            )
        ]
    return []


def build(options: StorageOptions, release: Release) -> BuiltSettings:
    """Return the whole BLOCK_STRUCTURES_SETTINGS for these choices on this release.

    Raises BlockStructureError for a prefix, kwarg or ACL that would break or expose the site.
    """
    check_prefix(options.prefix)
    findings = check_class(options.storage_class, release) + check_kwargs(options.extra_kwargs, release)
    kwargs = {**_base_kwargs(options, release), **_resilient_kwargs(options, release), **options.extra_kwargs}
    secrets = {name: value for name, value in kwargs.items() if is_secret_name(name) and value is not None}
    public: dict[str, Any] = {
        "COURSE_PUBLISH_TASK_DELAY": options.course_publish_task_delay_seconds,
        "TASK_DEFAULT_RETRY_DELAY": options.task_default_retry_delay_seconds,
        "TASK_MAX_RETRIES": options.task_max_retries,
        "STORAGE_CLASS": resolve_class(options.storage_class, release),
        "DIRECTORY_PREFIX": options.prefix,
        "STORAGE_KWARGS": {name: kwargs[name] for name in sorted(kwargs) if name not in secrets},
    }
    if release.pruning_active_honoured:
        public["PRUNING_ACTIVE"] = options.pruning_active
    return BuiltSettings(public, {"STORAGE_KWARGS": secrets} if secrets else {}, findings)


def merge(public: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with their secrets merged in, nested dictionaries included."""
    merged = dict(public)
    for name, value in secrets.items():
        merged[name] = merge(merged.get(name) or {}, value) if isinstance(value, dict) else value
    return merged


def apart(live: dict[str, Any], wanted: dict[str, Any]) -> dict[str, list[Any]]:
    """Return {name: [active value, wanted value]} of the settings that differ, each key of STORAGE_KWARGS by itself."""
    found: dict[str, list[Any]] = {}
    for change in differences(live, wanted):
        if isinstance(change.after, dict):
            pairs = {f"{change.field}.{key}": [change.before.get(key), value] for key, value in change.after.items()}
            found.update((name, pair) for name, pair in pairs.items() if pair[0] != pair[1])
        else:
            found[change.field] = [change.before, change.after]
    return found


def described(apart: dict[str, list[Any]]) -> list[str]:
    """Return a phrase for each setting of apart()."""
    return [f"{name} is {'unset' if live is None else live}, wanted is {value}" for name, (live, value) in apart.items()]


def differences(live: dict[str, Any], wanted: dict[str, Any]) -> list[Change]:
    """Return the wanted settings (without secrets) that differ in the active ones; further active settings are left alone."""
    found = []
    for name, value in wanted.items():
        shown = {key: (live.get(name) or {}).get(key) for key in value} if isinstance(value, dict) else live.get(name)
        if shown != value:
            found.append(Change(name, shown, value))
    return found


def differing(one: Any, other: Any, path: str = "") -> list[str]:
    """Return the dotted names of the settings that differ between two nested dicts."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            name
            for key in sorted({*one, *other}, key=str)
            for name in differing(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if one == other else [path]
