"""The pieces of the server: users, the bucket of somebody else, the application, and its listeners."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeBucket, s3_backends
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox_s3.gate import Gate, User

ACCOUNT = "123456789012"
SOMEBODY_ELSE = "210987654321"


def seed() -> None:
    """Leave the decisions to the gate, and make the one bucket that belongs to another account; safe to repeat."""
    # moto cannot evaluate conditions: it would take a policy against plain HTTP for one against everything.
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
    somebody_else = s3_backends[SOMEBODY_ELSE]["aws"]
    if "example-taken" not in somebody_else.buckets:
        somebody_else.create_bucket("example-taken", "us-east-1")


def application() -> Gate:
    """Return moto behind the gate, with the users of users.json."""
    users = {
        access_key: User(user["name"], user["secret_key"], user["policies"])
        for access_key, user in json.loads(Path(__file__).with_name("users.json").read_text()).items()
    }
    return Gate(DomainDispatcherApplication(create_backend_app), ACCOUNT, users)


class Listener:
    """An address at which an application is served, each request in a thread of its own; port 0 takes a free one."""

    def __init__(self, served: Callable[..., Any], address: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.served, self.address, self.port, self.tls = served, address, port, tls
        self._server: BaseWSGIServer | None = None

    def open(self) -> None:
        """Listen, at the same port as before; an open listener stays as it is."""
        if self._server is None:
            self._server = make_server(
                self.address, self.port, self.served, threaded=True, request_handler=MotoRequestHandler, ssl_context=self.tls
            )
            self.port = self._server.server_port
            Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Refuse connections; requests that are being answered go on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
