"""Judge the result of a candidate boot: translate errors of boto3 and Django into one cause and one remedy."""

from __future__ import annotations

from typing import Any, Callable

from ..common.errors import BlockStructureError
from .bucket import LEAVE_ALONE, TLS_SID
from .config_files import TITLES
from .releases import Release
from .storage_settings import CHECKSUMS, GLOBAL_PARAMETERS, apart, described

_KEYS = "correct block_structure_storage_access_key and block_structure_storage_secret_key."
_ENDPOINT = "correct block_structure_storage_endpoint_url, or allow connections from the LMS host to it."
# S3 error code or exception class -> (meaning, remedy).
# Source of the codes: the S3 API reference, "Error responses".
_MEANINGS = {
    "InvalidAccessKeyId": ("S3 does not know the access key", _KEYS),
    "SignatureDoesNotMatch": ("S3 does not accept the secret key", _KEYS),
    "NoCredentialsError": ("the LMS has no credentials for S3", "give the host an instance role, or set both storage keys."),
    "AccessDenied": (
        "S3 does not allow it",
        "attach the policy in block_structure_result.lms_iam_policy to these credentials.",
    ),
    "403": ("S3 does not allow it", "attach the policy in block_structure_result.lms_iam_policy to these credentials."),
    "NoSuchBucket": (
        "the bucket does not exist",
        "correct block_structure_storage_bucket, or leave block_structure_manage_bucket on.",
    ),
    "404": ("the bucket does not exist", "correct block_structure_storage_bucket, or leave block_structure_manage_bucket on."),
    "AccessControlListNotSupported": (
        "the bucket has access-control lists disabled",
        "leave block_structure_storage_default_acl unset (null).",
    ),
    "RequestTimeTooSkewed": ("the clock of the LMS host is wrong", "set the clock (NTP) of the LMS host."),
    "PermanentRedirect": ("the bucket is in another region", "correct block_structure_storage_region."),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "correct block_structure_storage_region."),
    "EndpointConnectionError": ("the S3 endpoint cannot be reached", _ENDPOINT),
    "ConnectTimeoutError": ("the S3 endpoint does not answer", _ENDPOINT),
    "ReadTimeoutError": ("the S3 endpoint does not answer", _ENDPOINT),
    "SSLError": ("the certificate of the S3 endpoint is not trusted", "install its certificate authority on the LMS host."),
    "SuspiciousFileOperation": ("Django refuses the object's name", "correct block_structure_storage_prefix."),
}


# What a store answers that does not know the checksums which boto3 1.36 and later send by themselves: over TLS they trail a
# body in aws-chunked encoding, whose length it does not understand (seen: Ceph 16, Swift 2.30, MinIO, Backblaze B2).
_CHECKSUM_CODES = ("411", "501", "MissingContentLength", "NotImplemented", "XNotImplemented", "XAmzContentSHA256Mismatch")
_CHECKSUM_WORDS = ("checksum", "aws-chunked", "trailer", "x-amz-content-sha256", "x-amz-sdk")
_CHECKSUMS = (
    "the store does not take the checksums that boto3 1.36 and later send",
    f"set {CHECKSUMS} to when_required, or block_structure_storage_class to resilient.",
)

# S3 answers AccessDenied, and names the right of KMS that was missing.
_KMS_RIGHTS = (
    "the credentials may not use the KMS key of the bucket (kms:GenerateDataKey, kms:Decrypt)",
    "set block_structure_bucket_kms_key to the key's ARN, and attach the policy in block_structure_result.lms_iam_policy.",
)

# A store behind a proxy that ends TLS sees every request without it.
_OWN_STATEMENT = (
    "; if the store itself is reached without TLS (over http, or by a proxy that ends TLS), the bucket's own statement "
    f"{TLS_SID} refuses it: set {LEAVE_ALONE['policy']}."
)

OVERRIDDEN = (
    "STORAGES['block_structures_settings'] is set: the platform takes the storage of block structures "
    "from there, and STORAGE_CLASS and STORAGE_KWARGS of BLOCK_STRUCTURES_SETTINGS have no effect."
)
# A release that hashes its kwargs cannot be given an empty dictionary; the resilient class takes null for it.
GLOBALS_REMEDY = "set block_structure_storage_class to resilient, or give that setting to the other storages alone."
OVERRIDDEN_REMEDY = "remove that entry from the settings of LMS and Studio (their YAML, or a settings module), then run again."


def overridden(settings: dict[str, Any], release: Release) -> bool:
    """Return whether the active settings (facts.settings_facts) have the STORAGES entry that overrides ours."""
    return release.storages_setting and bool(settings.get("storages_entry"))


def hash_cure(release: Release) -> tuple[str, str | None]:
    """Return the remedy for a cache key that cannot be hashed, and its variable if the release has the feature."""
    if release.blake2b_feature:
        name = "block_structure_blake2b_hashing"
        return f"set {name} to true and run openedx_operators.block_structure.deploy.", name
    return "give the OpenSSL of the LMS hosts its legacy provider, which has md4, and run again.", None


def check_key_hash(problem: dict[str, Any] | None, release: Release) -> None:
    """Raise BlockStructureError `cache-key-hash` for a long cache key that could not be made. problem: of facts.key_hash."""
    if problem:
        raise BlockStructureError(
            "cache-key-hash",
            f"With storage on, {release.name} cannot make a cache key: {problem['message']}",
            *hash_cure(release),
        )


def judge(result: dict[str, Any], release: Release, package_version: str | None = None, system: str = "lms") -> None:
    """Raise BlockStructureError for the first problem that would affect learners.

    package_version: of the block_structure_storage that the role ships; checked only when the candidate uses it. system: lms
    or cms.
    """
    if overridden(result.get("settings") or {}, release):
        raise BlockStructureError("storages-override", OVERRIDDEN, OVERRIDDEN_REMEDY)
    check_key_hash(result["key_hash"], release)
    local = result.get("local") or {}
    if local.get("problem"):
        raise BlockStructureError(
            "storage-local-unusable",
            f"The storage class cannot use its local directory: {local['problem']}.",
            "set block_structure_storage_local_dir to a directory that only the LMS's user owns, or that does not exist yet.",
            "block_structure_storage_local_dir",
        )
    if local and local["version"] != package_version:
        raise BlockStructureError(
            "storage-package-version",
            f"{TITLES[system]} imports version {local['version']} of block_structure_storage, and this role carries "
            f"{package_version}.",
            "remove the other version from its Python environment, then run again.",
        )
    try:
        judge_canary(result["canary"] or {})
    except BlockStructureError as error:
        settings = result.get("settings") or {}
        code = str((result["canary"].get("problem") or {}).get("code"))
        own = code in ("AccessDenied", "403") and (settings.get("storage") or {}).get("endpoint_url")
        if own:
            error = BlockStructureError(
                error.identifier, error.cause, f"{error.remedy.rstrip('.')}{_OWN_STATEMENT}", error.variable
            )
        raise _with_globals(error, global_parameters(settings)) from error


def global_parameters(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {global AWS_* setting: value} of those that each write still takes, see storage_settings.GLOBAL_PARAMETERS.

    settings: facts.settings_facts() of the probe.
    """
    storage, given = settings.get("storage") or {}, (settings.get("block_structures") or {}).get("STORAGE_KWARGS") or {}
    return {setting: storage[name] for name, setting in GLOBAL_PARAMETERS.items() if storage.get(name) and name not in given}


def shown_parameters(used: dict[str, dict[str, Any]]) -> str:
    """Return what global_parameters() found as text."""
    return "; ".join(f"{name}: {', '.join(f'{key} {value[key]}' for key in sorted(value))}" for name, value in used.items())


def _with_globals(error: BlockStructureError, used: dict[str, dict[str, Any]]) -> BlockStructureError:
    """Return the error, naming the global settings that were in use."""
    if not used:
        return error
    return BlockStructureError(
        error.identifier,
        f"{error.cause} In use were the site's global settings {shown_parameters(used)}.",
        f"{error.remedy.rstrip('.')}; if it comes from {' or '.join(used)}, {GLOBALS_REMEDY}",
        error.variable,
    )


def judge_effective(live: dict[str, dict[str, Any]], wanted: dict[str, Any], others: Callable[[], list[str]]) -> None:
    """Raise BlockStructureError `settings-overridden` unless each system booted on the candidate has the wanted settings.

    live: {lms or cms: its BLOCK_STRUCTURES_SETTINGS, secrets redacted}. others: returns the names of the plugins that set them
    too.
    """
    left = {system: "; ".join(described(apart(own, wanted))) for system, own in live.items()}
    left = {system: text for system, text in left.items() if text}
    if not left:
        return
    named = others()
    by = f" ({', '.join(named)})" if named else ""
    who = " and ".join("the LMS" if system == "lms" else "Studio" for system in left)
    what = list(dict.fromkeys(left.values()))
    raise BlockStructureError(
        "settings-overridden",
        f"Something sets BLOCK_STRUCTURES_SETTINGS after the role's settings{by}, and {who} would run with it: "
        f"{'; in Studio '.join(what)}.",
        "remove it from there (a plugin's patch, or a settings module), then run again; the installed settings were not "
        "changed.",
    )


def judge_canary(canary: dict[str, Any]) -> None:
    """Raise BlockStructureError for a canary object that the storage did not accept, or that is public."""
    if canary.get("problem"):
        raise _storage_error(canary["problem"])
    if canary.get("public"):
        raise BlockStructureError(
            "object-public",
            "An object written by the LMS is publicly readable.",
            "leave object_ownership of block_structure_bucket_features on, or "
            "set block_structure_storage_default_acl to private.",
            "block_structure_storage_default_acl",
        )


def meaning(problem: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return meaning and remedy of a storage error, None for both when it is unknown."""
    text = str(problem.get("message")).lower()
    if "kms:" in text:
        return _KMS_RIGHTS
    # Other steps send no body.
    if problem.get("step") == "write" and (
        str(problem.get("code")) in _CHECKSUM_CODES or any(word in text for word in _CHECKSUM_WORDS)
    ):
        return _CHECKSUMS
    return _MEANINGS.get(str(problem.get("code"))) or _MEANINGS.get(problem["type"]) or (None, None)


def _storage_error(problem: dict[str, Any]) -> BlockStructureError:
    meant, remedy = meaning(problem)
    step = {"missing": "see that a deleted object is gone"}.get(problem["step"], f"{problem['step']} an object")
    message = f"{problem['type']}: {problem['message']}"
    return BlockStructureError(
        "storage-unusable",
        f"The LMS cannot {step} in its storage: {f'{meant} ({message})' if meant else message}",
        remedy or "fix the problem in the message; the installed settings were not changed.",
    )
