"""How other stores differ from AWS, as WSGI applications before the gate, each named for what it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from sandbox_s3.gate import Environ, Gate, RefusedError, StartResponse, denied


class _Refusing:
    """Answers what `refusal` says, and passes all other requests on."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        refused = self.refusal(environ)
        if refused is not None:
            return self.gate.answer(refused, environ, start_response)
        return self.gate(environ, start_response)

    def refusal(self, environ: Environ) -> RefusedError | None:
        """Return what the store answers in place of doing it."""
        raise NotImplementedError


class RefusesChunked(_Refusing):
    """Takes no body in aws-chunked encoding, in which boto3 1.36 and later send their checksum over TLS.

    Seen at Ceph RGW 16 and MinIO (411 MissingContentLength), and at Swift 2.30 (501).
    """

    def refusal(self, environ: Environ) -> RefusedError | None:
        if "aws-chunked" in environ.get("HTTP_CONTENT_ENCODING", ""):
            return RefusedError(
                "411 LENGTH REQUIRED", "MissingContentLength", "You must provide the Content-Length HTTP header."
            )
        return None


class BlockRefusesWrites(_Refusing):
    """Refuses every object while the bucket has a public access block, as Ceph RGW 16 does to the owner too."""

    def refusal(self, environ: Environ) -> RefusedError | None:
        name, _, key = unquote(environ["REQUEST_URI"].partition("?")[0]).lstrip("/").partition("/")
        if environ["REQUEST_METHOD"] != "PUT" or not key:
            return None
        bucket, _ = self.gate.find_bucket(name)
        blocked = bucket is not None and bucket.public_access_block is not None
        return denied() if blocked else None
