"""AWS signature version 4, checked on the server's side with botocore's own arithmetic."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Signed:
    """The parts of an Authorization header."""

    access_key: str
    region: str
    service: str
    headers: list[str]
    signature: str


def parse(authorization: str) -> Signed | None:
    """Take an Authorization header apart; None if it is not of signature version 4."""
    match = AUTHORIZATION.fullmatch(authorization.strip())
    if match is None:
        return None
    return Signed(match["key"], match["region"], match["service"], match["headers"].split(";"), match["signature"])


def is_valid(signed: Signed, secret_key: str, method: str, url: str, headers: Mapping[str, str]) -> bool:
    """Say whether the signature is the one that the holder of the secret key would have made for this request.

    The body is covered through `X-Amz-Content-SHA256`, which the signature includes.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= lowered.keys() & set(signed.headers):
        return False
    request = AWSRequest(method=method, url=url, headers={name: lowered.get(name, "") for name in signed.headers})
    request.context["timestamp"] = lowered["x-amz-date"]
    arithmetic = S3SigV4Auth(Credentials(signed.access_key, secret_key), signed.service, signed.region)
    to_sign = arithmetic.string_to_sign(request, arithmetic.canonical_request(request))
    return hmac.compare_digest(arithmetic.signature(to_sign, request), signed.signature)
