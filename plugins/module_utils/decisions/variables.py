"""Checks of the operator's variables that need neither a release nor a host."""

from __future__ import annotations

import difflib
import posixpath
import unicodedata
from dataclasses import dataclass
from typing import Any, Iterator

from ..common.errors import BlockStructureError
from ..common.findings import Finding

PREFIX = "block_structure_"
SECRET_VARIABLES = (
    "block_structure_storage_access_key",
    "block_structure_storage_secret_key",
    "block_structure_bucket_access_key",
    "block_structure_bucket_secret_key",
    "block_structure_bucket_session_token",
)
# Old name -> new name. A renamed variable is refused by name instead of being ignored.
RENAMED: dict[str, str] = {}


def unknown_names(given: list[str], known: list[str], renamed: dict[str, str] | None = None) -> list[BlockStructureError]:
    """Return an error for each of our variables that is renamed or misspelt."""
    table = RENAMED if renamed is None else renamed
    errors = []
    for name in sorted(given):
        if name in table:
            errors.append(BlockStructureError("variable-renamed", f"{name} was renamed.", f"use {table[name]} instead.", name))
        elif name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "docs/variables.md lists every variable."
            errors.append(BlockStructureError("variable-unknown", f"Variable {name} does not exist.", hint, name))
    return errors


# What the narrowest of memcached, MySQL and Ansible's modules take.
LARGEST = 2**31 - 1


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of each value that is no container, and of each key."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"a key of {name}", key if isinstance(key, str) else _NoText(type(key).__name__)
            yield from _parts(f"{key} of {name}", item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _parts(f"an element of {name}", item)
    else:
        yield name, value


@dataclass(frozen=True)
class _NoText:
    """A key that is not text, which YAML allows; `kind` says what it is."""

    kind: str


def _unfit(value: Any) -> tuple[str, str] | None:
    """Return what is wrong with a value and the remedy, whatever it is for; None if it can be used."""
    if not isinstance(value, (str, bool, int, float, type(None))):
        kind = value.kind if isinstance(value, _NoText) else type(value).__name__
        return f"is not text but {kind}", "quote it."
    if isinstance(value, str) and not all(unicodedata.category(character) not in ("Cc", "Cs") for character in value):
        return (
            "has a line break or another unprintable character",
            "remove it; in YAML, `|` and `>` add a line break.",
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not -LARGEST <= value <= LARGEST:
        return f"is no number up to {LARGEST}", "give a smaller number."
    return None


def unfit(name: str, value: Any) -> list[BlockStructureError]:
    """Return an error for each text, number or key in a variable that no program here could work with."""
    problems = [(part, _unfit(found)) for part, found in _parts(name, value)]
    return [
        BlockStructureError("variable-unfit", f"{part} {problem[0]}.", problem[1], name)
        for part, problem in problems
        if problem
    ]


def _check_required(variables: dict[str, Any]) -> list[BlockStructureError]:
    name = "block_structure_storage_bucket"
    if variables.get(name):
        return []
    return [BlockStructureError("variable-missing", f"{name} is not set.", "set it to your S3 bucket.", name)]


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
                "leave it unset (null), which never expires, or set seconds.",
                "block_structure_cache_timeout_seconds",
            )
        )
    acl = variables["block_structure_storage_default_acl"]
    if acl is not None and str(acl).startswith("public"):
        errors.append(
            BlockStructureError(
                "acl-public",
                f"block_structure_storage_default_acl is '{acl}': anybody could read every course's structure.",
                "leave it unset (null), or set it to private for a store without object ownership.",
                "block_structure_storage_default_acl",
            )
        )
    return errors


# Counts, sizes and durations -> the minimum.
_MINIMUM = {
    "block_structure_bucket_noncurrent_days": 1,
    "block_structure_bucket_abort_multipart_days": 1,
    "block_structure_memcached_memory_mb": 1,
    "block_structure_memcached_memory_max_mb": 1,
    "block_structure_memcached_other_tenants_mb": 0,
    "block_structure_memcached_growth_percent": 0,
    "block_structure_memcached_port": 1,
    "block_structure_drain_timeout_seconds": 1,
    "block_structure_native_restart_timeout_seconds": 1,
    "block_structure_tutor_restart_timeout_seconds": 1,
    "block_structure_benchmark_sample": 1,
    "block_structure_benchmark_repeats": 1,
    "block_structure_benchmark_rebuilds": 0,
    "block_structure_generation_workers": 1,
    "block_structure_generation_memory_mb": 1,
    "block_structure_generation_course_timeout_seconds": 1,
    "block_structure_generation_outage_patience_seconds": 0,
    "block_structure_generation_batch": 1,
    "block_structure_move_workers": 1,
    "block_structure_regenerate_limit": 1,
    "block_structure_prune_min_age_seconds": 0,
}


def _check_least(variables: dict[str, Any]) -> list[BlockStructureError]:
    return [
        BlockStructureError("number-too-small", f"{name} is {variables[name]}.", f"set it to {least} or more.", name)
        for name, least in _MINIMUM.items()
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


def _check_tls(variables: dict[str, Any]) -> list[BlockStructureError]:
    """Return an error where our own policy would lock the LMS out of the bucket."""
    if not (variables["block_structure_manage_bucket"] and variables["block_structure_bucket_features"].get("tls_only", True)):
        return []
    return [
        BlockStructureError(
            "endpoint-without-tls",
            f"{name} is {variables[name]}, and the bucket would refuse requests without TLS.",
            "use an https:// endpoint, or set tls_only of block_structure_bucket_features to false.",
            name,
        )
        for name in ("block_structure_storage_endpoint_url", "block_structure_bucket_endpoint_url")
        if str(variables.get(name) or "").lower().startswith("http:")
    ]


def _check_drain(variables: dict[str, Any]) -> list[BlockStructureError]:
    names = ("block_structure_drain_commands", "block_structure_undrain_commands")
    if bool(variables.get(names[0])) == bool(variables.get(names[1])):
        return []
    missing = names[bool(variables.get(names[0]))]
    return [
        BlockStructureError(
            "drain-pair-broken",
            f"Only one of {names[0]} and {names[1]} is set.",
            "set both, or neither without a load balancer.",
            missing,
        )
    ]


# Directories of others: the role makes block_structure_state_dir private.
_FOREIGN_DIRECTORIES = (
    "/", "/bin", "/boot", "/dev", "/edx", "/edx/app", "/edx/app/edxapp", "/edx/bin", "/edx/etc", "/edx/var", "/etc", "/home",
    "/lib", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib",
    "/var/log", "/var/tmp",
)  # fmt: skip


def _check_state_dir(variables: dict[str, Any]) -> list[BlockStructureError]:
    if variables["block_structure_state_dir"] is None:
        return []
    given = str(variables["block_structure_state_dir"])
    plain = posixpath.normpath(given)
    if given.startswith("/") and plain not in _FOREIGN_DIRECTORIES and ".." not in given.split("/"):
        return []
    problem = "is not an absolute path" if not given.startswith("/") or ".." in given.split("/") else "belongs to others"
    return [
        BlockStructureError(
            "state-dir-foreign",
            f"block_structure_state_dir is '{given}', which {problem}; the role would make it private.",
            "name a directory of its own, such as /edx/etc/block_structure.",
            "block_structure_state_dir",
        )
    ]


def plain_secret_findings(plain_secrets: list[str]) -> list[Finding]:
    return [
        Finding(
            "secret-in-plain-inventory",
            "warning",
            f"{name} is unencrypted in the inventory.",
            f"run `ansible-vault encrypt_string --name {name}` and store its output instead.",
            name,
        )
        for name in plain_secrets
    ]


def check(variables: dict[str, Any]) -> list[BlockStructureError]:
    """Return an error for each invalid value."""
    checks = (_check_required, _check_numbers, _check_least, _check_keys, _check_tls, _check_drain, _check_state_dir)
    return [error for one in checks for error in one(variables)]
