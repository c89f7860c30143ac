"""AWS signature version 4, checked on the server's side with botocore's own arithmetic."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
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


class AsSigned(S3SigV4Auth):
    """botocore's arithmetic over every header that the client signed: boto signs some that botocore never does."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Return the headers of the request, which are those that the client named."""
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name.lower()] = value
        return headers


def canonical(url: str) -> str:
    """Return an address whose query is encoded as a signature has it; boto sends slashes there as they are."""
    path, mark, query = url.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")]
    encoded = (quote(unquote(name), safe="-_.~") + sign + quote(unquote(value), safe="-_.~") for name, sign, value in pairs)
    return path + mark + "&".join(encoded)


def is_valid(signed: Signed, secret_key: str, method: str, url: str, headers: Mapping[str, str]) -> bool:
    """Say whether the signature is the one that the holder of the secret key would have made for this request.

    The body is covered through `X-Amz-Content-SHA256`, which the signature includes.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= lowered.keys() & set(signed.headers):
        return False
    request = AWSRequest(method=method, url=canonical(url), headers={name: lowered.get(name, "") for name in signed.headers})
    request.context["timestamp"] = lowered["x-amz-date"]
    arithmetic = AsSigned(Credentials(signed.access_key, secret_key), signed.service, signed.region)
    to_sign = arithmetic.string_to_sign(request, arithmetic.canonical_request(request))
    return hmac.compare_digest(arithmetic.signature(to_sign, request), signed.signature)
