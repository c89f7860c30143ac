"""Connect to an S3 API from a module, and say what its refusals mean."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from ..common.errors import BlockStructureError

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    MISSING = ""
except ImportError as missing:
    MISSING = str(missing)

__all__ = ["ARGUMENTS", "ClientError", "client", "lifecycle", "refusals"]
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
        verify=(given["aws_ca_bundle"] or True) if given["validate_certs"] else False,
        config=Config(retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=10, read_timeout=30),
    )


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
            "grant them the permission, or turn the feature off in block_structure_bucket_features.",
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
