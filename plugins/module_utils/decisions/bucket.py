"""The wanted state of the bucket and how the live one differs from it. No request is made here."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any

from ..common.changes import Change
from ..common.errors import BlockStructureError

# Our policy statement and lifecycle rules carry these names; all others stay.
TLS_SID = "BlockStructureTlsOnly"
NONCURRENT_RULE = "block-structure-noncurrent"
ABORT_RULE = "block-structure-abort-multipart"
# S3's rules for bucket names: the S3 user guide, "General purpose buckets naming rules".
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
PUBLIC_ACCESS_KEYS = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")


def name_problem(name: str) -> str | None:
    """Return why S3 would refuse a bucket name, or None."""
    if not 3 <= len(name) <= 63:
        return f"has {len(name)} characters; S3 requires 3 to 63"
    if not _NAME.fullmatch(name):
        return "must consist of lower-case letters, digits, dots and hyphens, and begin and end with a letter or a digit"
    if ".." in name or ".-" in name or "-." in name:
        return "has a dot next to a dot or a hyphen"
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        pass
    else:
        return "looks like an IP address"
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        return "has a prefix or suffix that S3 reserves"
    return None


def check_name(name: str) -> None:
    """Raise BlockStructureError `bucket-name` when S3 would refuse the name."""
    problem = name_problem(name)
    if problem:
        raise BlockStructureError(
            "bucket-name",
            f"block_structure_storage_bucket '{name}' {problem}.",
            "choose a name such as 'example-block-structures'.",
            "block_structure_storage_bucket",
        )


# Aspect of a bucket -> the setting that makes the role skip it, for a store that lacks it.
LEAVE_ALONE = {
    "versioning": "versioning of block_structure_bucket_features to false",
    "encryption": "encryption of block_structure_bucket_features to false",
    "public_access_block": "public_access_block of block_structure_bucket_features to false",
    "object_ownership": "object_ownership of block_structure_bucket_features to false",
    "policy": "tls_only of block_structure_bucket_features to false",
    "tags": "block_structure_bucket_tags to {}",
    "lifecycle": "lifecycle of block_structure_bucket_features to false",
}


@dataclass(frozen=True)
class BucketOptions:
    """The operator's options for the bucket. A feature that is off is not managed, for stores that lack it."""

    name: str
    versioning: bool = True
    encryption: bool = True
    public_access_block: bool = True
    object_ownership: bool = True
    tls_only: bool = True
    lifecycle: bool = True
    noncurrent_days: int = 30
    abort_multipart_days: int = 7
    tags: dict[str, str] | None = None

    @classmethod
    def from_variables(cls, variables: dict[str, Any]) -> BucketOptions:
        """Return the options that the public variables ask for."""
        others = ("noncurrent_days", "abort_multipart_days", "tags")
        return cls(
            name=variables["block_structure_storage_bucket"],
            **variables["block_structure_bucket_features"],
            **{name: variables[f"block_structure_bucket_{name}"] for name in others},
        )


def tls_statement(name: str) -> dict[str, Any]:
    """Return the policy statement that refuses requests without TLS."""
    return {
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def policy_with_tls(live: dict[str, Any] | None, name: str) -> dict[str, Any]:
    """Return the live policy with our statement added or updated; other statements stay."""
    statements = [entry for entry in (live or {}).get("Statement", []) if entry.get("Sid") != TLS_SID]
    return {
        "Version": (live or {}).get("Version", "2012-10-17"),
        "Statement": [*statements, tls_statement(name)],
    }


def lms_policy(name: str, prefix: str, *, reads_versions: bool = False) -> dict[str, Any]:
    """Return the least-privilege IAM policy for the LMS's credentials.

    reads_versions: the library requests an object by its S3 version, as boto does in a versioned bucket. ListBucket is
    required: without it S3 answers 403 for a missing object, which the platform does not treat as "not found", and every
    request of the course fails with 500 (measured).
    """
    versions = ["s3:GetObjectVersion"] if reads_versions else []
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "BlockStructureObjects",
                "Effect": "Allow",
                "Action": ["s3:GetObject", *versions, "s3:PutObject", "s3:DeleteObject"],
                "Resource": f"arn:aws:s3:::{name}/{prefix}*",
            },
            {
                "Sid": "BlockStructureList",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
                "Resource": f"arn:aws:s3:::{name}",
            },
        ],
    }


def lifecycle_rules(options: BucketOptions) -> list[dict[str, Any]]:
    """Return our rules for noncurrent versions and aborted uploads. Expiring a current object would cause a rebuild."""
    return [
        {
            "ID": NONCURRENT_RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": options.noncurrent_days},
        },
        {
            "ID": ABORT_RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": options.abort_multipart_days},
        },
    ]


def _canonical(value: Any) -> Any:
    """Return policy data in a normal form for comparison: AWS reorders lists and unwraps single items."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return value


def _rule_differs(live: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    return live is None or any(live.get(key) != value for key, value in wanted.items() if key != "Filter")


def compare(live: dict[str, Any] | None, options: BucketOptions) -> list[Change]:
    """Return the changes that bring the live bucket to the wanted state; `live` is None when there is no bucket.

    live, as returned by the module bucket_info, in the terms of the S3 API: {"versioning": bool,
    "encryption": str|None, "public_access_block": {key: bool}, "object_ownership": str|None, "policy": dict|None,
    "tags": dict, "lifecycle": [rule], "lacking": [aspect]}.
    """
    found = live or {}
    changes = [] if live is not None else [Change("bucket", None, options.name)]
    if options.versioning and not found.get("versioning"):
        changes.append(Change("versioning", False, True))
    if options.encryption and not found.get("encryption"):
        changes.append(Change("encryption", None, "AES256"))
    wanted_block = dict.fromkeys(PUBLIC_ACCESS_KEYS, True)
    live_block = found.get("public_access_block") or {}
    if options.public_access_block and live_block != wanted_block:
        changes.append(Change("public_access_block", live_block or None, wanted_block))
    if options.object_ownership and found.get("object_ownership") != "BucketOwnerEnforced":
        changes.append(Change("object_ownership", found.get("object_ownership"), "BucketOwnerEnforced"))
    policy = policy_with_tls(found.get("policy"), options.name)
    if options.tls_only and _canonical(found.get("policy")) != _canonical(policy):
        changes.append(Change("policy", found.get("policy"), policy))
    tags = options.tags or {}
    missing_tags = {key: value for key, value in tags.items() if (found.get("tags") or {}).get(key) != value}
    if missing_tags:
        changes.append(Change("tags", {key: (found.get("tags") or {}).get(key) for key in missing_tags}, missing_tags))
    if options.lifecycle:
        rules = {rule.get("ID"): rule for rule in found.get("lifecycle") or []}
        changes += [
            Change(f"lifecycle.{rule['ID']}", rules.get(rule["ID"]), rule)
            for rule in lifecycle_rules(options)
            if _rule_differs(rules.get(rule["ID"]), rule)
        ]
    return changes


def check_features(live: dict[str, Any] | None, changes: list[Change]) -> None:
    """Raise BlockStructureError `bucket-feature` when a change needs a feature that the store reports as unsupported."""
    wanted = {change.field.split(".")[0] for change in changes}
    for aspect in (live or {}).get("lacking", []):
        if aspect in wanted:
            raise BlockStructureError(
                "bucket-feature",
                f"This S3-compatible store does not implement the bucket feature '{aspect}'.",
                f"set {LEAVE_ALONE[aspect]}.",
                LEAVE_ALONE[aspect].split()[0],
            )


def check_taken(left: list[Change]) -> None:
    """Raise BlockStructureError `bucket-ignored` when the store accepted a change and still differs."""
    if left:
        aspect = left[0].field.split(".")[0]
        raise BlockStructureError(
            "bucket-ignored",
            f"The store accepted the change of the bucket's '{aspect}' and did not apply it.",
            f"if the store lacks this feature, set {LEAVE_ALONE[aspect]}.",
            LEAVE_ALONE[aspect].split()[0],
        )
