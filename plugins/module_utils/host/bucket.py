"""Read the state of a bucket, one aspect at a time."""

from __future__ import annotations

import json
from typing import Any, Callable

from . import s3

# Codes for "not configured" (S3 API reference, error responses of each Get operation; other stores have their own).
UNSET = {
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "NoSuchOwnershipControls",
    "NoSuchBucketPolicy",
    "NoSuchPolicyConfiguration",
    "NoSuchTagSet",
    "NoSuchTagSetError",
    "NoSuchLifecycleConfiguration",
}
# Codes for "not supported by this store" (S3 API reference, list of error codes; 501 is a response without a body).
LACKING = {"NotImplemented", "XNotImplemented", "MethodNotAllowed", "InvalidArgument", "UnsupportedOperation", "501"}


class Aspects:
    """Reads one aspect at a time. An aspect that is not set is None; one that the store lacks is None and in `lacking`."""

    def __init__(self, wanted: list[str]) -> None:
        self.wanted = wanted
        self.lacking: list[str] = []

    def __call__(self, name: str, function: Callable[[], Any]) -> Any:
        if name not in self.wanted:
            return None
        try:
            return function()
        except (KeyError, ValueError):
            # Some stores answer a sub-resource that they do not know with the listing of the bucket.
            self.lacking.append(name)
        except s3.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in LACKING:
                self.lacking.append(name)
            elif code not in UNSET:
                raise
        return None


def _encryption(client: Any, name: str) -> dict[str, Any]:
    rules = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    # A rule may have BucketKeyEnabled alone.
    found = [rule["ApplyServerSideEncryptionByDefault"] for rule in rules if "ApplyServerSideEncryptionByDefault" in rule]
    return dict(found[0]) if found else {}


def _public_access_block(client: Any, name: str) -> dict[str, bool]:
    found = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    return {
        # AWS has each of them; a listing of the bucket has none.
        "block_public_acls": bool(found["BlockPublicAcls"]),
        "ignore_public_acls": bool(found.get("IgnorePublicAcls")),
        "block_public_policy": bool(found.get("BlockPublicPolicy")),
        "restrict_public_buckets": bool(found.get("RestrictPublicBuckets")),
    }


def read(client: Any, name: str, aspects: list[str]) -> dict[str, Any]:
    """Return these aspects of an existing bucket."""
    aspect = Aspects(aspects)
    ownership = aspect(
        "object_ownership", lambda: client.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    )
    encryption = aspect("encryption", lambda: _encryption(client, name)) or {}
    policy = aspect("policy", lambda: json.loads(client.get_bucket_policy(Bucket=name)["Policy"]))
    tags = aspect("tags", lambda: client.get_bucket_tagging(Bucket=name)["TagSet"])
    return {
        "versioning": aspect("versioning", lambda: client.get_bucket_versioning(Bucket=name).get("Status")) == "Enabled",
        "encryption": encryption.get("SSEAlgorithm"),
        "kms_key": encryption.get("KMSMasterKeyID"),
        "public_access_block": aspect("public_access_block", lambda: _public_access_block(client, name)),
        "object_ownership": ownership[0]["ObjectOwnership"] if ownership else None,
        "policy": policy or None,
        "tags": {tag["Key"]: tag["Value"] for tag in tags or []},
        "lifecycle": aspect("lifecycle", lambda: client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]) or [],
        "lacking": aspect.lacking,
    }


def find(client: Any, name: str, aspects: list[str]) -> dict[str, Any] | None:
    """Return the bucket's aspects, or None if it does not exist."""
    try:
        client.head_bucket(Bucket=name)
    except s3.ClientError as error:
        # A HEAD response has no body, so its code is the HTTP status.
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchBucket"):
            return None
        if code == "403":
            # Ask again where the answer says why: wrong keys look like somebody else's bucket.
            client.list_objects_v2(Bucket=name, MaxKeys=1)
        raise
    return read(client, name, aspects)
