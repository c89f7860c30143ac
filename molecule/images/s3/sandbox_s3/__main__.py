"""Serve S3 with TLS on port 5000 and without on port 5080: two users, and one bucket that belongs to somebody else.

Usage: python -m sandbox_s3 ADDRESS
"""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path
from threading import Thread

from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeBucket, s3_backends
from werkzeug.serving import make_server

from sandbox_s3.gate import Gate, User

ACCOUNT = "123456789012"
SOMEBODY_ELSE = "210987654321"
CERTIFICATE, KEY = "/etc/sandbox/s3.crt", "/etc/sandbox/s3.key"


def main(address: str) -> None:
    """Start both servers; the plain one is there to prove that a TLS-only policy refuses it."""
    users = {
        access_key: User(user["name"], user["secret_key"], user["policies"])
        for access_key, user in json.loads(Path(__file__).with_name("users.json").read_text()).items()
    }
    # The gate has decided already, and moto cannot evaluate conditions.
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
    s3_backends[SOMEBODY_ELSE]["aws"].create_bucket("example-taken", "us-east-1")
    application = Gate(DomainDispatcherApplication(create_backend_app), ACCOUNT, users)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    plain = make_server(address, 5080, application, threaded=True, request_handler=MotoRequestHandler)
    Thread(target=plain.serve_forever, daemon=True).start()
    make_server(
        address, 5000, application, threaded=True, request_handler=MotoRequestHandler, ssl_context=context
    ).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
