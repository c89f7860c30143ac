"""Before a fork, connections to S3 are closed: no socket is shared, and the client is reused."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import django
import pytest
from block_structure.module_utils.probe.engine import edxapp
from django.conf import settings
from storages.backends.s3 import S3Storage


class Nothing(BaseHTTPRequestHandler):
    """An S3 without objects that keeps connections open, as AWS does."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer 404: no such object."""
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve it on a free loopback port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def backend(port: int):
    """django-storages with a connection to that server."""
    if not settings.configured:
        settings.configure()
        django.setup()
    made = S3Storage(
        bucket_name="example-block-structures",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        addressing_style="path",
    )
    assert not made.exists("nothing")
    return made


def sockets() -> set[str]:
    """Return the open sockets of this process."""
    links = (os.path.realpath(path) for path in Path("/proc/self/fd").iterdir())
    return {link.rpartition("/")[2] for link in links if "socket:" in link}


def test_fork_inherits_no_s3_socket_and_the_client_is_reused(backend):
    client = backend.connection.meta.client
    before = sockets()
    edxapp._close_s3(backend)
    closed = before - sockets()
    assert closed
    child = os.fork()
    if child == 0:
        os._exit(0 if backend.connection.meta.client is client and not backend.exists("nothing") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not backend.exists("nothing")
    assert not sockets() & closed


def test_client_that_cannot_be_closed_is_discarded(backend):
    """As botocore was until 1.21, on releases before Nutmeg."""
    old = SimpleNamespace(meta=SimpleNamespace(client=object()))
    backend._connections.connection = old
    edxapp._close_s3(backend)
    assert backend.connection is not old
    assert not backend.exists("nothing")
