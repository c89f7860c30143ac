"""S3 itself, asked within a bound of time, and what its failures mean."""

import os
import threading
import time
import zlib
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from . import envelope, signing

Value = TypeVar("Value")
DIGEST = "block-structure-sha256"
SIGNATURE = "block-structure-signature"
# What keeps a caller waiting when it is met again and again; everything else is answered at once.
OUTAGES = ("timeout", "unreachable", "server_error", "other")
# An object that is there and must not be used, for the causes that only then occur.
DISTRUSTED = ("damaged", signing.UNSIGNED, signing.OTHER_KEY, signing.TAMPERED)
_CODES = {
    "NoSuchKey": "missing",
    "NoSuchBucket": "no_bucket",
    "RequestTimeTooSkewed": "clock",
    "SlowDown": "server_error",
    "RequestTimeout": "timeout",
    "InvalidAccessKeyId": "credentials",
    "SignatureDoesNotMatch": "credentials",
    "ExpiredToken": "credentials",
}
# 501 and 505 say that the store lacks what was asked for; asking again soon costs nothing and changes nothing.
_STATUSES = {403: "denied", 404: "missing", 429: "server_error", 501: "rejected", 505: "rejected"}
_CLASSES = {
    "EndpointConnectionError": "unreachable",
    "ConnectionClosedError": "unreachable",
    "ConnectionError": "unreachable",
    "HTTPClientError": "unreachable",
    "ProxyConnectionError": "unreachable",
    "SSLError": "unreachable",
    "IncompleteReadError": "unreachable",
    "ResponseStreamingError": "unreachable",
    "ProtocolError": "unreachable",
    "NoCredentialsError": "credentials",
    "PartialCredentialsError": "credentials",
    "CredentialRetrievalError": "credentials",
    "FlexibleChecksumError": "damaged",
    "ResponseParserError": "garbled",
    "PaginationError": "rejected",
    "ParamValidationError": "rejected",
}
_INFLATED_BYTES = 1024 * 1024  # at a time, where a stream is only checked


class FailureError(Exception):
    """S3 did not do what was asked. `cause` is one word for counters, `seconds` what the attempt cost."""

    def __init__(self, cause: str, words: str, seconds: float = 0.0) -> None:
        Exception.__init__(self, words)
        self.cause, self.words, self.seconds = cause, words, seconds

    @property
    def is_outage(self) -> bool:
        """Whether asking again soon would cost the same wait."""
        return self.cause in OUTAGES


def cause_of(error: BaseException) -> str:
    """Return the word for whatever boto3 raised."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code = str((response.get("Error") or {}).get("Code"))
        status = int((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
        if code in _CODES:
            return _CODES[code]
        return _STATUSES.get(status, "server_error" if status >= 500 else "rejected")
    name = type(error).__name__
    return "timeout" if "Timeout" in name else _CLASSES.get(name, "other")


def within(seconds: float, work: Callable[[], Value]) -> Value:
    """Return what `work()` returns. Raises FailureError for whatever it raises, and when it takes longer than `seconds`.

    The work runs in a thread of its own, which is left to its own timeouts when the time is over: only so do a name server
    that hangs and an answer that trickles in cost no more than the bound.
    """
    start = time.monotonic()
    outcome = {}  # type: Dict[str, Any]

    def run() -> None:
        try:
            outcome["value"] = work()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, name="block-structure-storage")
    thread.daemon = True
    try:
        thread.start()
    except RuntimeError as error:  # the system has no thread left
        raise FailureError("other", str(error)) from error
    thread.join(seconds)
    spent = time.monotonic() - start
    if "value" in outcome:
        return outcome["value"]  # type: ignore[no-any-return]
    met = outcome.get("error")
    if met is None:
        raise FailureError("timeout", "no whole answer within %.1f s" % seconds, spent)
    if isinstance(met, FailureError):
        raise FailureError(met.cause, met.words, spent) from met
    words = "%s: %s" % (type(met).__name__, " ".join(str(met).split())[:500])
    raise FailureError(cause_of(met), words, spent) from met


def list_directory(client: Any, bucket: str, prefix: str) -> Tuple[List[str], List[str]]:
    """Return the names of (directories, objects) right below a prefix, which is empty or ends with a slash.

    Raises what boto3 raises, and FailureError for an answer that is no listing. By ListObjectsV2: with version 1 Ceph restarts
    at the second page when keys have a plus sign, as course keys do.
    """
    directories, objects = [], []  # type: List[str], List[str]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", Prefix=prefix)
    for page in pages:
        if "IsTruncated" not in page:
            raise FailureError("garbled", "the answer is no listing, so it is not from S3")
        directories.extend(entry["Prefix"][len(prefix) : -1] for entry in page.get("CommonPrefixes", ()))
        objects.extend(entry["Key"][len(prefix) :] for entry in page.get("Contents", ()) if entry["Key"] != prefix)
    return directories, objects


def is_whole(data: bytes) -> bool:
    """Say whether bytes are one whole zlib stream, as all structures are; its checksum is part of it.

    Source: edx-platform openedx/core/lib/cache_utils.py, zpickle.
    """
    stream, rest = zlib.decompressobj(), data
    try:
        while not stream.eof:
            inflated = stream.decompress(rest, _INFLATED_BYTES)
            if not inflated and not rest and not stream.eof:
                return False
            rest = stream.unconsumed_tail
    except zlib.error:
        return False
    return not stream.unused_data


class Remote:
    """The objects of one bucket.

    connect: returns a boto3 client; it is called again in each process, because sockets must not be shared over a fork.
    budget: seconds for one operation, everything included. Every method raises FailureError.
    """

    def __init__(self, connect: Callable[[], Any], bucket: str, budget: float, signed: signing.Signing) -> None:
        self._connect, self.bucket, self.budget, self.signed = connect, bucket, budget, signed
        self._client = None  # type: Any
        self._pid = 0

    def client(self) -> Any:
        """Return this process's client; clients, unlike resources, may be used by several threads."""
        if self._client is None or self._pid != os.getpid():
            self._client, self._pid = self._connect(), os.getpid()
        return self._client

    def _verified(self, key: str, digest: Optional[str], signature: Optional[str]) -> str:
        try:
            return self.signed.verify(key, digest, signature)
        except signing.NotVerifiedError as error:
            raise FailureError(error.status, str(error)) from error

    def get(self, key: str) -> Tuple[bytes, bool, str]:
        """Return (an object's bytes, whether it has a digest, the status of its signature)."""

        def work() -> Tuple[bytes, bool, str]:
            answer = self.client().get_object(Bucket=self.bucket, Key=key)
            data = answer["Body"].read()
            return (data, *self.checked(key, answer, data))

        return within(self.budget, work)

    def checked(self, key: str, answer: Dict[str, Any], data: bytes) -> Tuple[bool, str]:
        """Return (it has a digest, status of its signature) of what GetObject answered, whose body is `data`."""
        metadata = answer.get("Metadata") or {}
        wanted, computed = metadata.get(DIGEST), envelope.digest(data)
        if wanted is not None and wanted != computed:
            raise FailureError("damaged", "its bytes do not match the digest in its metadata: damaged, or replaced")
        if wanted is None:
            _require_object(answer)
            if answer.get("ContentLength") != len(data) or not is_whole(data):
                raise FailureError("garbled", "the answer has no digest and is no whole structure")
        return wanted is not None, self._verified(key, computed, metadata.get(SIGNATURE))

    def metadata(self, key: str, data: bytes) -> Dict[str, str]:
        """Return the metadata that an object of this name has."""
        computed = envelope.digest(data)
        signature = self.signed.sign(key, computed)
        return {DIGEST: computed, SIGNATURE: signature} if signature else {DIGEST: computed}

    def put(self, key: str, data: bytes, parameters: Dict[str, Any], budget: Optional[float] = None) -> None:
        """Write an object with its digest and signature in the metadata. parameters: further arguments of PutObject."""
        metadata = dict(parameters.get("Metadata") or {}, **self.metadata(key, data))
        arguments = dict(parameters, Metadata=metadata, Bucket=self.bucket, Key=key, Body=data)
        within(budget or self.budget, lambda: _require_object(self.client().put_object(**arguments)))

    def head(self, key: str) -> Tuple[int, Dict[str, str]]:
        """Return an object's (length in bytes, metadata)."""

        def work() -> Tuple[int, Dict[str, str]]:
            answer = self.client().head_object(Bucket=self.bucket, Key=key)
            _require_object(answer)
            return int(answer["ContentLength"]), answer.get("Metadata") or {}

        return within(self.budget, work)

    def size(self, key: str) -> int:
        """Return the length in bytes of an object that may be read, as far as its metadata tells."""
        size, metadata = self.head(key)
        self._verified(key, metadata.get(DIGEST), metadata.get(SIGNATURE))
        return size

    def listdir(self, prefix: str) -> Tuple[List[str], List[str]]:
        """Return the names of (directories, objects) right below a prefix, which is empty or ends with a slash.

        By the client that everything else has: the release's class would make one for each thread, which costs more than S3.
        """
        return within(self.budget, lambda: list_directory(self.client(), self.bucket, prefix))

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no failure, as S3 has it."""
        within(self.budget, lambda: self.client().delete_object(Bucket=self.bucket, Key=key))


def _require_object(answer: Dict[str, Any]) -> None:
    """Raise FailureError for an answer about an object that no S3 gave: a proxy's page has no ETag, whatever its status."""
    if not answer.get("ETag"):
        raise FailureError("garbled", "the answer has no ETag, so it is not from S3")
