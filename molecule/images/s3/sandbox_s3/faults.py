"""Faults of S3 that a test switches on and off while the server runs, through an endpoint on the host's own loopback.

One fault at a time, as one JSON object; `curl` on the host of the S3 API is all that a test needs:

    curl --request PUT --data '{"kind": "answer", "status": 503, "code": "SlowDown"}' http://127.0.0.1:5090/
    curl http://127.0.0.1:5090/                     the active fault, requests served and requests that met the fault
    curl --request DELETE http://127.0.0.1:5090/    S3 is well again

| kind   | keys           | what a client sees                                                                       |
|--------|----------------|------------------------------------------------------------------------------------------|
| answer | status, code   | an S3 error document, such as 503 SlowDown, 403 AccessDenied or 403 RequestTimeTooSkewed |
| hang   |                | the request is taken and never answered; the connection breaks when the fault goes       |
| delay  | seconds        | the right answer, so much later                                                          |
| page   |                | 200 and an HTML page, as a proxy answers; nothing is done                                |
| ignore |                | an empty "200 OK", and nothing is done: a store that knows the request and not the feature |
| refuse |                | nothing listens: connections are refused, open ones break; objects stay                  |

Every kind takes `methods` (a list of HTTP methods) and `match` (a part of the address) to spare all other requests;
`refuse` spares none.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from threading import Condition
from typing import Protocol

from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from sandbox_s3.gate import Environ, Gate, RefusedError, StartResponse

KINDS = ("answer", "hang", "delay", "page", "ignore", "refuse")
PAGE = b"<html><body><h1>Down for maintenance</h1></body></html>"


class Port(Protocol):
    """A listener that can go away and come back."""

    def open(self) -> None:
        """Listen; an open one stays as it is."""

    def close(self) -> None:
        """Refuse connections; a closed one stays as it is."""


@dataclass(frozen=True)
class Fault:
    """What S3 suffers from. Raises ValueError for a kind or value that would not be a fault."""

    kind: str
    status: int = 503
    code: str = "SlowDown"
    seconds: float = 0.0
    methods: tuple[str, ...] = field(default_factory=tuple)
    match: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; known are {', '.join(KINDS)}")
        if not 400 <= self.status <= 599 or self.seconds < 0:
            raise ValueError("status is a number from 400 to 599, seconds are not negative")
        object.__setattr__(self, "methods", tuple(self.methods))

    def meets(self, environ: Environ) -> bool:
        """Say whether a request is one of those that suffer."""
        return (not self.methods or environ["REQUEST_METHOD"] in self.methods) and self.match in environ["REQUEST_URI"]


class Faults:
    """A WSGI application before the gate that makes requests suffer from the active fault."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.ports: list[Port] = []
        self.fault: Fault | None = None
        self.served = self.met = 0
        self._changed = Condition()

    def set(self, fault: Fault | None) -> None:
        """Activate a fault, or none; whoever hangs in the previous one is released, and the counters start anew."""
        with self._changed:
            self.fault, self.served, self.met = fault, 0, 0
            self._changed.notify_all()
        for port in self.ports:
            if fault is not None and fault.kind == "refuse":
                port.close()
            else:
                port.open()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with self._changed:
            fault = self.fault
            suffers = fault is not None and fault.meets(environ)
            self.served += 1
            self.met += suffers
        if fault is not None and suffers:
            if fault.kind == "answer":
                phrase = HTTPStatus(fault.status).phrase.upper()
                refused = RefusedError(f"{fault.status} {phrase}", fault.code, "A fault that a test asked for.")
                return self.gate.answer(refused, environ, start_response)
            if fault.kind == "page":
                request = HttpRequest(environ)
                request.get_data()
                return Response(PAGE, mimetype="text/html")(environ, start_response)
            if fault.kind == "ignore":
                return Response(status=200)(environ, start_response)
            if fault.kind == "delay":
                time.sleep(fault.seconds)
            else:
                self._drop(environ, fault)
        return self.gate(environ, start_response)

    def _drop(self, environ: Environ, fault: Fault) -> None:
        """Break the connection, after the fault is gone if it is one that hangs."""
        if fault.kind == "hang":
            with self._changed:
                self._changed.wait_for(lambda: self.fault is not fault)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError("a fault that a test asked for")

    def control(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application of the endpoint on loopback."""
        request = HttpRequest(environ)
        try:
            if request.method == "PUT":
                self.set(Fault(**json.loads(request.get_data())))
            elif request.method == "DELETE":
                self.set(None)
        except (TypeError, ValueError) as error:
            return Response(f"{error}\n", status=400)(environ, start_response)
        with self._changed:
            state = {"fault": self.fault and asdict(self.fault), "served": self.served, "met": self.met}
        return Response(json.dumps(state) + "\n", mimetype="application/json")(environ, start_response)
