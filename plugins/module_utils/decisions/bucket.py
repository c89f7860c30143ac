"""The wanted state of the bucket and how the live one differs from it. No request is made here."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any

from ..common.changes import Change
from ..common.errors import BlockStructureError
from ..common.findings import Finding

# Our policy statement and lifecycle rules carry these names; all others stay.
TLS_SID = "BlockStructureTlsOnly"
# What the field of a change of one rule begins with.
LIFECYCLE = "lifecycle."
NONCURRENT_RULE = "block-structure-noncurrent"
ABORT_RULE = "block-structure-abort-multipart"
# S3's rules for bucket names: the S3 user guide, "General purpose buckets naming rules".
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
PUBLIC_ACCESS_KEYS = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")


def turned_off_by(operation: str) -> str:
    """Return how the aspect that an operation of the S3 API is for is turned off."""
    name = re.sub("^(Get|Put|Delete)", "", operation)
    return f"set {LEAVE_ALONE[_OPERATIONS[name]]}" if name in _OPERATIONS else "turn it off in block_structure_bucket_features"


def refused_remedy(message: str) -> str:
    """Return the remedy for a module's message about an operation that the store refused."""
    found = _CALLING.search(message)
    return f"grant these credentials the permission, or {turned_off_by(found.group(1) if found else '')}."


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


KMS = "aws:kms"
_KEY_SID = "BlockStructureKey"
# A policy takes no alias (KMS developer guide, "Using aliases to control access").
_KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")


def check_kms_key(arn: str | None) -> None:
    """Raise BlockStructureError `kms-key` unless it can be the resource of a policy."""
    if arn and not _KMS_KEY.fullmatch(arn):
        raise BlockStructureError(
            "kms-key",
            f"block_structure_bucket_kms_key is '{arn}', which is no ARN of a key.",
            "write the key's ARN, such as arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab; "
            "not its alias.",
            "block_structure_bucket_kms_key",
        )


# Whom a policy of S3 names: an identity of IAM, whose account other stores leave empty or call a tenant (IAM reference, "IAM
# ARNs"; Ceph documentation, "Bucket policies").
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::[A-Za-z0-9_-]*:(user|role)/[A-Za-z0-9_+=,.@/-]+")


def check_principal(arn: str | None) -> None:
    """Raise BlockStructureError `bucket-principal` unless it is one user or role."""
    if arn and not _PRINCIPAL.fullmatch(arn):
        raise BlockStructureError(
            "bucket-principal",
            f"block_structure_bucket_lms_principal is '{arn}', which is no ARN of one user or role.",
            "write the identity of the LMS's credentials, such as arn:aws:iam::111122223333:role/lms, or "
            "arn:aws:iam:::user/lms on Ceph.",
            "block_structure_bucket_lms_principal",
        )


# Aspect of a bucket -> the setting that makes the role skip it, for a store that lacks it.
LEAVE_ALONE = {
    "versioning": "versioning of block_structure_bucket_features to false",
    "encryption": "encryption of block_structure_bucket_features to false",
    "public_access_block": "public_access_block of block_structure_bucket_features to false",
    "object_ownership": "object_ownership of block_structure_bucket_features to false",
    "policy": "tls_only of block_structure_bucket_features to false",
    "tags": "block_structure_bucket_tags to {}",
    "lifecycle": "expire_noncurrent and abort_uploads of block_structure_bucket_features to false",
}
ASPECTS = tuple(LEAVE_ALONE)
# End of the names of the S3 API's operations -> the aspect that they read or write.
_OPERATIONS = {
    "BucketVersioning": "versioning",
    "BucketEncryption": "encryption",
    "PublicAccessBlock": "public_access_block",
    "BucketOwnershipControls": "object_ownership",
    "BucketPolicy": "policy",
    "BucketTagging": "tags",
    "BucketLifecycleConfiguration": "lifecycle",
}
# How botocore words a refusal (exceptions.py, ClientError.MSG_TEMPLATE).
_CALLING = re.compile(r"when calling the (\w+) operation")
# For a store that refuses every write under the block, as Ceph RGW does.
BLOCK_REMEDY = f"set {LEAVE_ALONE['public_access_block']}; who can read the bucket is then up to its policy and ACLs."
# Partition of AWS -> how the names of its regions begin, and the domain of its services; all others are in `aws` (AWS
# reference, "IAM ARNs", and the partitions of botocore's endpoints.json).
_PARTITIONS = {
    "aws-cn": ("cn-", "amazonaws.com.cn"),
    "aws-us-gov": ("us-gov-", "amazonaws.com"),
    "aws-iso": ("us-iso-", "c2s.ic.gov"),
    "aws-iso-b": ("us-isob-", "sc2s.sgov.gov"),
    "aws-eusc": ("eusc-", "amazonaws.eu"),
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
    expire_noncurrent: bool = True
    abort_uploads: bool = True
    noncurrent_days: int = 30
    abort_multipart_days: int = 7
    tags: dict[str, str] | None = None
    partition: str = "aws"
    kms_key: str | None = None

    @classmethod
    def from_variables(cls, variables: dict[str, Any]) -> BucketOptions:
        """Return the options that the public variables ask for."""
        others = ("noncurrent_days", "abort_multipart_days", "tags", "kms_key")
        return cls(
            name=variables["block_structure_storage_bucket"],
            **variables["block_structure_bucket_features"],
            **{name: variables[f"block_structure_bucket_{name}"] for name in others},
            partition=partition(
                variables["block_structure_storage_region"], endpoint=variables["block_structure_storage_endpoint_url"]
            ),
        )


def partition(region: str | None, endpoint: str | None = None) -> str:
    """Return the partition of AWS that a region is in; a store with an endpoint of its own has names as in `aws`."""
    if endpoint or not region:
        return "aws"
    return next((name for name, (prefix, _) in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def domain(region: str) -> str:
    """Return the domain of the services of AWS in a region."""
    return _PARTITIONS.get(partition(region), ("", "amazonaws.com"))[1]


def connection(variables: dict[str, Any]) -> dict[str, Any]:
    """Return how the bucket is reached by those who provision it, as the parameters of module_utils.host.s3."""
    return {
        "region": variables["block_structure_storage_region"],
        "endpoint_url": variables["block_structure_bucket_endpoint_url"] or variables["block_structure_storage_endpoint_url"],
        "access_key": variables["block_structure_bucket_access_key"],
        "secret_key": variables["block_structure_bucket_secret_key"],
        "session_token": variables["block_structure_bucket_session_token"],
        "aws_ca_bundle": variables["block_structure_bucket_ca_bundle"],
        "validate_certs": variables["block_structure_bucket_validate_certs"],
    }


def managed_aspects(options: BucketOptions) -> list[str]:
    """Return the aspects that the role reads: those that are on, and the policy, from which its statement may have to go."""
    managed = {
        **{name: getattr(options, name) for name in ("versioning", "encryption", "public_access_block", "object_ownership")},
        "policy": True,
        "tags": bool(options.tags),
        "lifecycle": options.expire_noncurrent or options.abort_uploads,
    }
    return [name for name in ASPECTS if managed[name]]


def tls_statement(name: str, partition: str = "aws") -> dict[str, Any]:
    """Return the policy statement that refuses requests without TLS."""
    return {
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:{partition}:s3:::{name}", f"arn:{partition}:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _statements(policy: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the statements of a policy, which may be one object."""
    found = (policy or {}).get("Statement") or []
    return [found] if isinstance(found, dict) else list(found)


def wanted_policy(live: dict[str, Any] | None, options: BucketOptions) -> dict[str, Any]:
    """Return the live policy with our statement in it or, where the feature is off, without it. The rest stays as it is.

    Empty when nothing would be left.
    """
    ours = [tls_statement(options.name, options.partition)] if options.tls_only else []
    others = [entry for entry in _statements(live) if entry.get("Sid") != TLS_SID]
    if not ours and len(others) == len(_statements(live)):
        return dict(live or {})
    if not [*others, *ours]:
        return {}
    return {"Version": "2012-10-17", **(live or {}), "Statement": [*others, *ours]}


def lms_policy(
    name: str, prefix: str, *, reads_versions: bool = False, partition: str = "aws", kms_key: str | None = None
) -> dict[str, Any]:
    """Return the least-privilege IAM policy for the LMS's credentials.

    reads_versions: the library requests an object by its S3 version, as boto does in a versioned bucket. ListBucket is
    required: without it S3 answers 403 for a missing object, which the platform does not treat as "not found", and every
    request of the course fails with 500 (measured). kms_key: of the bucket's default encryption.
    """
    statements = []
    if kms_key:
        key_actions = ["kms:GenerateDataKey", "kms:Decrypt"]
        statements = [{"Sid": _KEY_SID, "Effect": "Allow", "Action": key_actions, "Resource": kms_key}]
    versions = ["s3:GetObjectVersion"] if reads_versions else []
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "BlockStructureObjects",
                "Effect": "Allow",
                "Action": ["s3:GetObject", *versions, "s3:PutObject", "s3:DeleteObject"],
                "Resource": f"arn:{partition}:s3:::{name}/{prefix}*",
            },
            {
                "Sid": "BlockStructureList",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
                "Resource": f"arn:{partition}:s3:::{name}",
            },
            *statements,
        ],
    }


def as_bucket_policy(policy: dict[str, Any], principal: str | None) -> dict[str, Any] | None:
    """Return lms_policy() as a policy of the bucket that gives a principal the same rights; None without a principal.

    Without the rights to a KMS key, which are the key's own policy's to give.
    """
    if not principal:
        return None
    statements = [entry for entry in policy["Statement"] if entry["Sid"] != _KEY_SID]
    return {**policy, "Statement": [{**entry, "Principal": {"AWS": principal}} for entry in statements]}


def lifecycle_rules(options: BucketOptions) -> list[dict[str, Any]]:
    """Return our rules for noncurrent versions and aborted uploads. Expiring a current object would cause a rebuild.

    A delete marker that no version is left behind goes too.
    """
    shared = {"Status": "Enabled", "Filter": {"Prefix": ""}}
    noncurrent = {
        "ID": NONCURRENT_RULE,
        **shared,
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionExpiration": {"NoncurrentDays": options.noncurrent_days},
    }
    aborted = {
        "ID": ABORT_RULE,
        **shared,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": options.abort_multipart_days},
    }
    return [*([noncurrent] if options.expire_noncurrent else []), *([aborted] if options.abort_uploads else [])]


def changed_rules(options: BucketOptions, fields: set[str]) -> list[dict[str, Any]]:
    """Return those of our rules that the fields of a comparison name."""
    return [rule for rule in lifecycle_rules(options) if f"{LIFECYCLE}{rule['ID']}" in fields]


def _canonical(value: Any) -> Any:
    """Return policy data in a normal form: stores reorder lists, unwrap single items and write booleans as text."""
    if isinstance(value, dict):
        # Whether a principal is everybody, or everybody of AWS, is the same (IAM reference, "Principal").
        if set(value) == {"AWS"} and _canonical(value["AWS"]) == "*":
            return "*"
        return {key: _canonical(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return str(value).lower() if isinstance(value, bool) else value


def _meaning(policy: dict[str, Any] | None) -> Any:
    """Return what a policy says, whoever wrote it; a version that is left out is the older one (IAM reference, "Version")."""
    return _canonical({"Version": "2008-10-17", **policy}) if policy else None


def _rule_differs(live: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    """Return whether a rule differs; the filter is written in two ways, and both mean every object."""
    return live is None or any(live.get(key) != value for key, value in wanted.items() if key != "Filter")


def _encryption_changes(found: dict[str, Any], options: BucketOptions) -> list[Change]:
    """Return the change of the default encryption. Without a key, any encryption that the bucket has stays."""
    live = (found.get("encryption"), found.get("kms_key"))
    if options.kms_key and live != (KMS, options.kms_key):
        return [Change("encryption", " ".join(part for part in live if part) or None, f"{KMS} {options.kms_key}")]
    return [] if live[0] else [Change("encryption", None, "AES256")]


def key_findings(live: dict[str, Any] | None, options: BucketOptions) -> list[Finding]:
    """Return a finding for a bucket that encrypts by a key which the LMS's policy does not name."""
    found = live or {}
    if found.get("encryption") != KMS or options.kms_key:
        return []
    key = str(found.get("kms_key") or "aws/s3")
    return [
        Finding(
            "bucket-kms-key",
            "warning",
            f"The bucket {options.name} encrypts by the KMS key {key}, to which the LMS's credentials need kms:GenerateDataKey "
            "and kms:Decrypt.",
            "set block_structure_bucket_kms_key to the key's ARN, and attach the policy in "
            "block_structure_result.lms_iam_policy.",
            "block_structure_bucket_kms_key",
            evidence=key,
        )
    ]


def compare(live: dict[str, Any] | None, options: BucketOptions) -> list[Change]:
    """Return the changes that bring the live bucket to the wanted state; `live` is None when there is no bucket.

    live, as returned by the module bucket_info, in the terms of the S3 API: {"versioning": bool,
    "encryption": str|None, "kms_key": str|None, "public_access_block": {key: bool}, "object_ownership": str|None,
    "policy": dict|None, "tags": dict, "lifecycle": [rule], "lacking": [aspect]}.
    """
    found = live or {}
    changes = [] if live is not None else [Change("bucket", None, options.name)]
    if options.versioning and not found.get("versioning"):
        changes.append(Change("versioning", False, True))
    if options.encryption:
        changes += _encryption_changes(found, options)
    wanted_block = dict.fromkeys(PUBLIC_ACCESS_KEYS, True)
    live_block = found.get("public_access_block") or {}
    if options.public_access_block and live_block != wanted_block:
        changes.append(Change("public_access_block", live_block or None, wanted_block))
    if options.object_ownership and found.get("object_ownership") != "BucketOwnerEnforced":
        changes.append(Change("object_ownership", found.get("object_ownership"), "BucketOwnerEnforced"))
    policy = wanted_policy(found.get("policy"), options)
    if _meaning(found.get("policy")) != _meaning(policy):
        changes.append(Change("policy", found.get("policy"), policy or None))
    tags = options.tags or {}
    missing_tags = {key: value for key, value in tags.items() if (found.get("tags") or {}).get(key) != value}
    if missing_tags:
        changes.append(Change("tags", {key: (found.get("tags") or {}).get(key) for key in missing_tags}, missing_tags))
    rules = {rule.get("ID"): rule for rule in found.get("lifecycle") or []}
    changes += [
        Change(f"{LIFECYCLE}{rule['ID']}", rules.get(rule["ID"]), rule)
        for rule in lifecycle_rules(options)
        if _rule_differs(rules.get(rule["ID"]), rule)
    ]
    return changes


def check_features(live: dict[str, Any] | None, changes: list[Change]) -> None:
    """Raise BlockStructureError `bucket-feature` with all features that changes need and the store does not support."""
    wanted = {change.field.split(".")[0] for change in changes}
    lacking = [aspect for aspect in (live or {}).get("lacking", []) if aspect in wanted]
    if lacking:
        raise BlockStructureError(
            "bucket-feature",
            f"This S3-compatible store does not implement what is asked of the bucket: {', '.join(lacking)}.",
            f"set {'; '.join(LEAVE_ALONE[aspect] for aspect in lacking)}.",
            "block_structure_bucket_tags" if lacking == ["tags"] else "block_structure_bucket_features",
        )


def check_taken(left: list[Change]) -> None:
    """Raise BlockStructureError `bucket-ignored` when the store accepted a change and still differs."""
    if left:
        aspect = left[0].field.split(".")[0]
        raise BlockStructureError(
            "bucket-ignored",
            f"The store accepted the change of the bucket's '{aspect}' and did not apply it.",
            f"if the store lacks this feature, set {LEAVE_ALONE[aspect]}.",
            "block_structure_bucket_tags" if aspect == "tags" else "block_structure_bucket_features",
        )
