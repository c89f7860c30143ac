"""S3 itself, asked within a bound of time, and what its failures mean."""

import os
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from . import envelope

Value = TypeVar("Value")
METADATA = "block-structure-sha256"
# What keeps a caller waiting when it is met again and again; everything else is answered at once.
OUTAGES = ("timeout", "unreachable", "server_error", "other")
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
_STATUSES = {403: "denied", 404: "missing", 429: "server_error"}
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
}


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
    start = time.time()
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
    spent = time.time() - start
    if "value" in outcome:
        return outcome["value"]  # type: ignore[no-any-return]
    met = outcome.get("error")
    if met is None:
        raise FailureError("timeout", "no whole answer within %.1f s" % seconds, spent)
    if isinstance(met, FailureError):
        raise FailureError(met.cause, met.words, spent) from met
    words = "%s: %s" % (type(met).__name__, " ".join(str(met).split())[:500])
    raise FailureError(cause_of(met), words, spent) from met


class Remote:
    """The objects of one bucket.

    connect: returns a boto3 client; it is called again in each process, because sockets must not be shared over a fork.
    budget: seconds for one operation, everything included. Every method raises FailureError.
    """

    def __init__(self, connect: Callable[[], Any], bucket: str, budget: float) -> None:
        self._connect, self.bucket, self.budget = connect, bucket, budget
        self._client = None  # type: Any
        self._pid = 0

    def client(self) -> Any:
        """Return this process's client; clients, unlike resources, may be used by several threads."""
        if self._client is None or self._pid != os.getpid():
            self._client, self._pid = self._connect(), os.getpid()
        return self._client

    def get(self, key: str) -> Tuple[bytes, bool]:
        """Return (an object's bytes, whether its digest was there to be checked)."""

        def work() -> Tuple[bytes, bool]:
            answer = self.client().get_object(Bucket=self.bucket, Key=key)
            data = answer["Body"].read()
            wanted = (answer.get("Metadata") or {}).get(METADATA)
            if wanted is not None and wanted != envelope.digest(data):
                raise FailureError("damaged", "the digest in the object's metadata does not match its bytes")
            return data, wanted is not None

        return within(self.budget, work)

    def put(self, key: str, data: bytes, parameters: Dict[str, Any], budget: Optional[float] = None) -> None:
        """Write an object with its digest in the metadata. parameters: further arguments of PutObject."""
        metadata = dict(parameters.get("Metadata") or {})
        metadata[METADATA] = envelope.digest(data)
        arguments = dict(parameters, Metadata=metadata, Bucket=self.bucket, Key=key, Body=data)
        within(budget or self.budget, lambda: self.client().put_object(**arguments))

    def size(self, key: str) -> int:
        """Return an object's length in bytes."""
        answer = within(self.budget, lambda: self.client().head_object(Bucket=self.bucket, Key=key))
        return int(answer["ContentLength"])

    def listdir(self, prefix: str) -> Tuple[List[str], List[str]]:
        """Return the names of (directories, objects) right below a prefix, which is empty or ends with a slash.

        By the client that everything else has: the release's class would make one for each thread, which costs more than S3.
        """

        def work() -> Tuple[List[str], List[str]]:
            directories, objects = [], []  # type: List[str], List[str]
            pages = self.client().get_paginator("list_objects").paginate(Bucket=self.bucket, Delimiter="/", Prefix=prefix)
            for page in pages:
                directories.extend(entry["Prefix"][len(prefix) : -1] for entry in page.get("CommonPrefixes", ()))
                objects.extend(entry["Key"][len(prefix) :] for entry in page.get("Contents", ()) if entry["Key"] != prefix)
            return directories, objects

        return within(self.budget, work)

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no failure, as S3 has it."""
        within(self.budget, lambda: self.client().delete_object(Bucket=self.bucket, Key=key))
