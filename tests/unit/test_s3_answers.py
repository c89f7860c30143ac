"""What S3-compatible stores answer about a bucket: each aspect is set, unset, lacking, or a right is missing by its name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions.bucket import ASPECTS, refused_remedy
from block_structure.module_utils.host import bucket as live_bucket
from block_structure.module_utils.host import s3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

LISTING = "<ListBucketResult><Name>b-c</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
# Aspect -> its sub-resource, and an answer that has it.
SET = {
    "versioning": ("versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
    "encryption": (
        "encryption",
        (
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
            "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        ),
    ),
    "public_access_block": (
        "publicAccessBlock",
        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>",
    ),
    "object_ownership": (
        "ownershipControls",
        "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
    ),
    "policy": ("policy", '{"Version": "2012-10-17", "Statement": []}'),
    "tags": ("tagging", "<Tagging><TagSet><Tag><Key>site</Key><Value>x</Value></Tag></TagSet></Tagging>"),
    "lifecycle": (
        "lifecycle",
        "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status></Rule></LifecycleConfiguration>",
    ),
}


class Store:
    """An S3 API that answers what a test says; `asked` are the sub-resources that were read."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                (name,) = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
                store.asked.append(name)
                status, body = store.answers[name]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_arguments: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def client(self) -> BaseClient:
        made: BaseClient = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.server.server_port}",
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="EXAMPLE",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
        return made


def error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>m</Message></Error>"


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    made.answers = {name: (200, body) for name, body in SET.values()}
    yield made
    made.server.shutdown()


def test_what_is_set_is_read(store: Store) -> None:
    found = live_bucket.read(store.client(), "b-c", list(ASPECTS))
    assert found["lacking"] == []
    assert (found["versioning"], found["encryption"], found["object_ownership"]) == (True, "AES256", "BucketOwnerEnforced")
    assert (found["tags"], [rule["ID"] for rule in found["lifecycle"]]) == ({"site": "x"}, ["a"])
    assert found["public_access_block"]["block_public_acls"] is True and found["policy"] is not None


@pytest.mark.parametrize(
    ("aspect", "code"),
    [
        ("tags", "NoSuchTagSet"),
        ("tags", "NoSuchTagSetError"),
        ("object_ownership", "OwnershipControlsNotFoundError"),
        ("object_ownership", "NoSuchOwnershipControls"),
        ("policy", "NoSuchBucketPolicy"),
        ("policy", "NoSuchPolicyConfiguration"),
        ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("public_access_block", "NoSuchPublicAccessBlockConfiguration"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
    ],
)
def test_what_is_not_set_is_not_lacking(store: Store, aspect: str, code: str) -> None:
    store.answers[SET[aspect][0]] = (404, error(code))
    found = live_bucket.read(store.client(), "b-c", list(ASPECTS))
    assert found["lacking"] == []
    assert not found[aspect]


@pytest.mark.parametrize("aspect", [name for name in ASPECTS if name != "versioning"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (501, error("NotImplemented")),
        (501, error("XNotImplemented")),
        (400, error("InvalidArgument")),
        (400, error("UnsupportedOperation")),
        (405, error("MethodNotAllowed")),
        (200, LISTING),
    ],
    ids=["501", "501 X", "400", "400 operation", "405", "a listing"],
)
def test_what_a_store_does_not_have_is_lacking(store: Store, aspect: str, status: int, body: str) -> None:
    store.answers[SET[aspect][0]] = (status, body)
    found = live_bucket.read(store.client(), "b-c", list(ASPECTS))
    assert found["lacking"] == [aspect]
    assert not found[aspect]


def test_a_rule_of_encryption_without_an_algorithm_is_none(store: Store) -> None:
    rule = "<Rule><BucketKeyEnabled>true</BucketKeyEnabled></Rule>"
    store.answers["encryption"] = (200, f"<ServerSideEncryptionConfiguration>{rule}</ServerSideEncryptionConfiguration>")
    found = live_bucket.read(store.client(), "b-c", list(ASPECTS))
    assert (found["encryption"], found["lacking"]) == (None, [])


def test_a_right_that_is_missing_for_one_aspect_is_named(store: Store) -> None:
    store.answers["lifecycle"] = (403, error("AccessDenied"))
    with pytest.raises(BlockStructureError) as refused, s3.refusals("b-c"):
        live_bucket.read(store.client(), "b-c", list(ASPECTS))
    assert str(refused.value) == (
        "The credentials may not call GetBucketLifecycleConfiguration on the bucket b-c.\n"
        "Remedy: grant them the permission, or set expire_noncurrent and abort_uploads of block_structure_bucket_features to "
        "false."
    )


@pytest.mark.parametrize(
    ("operation", "variable"),
    [
        ("PutBucketPolicy", "set tls_only of block_structure_bucket_features to false"),
        ("PutBucketEncryption", "set encryption of block_structure_bucket_features to false"),
        ("PutBucketTagging", "set block_structure_bucket_tags to {}"),
        ("CreateBucket", "turn it off in block_structure_bucket_features"),
    ],
)
def test_an_operation_that_the_store_refuses_names_its_variable(operation: str, variable: str) -> None:
    """What amazon.aws says of it, as MinIO refuses our policy, and what our own modules say."""
    said = f"Failed: An error occurred (MalformedPolicy) when calling the {operation} operation: unsupported action 's3:*'"
    assert refused_remedy(said) == f"grant these credentials the permission, or {variable}."
    refused = ClientError({"Error": {"Code": "MalformedXML", "Message": "unsupported"}}, operation)
    if operation.startswith("Put"):
        with pytest.raises(BlockStructureError) as caught, s3.refusals("b-c"):
            raise refused
        assert (caught.value.identifier, caught.value.remedy) == (
            "bucket-refused",
            f"if the store lacks this feature, {variable}.",
        )


def test_an_aspect_that_is_off_is_not_read(store: Store) -> None:
    store.answers["lifecycle"] = (403, error("AccessDenied"))
    found = live_bucket.read(store.client(), "b-c", [name for name in ASPECTS if name != "lifecycle"])
    assert "lifecycle" not in store.asked
    assert found["lifecycle"] == [] and found["lacking"] == []
