"""What requests pass before moto: signatures, IAM and bucket policies, ownership of buckets, refused ACLs.

moto keeps the buckets and speaks the protocol. Its own authorization knows no condition (a policy that denies plain
HTTP would deny everything), and answers 404 for a missing object to callers who may not list the bucket. AWS answers
403, which an LMS does not take for "not found": so the sandbox has to do the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from moto.s3.models import FakeDeleteMarker, s3_backends
from werkzeug.datastructures import EnvironHeaders

from sandbox_s3 import signature
from sandbox_s3.policy import PolicyError, Request, decide

OBJECT_ACTIONS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
BUCKET_ACTIONS = {
    "GET": "ListBucket",
    "HEAD": "ListBucket",
    "PUT": "CreateBucket",
    "DELETE": "DeleteBucket",
    "POST": "DeleteObject",
}
# Query keys that do not name a part of the bucket's configuration.
LISTING_KEYS = {
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "marker",
    "continuation-token",
    "start-after",
    "encoding-type",
    "fetch-owner",
    "delete",
    "x-id",
}

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class RefusedError(Exception):
    """The request is answered by the gate: HTTP status, S3 error code and message."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class User:
    """An IAM user of the sandbox's account, with one access key."""

    name: str
    secret_key: str
    policies: list[dict[str, Any]]


def denied() -> RefusedError:
    """AWS's answer to whoever may not."""
    return RefusedError("403 FORBIDDEN", "AccessDenied", "Access Denied")


class Gate:
    """A WSGI application that passes to moto what AWS would have let through."""

    def __init__(self, application: Callable[..., Any], account: str, users: dict[str, User]) -> None:
        self.application, self.account, self.users = application, account, users

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self.check(environ)
        except RefusedError as refused:
            return self.answer(refused, environ, start_response)
        # moto would derive the account from the key; here all users belong to one.
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account
        return self.application(environ, start_response)

    @staticmethod
    def answer(refused: RefusedError, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as S3 does: an XML document, or nothing to a HEAD."""
        # A client that is still sending would see a broken connection in place of the answer.
        chunked = environ.get("wsgi.input_terminated", False)
        environ["wsgi.input"].read(-1 if chunked else int(environ.get("CONTENT_LENGTH") or 0))
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code>'
            f"<Message>{escape(refused.message)}</Message><Resource>{escape(environ['PATH_INFO'])}</Resource></Error>"
        ).encode()
        start_response(refused.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def check(self, environ: Environ) -> None:
        """Raise RefusedError unless the request may pass."""
        method = environ["REQUEST_METHOD"]
        user = self.authenticate(environ)
        path, _, query_text = environ["REQUEST_URI"].partition("?")
        bucket_name, _, key = unquote(path).lstrip("/").partition("/")
        if not bucket_name:
            self.authorize(user, None, Request(self.arn(user), "s3:ListAllMyBuckets", "*"))
            return
        query = parse_qs(query_text, keep_blank_values=True)
        bucket, owned = self.find_bucket(bucket_name)
        if bucket is None:
            # moto's own answer, NoSuchBucket, is right, and so is its creation of the bucket for those who may.
            if method == "PUT" and not key:
                self.authorize(user, None, Request(self.arn(user), "s3:CreateBucket", f"arn:aws:s3:::{bucket_name}"))
            elif user is None:
                raise denied()
            return
        if method == "PUT" and not key and not query:
            # Creation of a bucket that exists: moto tells whose it is, as S3 does.
            return
        if not owned:
            raise denied()
        context = {"aws:SecureTransport": str(environ["wsgi.url_scheme"] == "https").lower()}
        self.check_acl(environ, bucket)
        if key:
            request = Request(
                self.arn(user), f"s3:{self.object_action(method, query)}", f"arn:aws:s3:::{bucket_name}/{key}", context
            )
            self.authorize(user, bucket, request, public=self.is_public(bucket, key, method))
            if method in ("GET", "HEAD") and self.is_missing(bucket, key, query):
                # Who may not list must not learn that the object is missing.
                self.authorize(
                    user,
                    bucket,
                    Request(self.arn(user), "s3:ListBucket", f"arn:aws:s3:::{bucket_name}", {**context, "s3:prefix": key}),
                )
        else:
            if "prefix" in query:
                context["s3:prefix"] = query["prefix"][0]
            action = self.bucket_action(method, query)
            resource = f"arn:aws:s3:::{bucket_name}" + ("/*" if action == "DeleteObject" else "")
            self.authorize(user, bucket, Request(self.arn(user), f"s3:{action}", resource, context))

    def arn(self, user: User | None) -> str | None:
        """The principal that policies name; None for an anonymous request."""
        return user and f"arn:aws:iam::{self.account}:user/{user.name}"

    def authenticate(self, environ: Environ) -> User | None:
        """Return who signed the request, None if nobody did. Raises RefusedError for a wrong key or signature."""
        headers = EnvironHeaders(environ)
        authorization = headers.get("Authorization")
        if authorization is None:
            return None
        signed = signature.parse(authorization)
        if signed is None or signed.service != "s3":
            raise RefusedError(
                "400 BAD REQUEST", "InvalidRequest", "The sandbox takes AWS4-HMAC-SHA256 signatures for S3 only."
            )
        user = self.users.get(signed.access_key)
        if user is None:
            raise RefusedError(
                "403 FORBIDDEN",
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        url = f"{environ['wsgi.url_scheme']}://{headers['Host']}{environ['REQUEST_URI']}"
        if not signature.is_valid(signed, user.secret_key, environ["REQUEST_METHOD"], url, headers):
            raise RefusedError(
                "403 FORBIDDEN",
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        return user

    def find_bucket(self, name: str) -> tuple[Any, bool]:
        """Return moto's bucket of that name (None if there is none) and whether the sandbox's account owns it."""
        for account, partitions in s3_backends.items():
            bucket = partitions["aws"].buckets.get(name)
            if bucket is not None:
                return bucket, account == self.account
        return None, False

    @staticmethod
    def object_action(method: str, query: dict[str, list[str]]) -> str:
        """Name the IAM action of a request for an object."""
        action = OBJECT_ACTIONS[method]
        for part, suffix in (("acl", "Acl"), ("tagging", "Tagging")):
            if part in query:
                return action + suffix
        return action + "Version" if "versionId" in query else action

    @staticmethod
    def bucket_action(method: str, query: dict[str, list[str]]) -> str:
        """Name the IAM action of a request for a bucket; all its configuration counts as one."""
        if set(query) <= LISTING_KEYS:
            return BUCKET_ACTIONS[method]
        if "versions" in query:
            return "ListBucketVersions"
        return "GetBucketConfiguration" if method in ("GET", "HEAD") else "PutBucketConfiguration"

    @staticmethod
    def is_missing(bucket: Any, key: str, query: dict[str, list[str]]) -> bool:
        """Say whether there is no such object, or a delete marker is the current version that the request asks for."""
        stored = bucket.keys.get(key)
        return stored is None or (isinstance(stored, FakeDeleteMarker) and "versionId" not in query)

    @staticmethod
    def owner_enforced(bucket: Any) -> bool:
        """Say whether ACLs are switched off on the bucket."""
        return "BucketOwnerEnforced" in str(bucket.ownership_rule)

    def check_acl(self, environ: Environ, bucket: Any) -> None:
        """Refuse any ACL on a bucket whose owner owns all its objects."""
        if environ.get("HTTP_X_AMZ_ACL") not in (None, "bucket-owner-full-control") and self.owner_enforced(bucket):
            raise RefusedError("400 BAD REQUEST", "AccessControlListNotSupported", "The bucket does not allow ACLs")

    def is_public(self, bucket: Any, key: str, method: str) -> bool:
        """Say whether the object's ACL lets everybody read it."""
        block = bucket.public_access_block
        if self.owner_enforced(bucket) or (block and str(block.ignore_public_acls).lower() == "true"):
            return False
        stored = bucket.keys.get(key)
        acl = getattr(stored, "acl", None)
        return bool(method in ("GET", "HEAD") and acl and acl.public_read)

    def authorize(self, user: User | None, bucket: Any, request: Request, *, public: bool = False) -> None:
        """Raise RefusedError unless some policy, or the object's ACL, allows the request and none denies it."""
        bucket_policies = [json.loads(bucket.policy)] if bucket is not None and bucket.policy else []
        try:
            by_bucket = decide(bucket_policies, request)
            by_user = decide(user.policies, request) if user else None
        except PolicyError as error:
            raise RefusedError(
                "501 NOT IMPLEMENTED", "NotImplemented", f"The sandbox cannot evaluate the policy's {error}."
            ) from error
        if False in (by_bucket, by_user) or not (by_bucket or by_user or public):
            raise denied()
