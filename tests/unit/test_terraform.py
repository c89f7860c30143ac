"""The bucket and the policy of docs/terraform are, in their meaning, what the role makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest
from block_structure.module_utils.decisions import bucket

SOURCE = (Path(__file__).resolve().parents[2] / "docs" / "terraform" / "block_structures.tf").read_text()
BUCKET, PREFIX = "example-block-structures", "block_structures/"


def plain(value: Any) -> Any:
    """Return parsed HCL without the quotes of its strings."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.strip('"') if isinstance(value, str) else value


def filled(value: Any, partition: str) -> Any:
    """Return a value with its references filled in, as Terraform does."""
    if isinstance(value, dict):
        return {key: filled(item, partition) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, partition) for item in value]
    if not isinstance(value, str):
        return value
    places = {
        "local.bucket_arn": "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}",
        "data.aws_partition.current.partition": partition,
        "var.bucket": BUCKET,
        "var.prefix": PREFIX,
    }
    for name, text in places.items():
        value = text if value == name else value.replace(f"${{{name}}}", text)
    assert "${" not in value, value
    return value


def parsed(text: str = SOURCE) -> dict[str, dict[str, Any]]:
    """Return the blocks of a source by their addresses, such as data.aws_iam_policy_document.lms."""
    found = plain(hcl2.loads(text))
    blocks: dict[str, dict[str, Any]] = {}
    for kind in ("resource", "data"):
        for entry in found.get(kind, []):
            for type_name, named in entry.items():
                for name, body in named.items():
                    blocks[f"{'data.' if kind == 'data' else ''}{type_name}.{name}"] = body
    return blocks


def one(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the only nested block of a name."""
    (block,) = body[name]
    return block


def document(body: dict[str, Any], partition: str) -> dict[str, Any]:
    """Return an aws_iam_policy_document as the JSON that Terraform renders."""
    statements = []
    for entry in filled(body["statement"], partition):
        statement = {
            "Sid": entry["sid"],
            "Effect": entry["effect"],
            "Action": entry["actions"],
            "Resource": entry["resources"] if len(entry["resources"]) > 1 else entry["resources"][0],  # as Terraform does
        }
        if "principals" in entry:
            principals = one(entry, "principals")
            assert (principals["type"], principals["identifiers"]) == ("*", ["*"])
            statement["Principal"] = "*"
        if "condition" in entry:
            condition = one(entry, "condition")
            statement["Condition"] = {condition["test"]: {condition["variable"]: condition["values"]}}
        statements.append(statement)
    return {"Version": "2012-10-17", "Statement": statements}


def rule(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a rule of the lifecycle in the terms of the S3 API."""
    made: dict[str, Any] = {"ID": entry["id"], "Status": entry["status"], "Filter": {"Prefix": one(entry, "filter")["prefix"]}}
    if "expiration" in entry:
        made["Expiration"] = {"ExpiredObjectDeleteMarker": one(entry, "expiration")["expired_object_delete_marker"]}
    if "noncurrent_version_expiration" in entry:
        days = one(entry, "noncurrent_version_expiration")["noncurrent_days"]
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "abort_incomplete_multipart_upload" in entry:
        days = one(entry, "abort_incomplete_multipart_upload")["days_after_initiation"]
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return made


def live(blocks: dict[str, dict[str, Any]], partition: str = "aws") -> dict[str, Any]:
    """Return the bucket that Terraform would make, as bucket_info returns a live one."""
    encryption = one(
        one(blocks["aws_s3_bucket_server_side_encryption_configuration.structures"], "rule"),
        "apply_server_side_encryption_by_default",
    )
    return {
        "versioning": one(blocks["aws_s3_bucket_versioning.structures"], "versioning_configuration")["status"] == "Enabled",
        "encryption": encryption["sse_algorithm"],
        "public_access_block": {
            name: blocks["aws_s3_bucket_public_access_block.structures"][name] for name in bucket.PUBLIC_ACCESS_KEYS
        },
        "object_ownership": one(blocks["aws_s3_bucket_ownership_controls.structures"], "rule")["object_ownership"],
        "policy": document(blocks["data.aws_iam_policy_document.bucket"], partition),
        "tags": {},
        "lifecycle": [rule(entry) for entry in blocks["aws_s3_bucket_lifecycle_configuration.structures"]["rule"]],
        "lacking": [],
    }


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
def test_the_role_would_change_nothing_in_the_bucket_of_terraform(partition):
    options = bucket.BucketOptions(BUCKET, partition=partition)
    assert bucket.compare(live(parsed(), partition), options) == []


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
def test_the_policy_of_the_lms_is_that_of_the_role(partition):
    made = document(parsed()["data.aws_iam_policy_document.lms"], partition)
    assert made == bucket.lms_policy(BUCKET, PREFIX, partition=partition)


@pytest.mark.parametrize(
    ("text", "other", "field"),
    [
        ('status = "Enabled"\n  }', 'status = "Suspended"\n  }', "versioning"),
        ("restrict_public_buckets = true", "restrict_public_buckets = false", "public_access_block"),
        ('"BucketOwnerEnforced"', '"ObjectWriter"', "object_ownership"),
        ('"aws:SecureTransport"', '"aws:SecureTransports"', "policy"),
        ("noncurrent_days = 30", "noncurrent_days = 3", "lifecycle.block-structure-noncurrent"),
        ("days_after_initiation = 7", "days_after_initiation = 1", "lifecycle.block-structure-abort-multipart"),
    ],
)
def test_a_difference_would_be_noticed(text, other, field):
    changed = SOURCE.replace(text, other, 1)
    assert changed != SOURCE
    assert [change.field for change in bucket.compare(live(parsed(changed)), bucket.BucketOptions(BUCKET))] == [field]


def test_every_resource_is_of_the_same_bucket():
    own = {name: body.get("bucket") for name, body in parsed().items() if re.match(r"aws_s3_bucket_", name)}
    assert len(own) == 6
    assert set(own.values()) == {"${aws_s3_bucket.structures.id}"}
