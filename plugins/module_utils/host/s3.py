"""Connect to an S3 API from a module, and say what its refusals mean."""

from __future__ import annotations

import uuid
from contextlib import contextmanager, suppress
from typing import Any, Iterator

from ..common.errors import BlockStructureError
from ..decisions.bucket import BLOCK_REMEDY, PUBLIC_ACCESS_KEYS, turned_off_by

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    MISSING = ""
except ImportError as missing:
    MISSING = str(missing)

__all__ = ["ARGUMENTS", "ClientError", "block_public_access", "client", "lifecycle", "refusals"]
# Arguments of every module that speaks to the bucket.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "region": {"type": "str"},
    "endpoint_url": {"type": "str"},
    "access_key": {"type": "str", "no_log": True},
    "secret_key": {"type": "str", "no_log": True},
    "session_token": {"type": "str", "no_log": True},
    "aws_ca_bundle": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
}
# What to correct where the store does not know the credentials.
_KEYS = "block_structure_bucket_access_key and block_structure_bucket_secret_key"


def client(given: dict[str, Any]) -> Any:
    """Return boto3's client for a module's parameters. Raises BlockStructureError `boto3-missing`."""
    if MISSING:
        raise BlockStructureError(
            "boto3-missing",
            f"The Python of the host that manages the bucket has no boto3: {MISSING}.",
            "install boto3 for that Python, or name another host in block_structure_bucket_delegate_to.",
            "block_structure_bucket_delegate_to",
        )
    return boto3.client(
        "s3",
        region_name=given["region"],
        endpoint_url=given["endpoint_url"],
        aws_access_key_id=given["access_key"],
        aws_secret_access_key=given["secret_key"],
        aws_session_token=given["session_token"],
        # Without any, botocore takes AWS_CA_BUNDLE, as amazon.aws does.
        verify=given["aws_ca_bundle"] if given["validate_certs"] else False,
        config=_config(),
    )


def _config() -> Any:
    """Return botocore's configuration; the checksums of boto3 1.36 and later only where an operation needs one."""
    made = Config(retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=10, read_timeout=30)
    with suppress(TypeError):  # an older botocore, which sends no others
        return made.merge(Config(request_checksum_calculation="when_required", response_checksum_validation="when_required"))
    return made


def _refusal(name: str, code: str, operation: str, text: str) -> BlockStructureError:
    """Return the error for a code that an operation ended with."""
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"):
        return BlockStructureError(
            "bucket-credentials",
            f"S3 does not accept the credentials for the bucket {name} ({code}).",
            f"correct {_KEYS}.",
            "block_structure_bucket_access_key",
        )
    if code in ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"):
        return BlockStructureError(
            "bucket-region",
            f"The bucket {name} is in another region ({code}).",
            "correct block_structure_storage_region.",
            "block_structure_storage_region",
        )
    if code in ("403", "AccessDenied", "AllAccessDisabled") and operation in ("HeadBucket", "ListObjectsV2"):
        return BlockStructureError(
            "bucket-foreign",
            f"The bucket {name} exists but belongs to another account, or these credentials may not read it.",
            "choose another block_structure_storage_bucket, or give these credentials s3:ListBucket on it.",
            "block_structure_storage_bucket",
        )
    if code in ("403", "AccessDenied"):
        return BlockStructureError(
            "bucket-permission",
            f"The credentials may not call {operation} on the bucket {name}.",
            f"grant them the permission, or {turned_off_by(operation)}.",
            "block_structure_bucket_features",
        )
    if operation.startswith(("Put", "Delete")):
        return BlockStructureError(
            "bucket-refused",
            f"The store refuses {operation} on the bucket {name}: {text}",
            f"if the store lacks this feature, {turned_off_by(operation)}.",
            "block_structure_bucket_features",
        )
    return BlockStructureError(
        "bucket-unreadable",
        f"{operation} on the bucket {name} failed: {text}",
        "correct block_structure_storage_region and the endpoint, or set block_structure_manage_bucket to false.",
        "block_structure_storage_endpoint_url",
    )


def _no_s3() -> BlockStructureError:
    return BlockStructureError(
        "bucket-not-s3",
        "The endpoint does not speak the S3 protocol: its answer is no XML.",
        "correct block_structure_storage_endpoint_url; it is the store's API, not its web console.",
        "block_structure_storage_endpoint_url",
    )


def _transport(name: str, error: Exception) -> BlockStructureError:
    """Return the error for an endpoint that does not answer as S3 does."""
    kind = type(error).__name__
    if kind == "SSLError":
        return BlockStructureError(
            "bucket-certificate",
            f"The certificate of the bucket's endpoint is not trusted: {error}",
            "name the store's certificate authority in block_structure_bucket_ca_bundle.",
            "block_structure_bucket_ca_bundle",
        )
    if kind == "ResponseParserError":
        return _no_s3()
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"):
        return BlockStructureError(
            "bucket-credentials",
            f"There are no credentials for the bucket {name}: {error}",
            f"set {_KEYS}, or run where boto3 finds some.",
            "block_structure_bucket_access_key",
        )
    return BlockStructureError(
        "bucket-unreadable",
        f"The bucket {name} cannot be reached: {error}",
        "correct block_structure_storage_region and the endpoint, or set block_structure_manage_bucket to false.",
        "block_structure_storage_endpoint_url",
    )


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn botocore's errors of the body into BlockStructureError."""
    try:
        yield
    except ClientError as error:
        # botocore makes 500 of a success whose body it cannot read; S3's own errors have a name.
        if error.response["Error"]["Code"] == "500":
            raise _no_s3() from error
        raise _refusal(name, str(error.response["Error"]["Code"]), error.operation_name, str(error)) from error
    except (BotoCoreError, ValueError) as error:
        raise _transport(name, error) from error


def lifecycle(connection: Any, name: str, rules: list[dict[str, Any]]) -> None:
    """Set these rules of the bucket's lifecycle, each by its ID; the others stay as the store returns them."""
    try:
        found = connection.get_bucket_lifecycle_configuration(Bucket=name).get("Rules") or []
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        found = []
    ours = {rule["ID"] for rule in rules}
    kept = [rule for rule in found if rule.get("ID") not in ours]
    connection.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [*kept, *rules]})


# Part of the block in the terms of the role -> in those of the S3 API.
_BLOCK = {name: "".join(word.capitalize() for word in name.split("_")) for name in PUBLIC_ACCESS_KEYS}
_DENIED = ("403", "AccessDenied")


def _takes_objects(connection: Any, name: str, prefix: str) -> bool:
    """Return whether an object can be written; it is deleted again."""
    key = f"{prefix}block-structure-canary/{uuid.uuid4().hex}"
    try:
        version = connection.put_object(Bucket=name, Key=key, Body=b"canary").get("VersionId")
    except ClientError as error:
        if str(error.response["Error"]["Code"]) in _DENIED:
            return False
        raise
    try:
        connection.delete_object(Bucket=name, Key=key, **({"VersionId": version} if version else {}))
    except ClientError:
        # Who may not delete versions leaves a noncurrent one, which the lifecycle rule removes.
        with suppress(ClientError):
            connection.delete_object(Bucket=name, Key=key)
    return True


def _live_block(connection: Any, name: str) -> dict[str, Any]:
    """Return the public access block in the terms of the S3 API, empty for none."""
    try:
        found = connection.get_public_access_block(Bucket=name).get("PublicAccessBlockConfiguration")
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        found = None
    return dict(found or {})


def _put_block_back(connection: Any, name: str, before: dict[str, bool]) -> None:
    if before:
        connection.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=before)
    else:
        connection.delete_public_access_block(Bucket=name)


def block_public_access(connection: Any, name: str, prefix: str, *, keep: bool = True) -> bool:
    """Set the whole public access block; return whether objects could be written before and after.

    keep: without it this is a trial, and the block is as it was in any case.
    Raises BlockStructureError `bucket-block-refuses-writes`, with the block as it was, if they can no longer be written.
    """
    before = _live_block(connection, name)
    wrote = _takes_objects(connection, name, prefix)
    if not (wrote or keep):
        return False
    connection.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(_BLOCK.values(), True))
    writes = False
    try:
        writes = not wrote or _takes_objects(connection, name, prefix)
    finally:
        if not (writes and keep):
            _put_block_back(connection, name, before)
    if writes:
        return wrote
    raise BlockStructureError(
        "bucket-block-refuses-writes",
        f"With the public access block the store refuses every write to the bucket {name}; the block was taken back.",
        BLOCK_REMEDY,
        "block_structure_bucket_features",
    )
