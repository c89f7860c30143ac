"""Where the tests of the runtime package find their servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import servers


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of gunicorn, uwsgi, celery and their python."""
    return servers.environment()


@pytest.fixture
def serve(tmp_path):
    """Start a server and wait for its first page, and stop it after the test."""
    started = []

    def start(*command, **variables):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        server = servers.Server(folder, list(command), **variables)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
