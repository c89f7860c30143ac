"""Read the configuration of a bucket; distinguishes a missing bucket from a forbidden one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bucket_info
short_description: Read the state of one S3 bucket
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Returns versioning, encryption, public access block, ownership, policy, tags and lifecycle of a bucket, or null when there
    is none. Fails when these credentials may not read the bucket (403), so that it never counts as missing.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  name:
    description: Name of the bucket.
    type: str
    required: true
  region:
    description: Region of the bucket.
    type: str
  endpoint_url:
    description: Endpoint of an S3-compatible store.
    type: str
  access_key:
    description: Access key; the AWS credential chain when unset.
    type: str
  secret_key:
    description: Secret key that goes with O(access_key).
    type: str
  session_token:
    description: Session token of temporary credentials.
    type: str
  aws_ca_bundle:
    description: CA bundle on the host.
    type: path
  validate_certs:
    description: Whether to verify the endpoint's certificate.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Read the bucket
  openedx_operators.block_structure.bucket_info:
    name: example-block-structures
    region: eu-central-1
"""

RETURN = r"""
bucket:
  description: The features of the bucket, and in C(lacking) the names of those that the store does not support; null when
    there is no bucket.
  type: dict
  returned: success
"""

import json
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.common.findings import two_lines

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    HAS_BOTO3 = True
except ImportError:
    HAS_BOTO3 = False


# Codes for "not configured" (S3 API reference, error responses of each Get operation).
UNSET = {
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "NoSuchBucketPolicy",
    "NoSuchTagSet",
    "NoSuchLifecycleConfiguration",
}
# Codes for "not supported by this store" (S3 API reference, list of error codes; 501 is a response without a body).
LACKING = {"NotImplemented", "MethodNotAllowed", "501"}


class Aspects:
    """Reads one aspect at a time. An aspect that is not set is None; one that the store lacks is None and in `lacking`."""

    def __init__(self) -> None:
        self.lacking: list[str] = []

    def __call__(self, name: str, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in LACKING:
                self.lacking.append(name)
            elif code not in UNSET:
                raise
            return None


def _encryption(client: Any, name: str) -> str | None:
    rules = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    return str(rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]) if rules else None


def _public_access_block(client: Any, name: str) -> dict[str, bool]:
    found = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    return {
        "block_public_acls": bool(found.get("BlockPublicAcls")),
        "ignore_public_acls": bool(found.get("IgnorePublicAcls")),
        "block_public_policy": bool(found.get("BlockPublicPolicy")),
        "restrict_public_buckets": bool(found.get("RestrictPublicBuckets")),
    }


def read(client: Any, name: str) -> dict[str, Any]:
    """Return every aspect of an existing bucket."""
    aspect = Aspects()
    ownership = aspect(
        "object_ownership", lambda: client.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    )
    policy = aspect("policy", lambda: client.get_bucket_policy(Bucket=name)["Policy"])
    tags = aspect("tags", lambda: client.get_bucket_tagging(Bucket=name)["TagSet"])
    return {
        "versioning": aspect("versioning", lambda: client.get_bucket_versioning(Bucket=name).get("Status")) == "Enabled",
        "encryption": aspect("encryption", lambda: _encryption(client, name)),
        "public_access_block": aspect("public_access_block", lambda: _public_access_block(client, name)),
        "object_ownership": ownership[0]["ObjectOwnership"] if ownership else None,
        "policy": json.loads(policy) if policy else None,
        "tags": {tag["Key"]: tag["Value"] for tag in tags or []},
        "lifecycle": aspect("lifecycle", lambda: client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]) or [],
        "lacking": aspect.lacking,
    }


def _error(name: str, code: str, text: str) -> str:
    """Return the two lines for an error other than a missing bucket."""
    if code in ("403", "AccessDenied", "AllAccessDisabled"):
        return two_lines(
            f"The bucket {name} exists but belongs to another account, or these credentials may not read it.",
            "choose another block_structure_storage_bucket, or give these credentials s3:ListBucket on it.",
        )
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
        return two_lines(
            f"S3 does not accept the credentials for the bucket ({code}).",
            "correct block_structure_bucket_access_key and block_structure_bucket_secret_key.",
        )
    return two_lines(
        f"The bucket {name} cannot be read: {text}",
        "correct block_structure_storage_region and the endpoint, or set block_structure_manage_bucket to false.",
    )


def find(client: Any, name: str) -> dict[str, Any] | None:
    """Return the bucket's aspects, or None if it does not exist."""
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        # A HEAD response has no body, so its code is the HTTP status.
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return None
        raise
    return read(client, name)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "region": {"type": "str"},
            "endpoint_url": {"type": "str"},
            "access_key": {"type": "str", "no_log": True},
            "secret_key": {"type": "str", "no_log": True},
            "session_token": {"type": "str", "no_log": True},
            "aws_ca_bundle": {"type": "path"},
            "validate_certs": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    if not HAS_BOTO3:
        module.fail_json(
            msg=two_lines(
                missing_required_lib("boto3"),
                "install boto3 for that Python, or name another host in block_structure_bucket_delegate_to.",
            )
        )
    given = module.params
    try:
        client = boto3.client(
            "s3",
            region_name=given["region"],
            endpoint_url=given["endpoint_url"],
            aws_access_key_id=given["access_key"],
            aws_secret_access_key=given["secret_key"],
            aws_session_token=given["session_token"],
            verify=(given["aws_ca_bundle"] or True) if given["validate_certs"] else False,
            config=Config(retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=10, read_timeout=30),
        )
        live = find(client, given["name"])
    except ClientError as error:
        module.fail_json(msg=_error(given["name"], error.response["Error"]["Code"], str(error)))
    except (BotoCoreError, ValueError) as error:
        module.fail_json(msg=_error(given["name"], type(error).__name__, str(error)))
    module.exit_json(changed=False, bucket=live)


if __name__ == "__main__":
    main()
