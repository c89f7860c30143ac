"""Access control of the sandbox's S3 API, tested over HTTP with boto3: it refuses what AWS refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED, auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from sandbox_s3 import signature
from sandbox_s3.policy import PolicyError, Request, decide
from sandbox_s3.server import SOMEBODY_ELSE, Listener, application, seed

OPERATOR = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
LMS = ("AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")
BUCKET = "example-block-structures"
# The characters of a real object's name: a signature must cover them as they are sent.
KEY = "block_structures/block-v1:example+C1+2026+type@course+block@course/2026-11-24-03:30:00-123456"

Connect = Callable[..., BaseClient]


@pytest.fixture(scope="module")
def connect() -> Iterator[Connect]:
    """Serve the API on a free loopback port; return a function that creates a client for a pair of keys."""
    seed()
    server = Listener(application(), "127.0.0.1", 0)
    server.open()

    def client(keys: tuple[str, str] | None) -> BaseClient:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{server.port}",
            region_name="us-east-1",
            aws_access_key_id=keys and keys[0],
            aws_secret_access_key=keys and keys[1],
            config=Config(
                signature_version="s3v4" if keys else UNSIGNED,
                s3={"addressing_style": "path"},
                retries={"max_attempts": 1},
            ),
        )

    client(OPERATOR).create_bucket(Bucket=BUCKET)
    client(LMS).put_object(Bucket=BUCKET, Key=KEY, Body=b"tree")
    yield client
    server.close()


def refusal(call: Callable[[], Any]) -> tuple[str, int]:
    """Return code and HTTP status of the refusal of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_lms_user_writes_reads_lists_and_deletes_below_the_prefix(connect: Connect) -> None:
    lms = connect(LMS)
    name = KEY.replace("C1", "C2")
    lms.upload_fileobj(io.BytesIO(b"x" * 3_000_000), BUCKET, name)
    assert lms.head_object(Bucket=BUCKET, Key=name)["ContentLength"] == 3_000_000
    listed = lms.list_objects_v2(Bucket=BUCKET, Prefix="block_structures/block-v1:example+C2")
    assert [entry["Key"] for entry in listed["Contents"]] == [name]
    lms.delete_object(Bucket=BUCKET, Key=name)
    assert refusal(lambda: lms.get_object(Bucket=BUCKET, Key=name)) == ("NoSuchKey", 404)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("put_object", {"Bucket": BUCKET, "Key": "elsewhere/x", "Body": b"x"}),
        ("get_bucket_policy", {"Bucket": BUCKET}),
        ("put_bucket_versioning", {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Enabled"}}),
        ("create_bucket", {"Bucket": "example-new"}),
        ("delete_bucket", {"Bucket": BUCKET}),
        ("list_buckets", {}),
    ],
)
def test_lms_user_has_no_other_permission(connect: Connect, operation: str, arguments: dict[str, Any]) -> None:
    assert refusal(lambda: getattr(connect(LMS), operation)(**arguments)) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((LMS[0], OPERATOR[1]), "SignatureDoesNotMatch"),
        (("AKIAXXXXXXXXXEXAMPLE", LMS[1]), "InvalidAccessKeyId"),
        (None, "AccessDenied"),
    ],
    ids=["wrong secret", "unknown key", "anonymous"],
)
def test_other_users_cannot_read_an_object(connect: Connect, keys: tuple[str, str] | None, code: str) -> None:
    assert refusal(lambda: connect(keys).get_object(Bucket=BUCKET, Key=KEY)) == (code, 403)


def test_changed_url_breaks_the_signature(connect: Connect) -> None:
    client = connect(LMS)
    client.meta.events.register("before-send.s3.GetObject", lambda request, **_: setattr(request, "url", request.url + "x"))
    assert refusal(lambda: client.get_object(Bucket=BUCKET, Key=KEY)) == ("SignatureDoesNotMatch", 403)


def test_missing_and_foreign_bucket_differ(connect: Connect) -> None:
    operator = connect(OPERATOR)
    assert refusal(lambda: operator.head_bucket(Bucket="example-none")) == ("404", 404)
    assert refusal(lambda: operator.head_bucket(Bucket="example-taken")) == ("403", 403)
    assert refusal(lambda: operator.create_bucket(Bucket="example-taken")) == ("BucketAlreadyExists", 409)
    assert refusal(lambda: operator.put_bucket_tagging(Bucket="example-taken", Tagging={"TagSet": []}))[1] == 403
    assert SOMEBODY_ELSE != "123456789012"


def test_policy_that_requires_tls_refuses_plain_http(connect: Connect) -> None:
    operator = connect(OPERATOR)
    operator.create_bucket(Bucket="example-tls")
    operator.put_object(Bucket="example-tls", Key="x", Body=b"x")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::example-tls", "arn:aws:s3:::example-tls/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    operator.put_bucket_policy(Bucket="example-tls", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    assert refusal(lambda: operator.get_object(Bucket="example-tls", Key="x")) == ("AccessDenied", 403)


def test_bucket_owner_enforced_refuses_acls(connect: Connect) -> None:
    operator = connect(OPERATOR)
    operator.create_bucket(Bucket="example-owned")
    operator.put_object(Bucket="example-owned", Key="x", Body=b"x", ACL="public-read")
    assert connect(None).get_object(Bucket="example-owned", Key="x")["Body"].read() == b"x"
    operator.put_bucket_ownership_controls(
        Bucket="example-owned", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    for acl in ("public-read", "private"):
        answer = refusal(lambda acl=acl: operator.put_object(Bucket="example-owned", Key="x", Body=b"x", ACL=acl))
        assert answer == ("AccessControlListNotSupported", 400)
    assert refusal(lambda: connect(None).get_object(Bucket="example-owned", Key="x")) == ("AccessDenied", 403)


@pytest.mark.parametrize("deleted", [False, True], ids=["never there", "behind a delete marker"])
def test_missing_object_is_403_without_list_permission(connect: Connect, deleted: bool) -> None:
    """AWS (API reference of GetObject): without s3:ListBucket the answer is 403; a delete marker is no object either."""
    operator = connect(OPERATOR)
    bucket = f"example-unlisted-{deleted}".lower()
    operator.create_bucket(Bucket=bucket)
    if deleted:
        operator.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        version = operator.put_object(Bucket=bucket, Key="x", Body=b"tree")["VersionId"]
        operator.delete_object(Bucket=bucket, Key="x")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    assert refusal(lambda: operator.get_object(Bucket=bucket, Key="x")) == ("NoSuchKey", 404)
    operator.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": deny}))
    assert refusal(lambda: operator.get_object(Bucket=bucket, Key="x")) == ("AccessDenied", 403)
    assert refusal(lambda: operator.head_object(Bucket=bucket, Key="x")) == ("403", 403)
    if deleted:
        # The version behind it still exists.
        assert operator.get_object(Bucket=bucket, Key="x", VersionId=version)["Body"].read() == b"tree"


STATEMENT = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        (STATEMENT, True),
        ({**STATEMENT, "Effect": "Deny"}, False),
        ({**STATEMENT, "Action": ["s3:PutObject"]}, None),
        ({**STATEMENT, "Resource": "arn:aws:s3:::other/*"}, None),
        ({**STATEMENT, "Principal": {"AWS": "arn:aws:iam::1:user/other"}}, None),
        ({**STATEMENT, "Principal": {"AWS": ["arn:aws:iam::1:user/lms"]}}, True),
        ({**STATEMENT, "Condition": {"StringLike": {"s3:prefix": ["a/*"]}}}, True),
        ({**STATEMENT, "Condition": {"StringEquals": {"s3:prefix": "a/"}}}, None),
        ({**STATEMENT, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, None),
    ],
)
def test_policy_is_evaluated(statement: dict[str, Any], verdict: bool | None) -> None:
    request = Request("arn:aws:iam::1:user/lms", "s3:GetObject", "arn:aws:s3:::b/key", {"s3:prefix": "a/b"})
    assert decide([{"Statement": [statement]}], request) is verdict


@pytest.mark.parametrize("statement", [{**STATEMENT, "NotAction": "s3:*"}, {**STATEMENT, "Condition": {"IpAddress": {}}}])
def test_unsupported_policy_is_refused(statement: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        decide([{"Statement": statement}], Request(None, "s3:GetObject", "arn:aws:s3:::b/key"))


def test_signature_over_extra_headers_is_checked(monkeypatch):
    """Old boto signs User-Agent and Expect."""
    monkeypatch.setattr(auth, "SIGNED_HEADERS_BLACKLIST", [])
    url = "https://s3/example-block-structures/x"
    request = AWSRequest("PUT", url, headers={"Host": "s3", "User-Agent": "Boto/2.49.0", "Expect": "100-Continue"}, data=b"x")
    auth.S3SigV4Auth(Credentials(*LMS), "s3", "us-east-1").add_auth(request)
    monkeypatch.undo()
    signed = signature.parse(request.headers["Authorization"])
    assert signed
    assert {"user-agent", "expect"} < set(signed.headers)
    headers = dict(request.headers.items())
    assert signature.is_valid(signed, LMS[1], "PUT", url, headers)
    assert not signature.is_valid(signed, LMS[1], "PUT", url, {**headers, "User-Agent": "another"})


def test_signature_covers_the_query_in_any_encoding():
    """Old boto sends the slashes of a prefix as they are, and signs them encoded."""
    url = "https://s3/example-block-structures/?prefix=block_structures%2F&versioning"
    request = AWSRequest("GET", url, headers={"Host": "s3"})
    auth.S3SigV4Auth(Credentials(*LMS), "s3", "us-east-1").add_auth(request)
    signed = signature.parse(request.headers["Authorization"])
    assert signed
    headers = dict(request.headers.items())
    assert signature.is_valid(signed, LMS[1], "GET", url.replace("%2F", "/"), headers)
    assert not signature.is_valid(signed, LMS[1], "GET", url.replace("%2F", "-"), headers)
