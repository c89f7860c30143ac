"""A proxy in the sandbox's S3 API that answers in its place: 200 with a page, with headers cut off, or with half of the bytes.

What stands between an LMS and its S3 (a captive portal, a maintenance page, an inspecting proxy) answers so, and boto3 takes
each for success.

| kind | what a client sees                                                             |
|------|--------------------------------------------------------------------------------|
| page | 200 and an HTML page, whatever was asked; nothing reaches S3                   |
| bare | the right body, without ETag, metadata and length                              |
| half | the right headers, and half of the bytes under a Content-Length that fits them |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sandbox_s3.gate import Gate
from sandbox_s3.loopback import Loopback
from werkzeug.wrappers import Response

PAGE = b"<html><body><h1>Down for maintenance</h1></body></html>"
KINDS = ("page", "bare", "half")
_CUT = ("etag", "content-length", "last-modified")


class Impostor(Gate):
    """A gate around another; `kind` is one of KINDS, or None to pass everything on."""

    def __init__(self, behind: Gate) -> None:
        super().__init__(behind.application, behind.account, behind.users)
        self.kind: str | None = None
        self.methods: tuple[str, ...] = ()

    def lie(self, kind: str | None, *methods: str) -> None:
        """Begin to answer requests of these methods so (of all, if none is named), or end it."""
        self.methods, self.kind = methods, kind

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        kind = self.kind
        if kind is None or (self.methods and environ["REQUEST_METHOD"] not in self.methods):
            return super().__call__(environ, start_response)
        if kind == "page":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return Response(PAGE, mimetype="text/html")(environ, start_response)
        answer = Response.from_app(super().__call__, environ)
        body = answer.get_data()
        if kind == "half":
            answer.set_data(body[: len(body) // 2])
        else:
            headers = [(name, value) for name, value in answer.headers if name.lower() not in _CUT and name[:5] != "x-amz"]
            answer = Response(iter([body]), status=answer.status, headers=headers)
        return answer(environ, start_response)


def serve() -> tuple[Loopback, Impostor]:
    """Start the sandbox's S3 API on a free port of loopback; return it and the impostor in it."""
    served = Loopback()
    impostor = Impostor(served.faults.gate)
    served.faults.gate = impostor
    return served, impostor
