"""The pieces of the server: users, the bucket of somebody else, the application, and a listener."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeBucket, s3_backends
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox_s3.gate import Gate, User

ACCOUNT = "123456789012"
SOMEBODY_ELSE = "210987654321"


def seed() -> None:
    """Leave the decisions to the gate, and make the one bucket that belongs to another account."""
    # moto cannot evaluate conditions: it would take a policy against plain HTTP for one against everything.
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
    s3_backends[SOMEBODY_ELSE]["aws"].create_bucket("example-taken", "us-east-1")


def application() -> Gate:
    """Return moto behind the gate, with the users of users.json."""
    users = {
        access_key: User(user["name"], user["secret_key"], user["policies"])
        for access_key, user in json.loads(Path(__file__).with_name("users.json").read_text()).items()
    }
    return Gate(DomainDispatcherApplication(create_backend_app), ACCOUNT, users)


def listen(gate: Gate, address: str, port: int, tls: ssl.SSLContext | None = None) -> BaseWSGIServer:
    """Return a server that answers each request in a thread of its own; port 0 takes a free one."""
    return make_server(address, port, gate, threaded=True, request_handler=MotoRequestHandler, ssl_context=tls)
