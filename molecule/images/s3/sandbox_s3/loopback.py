"""The same S3 API and its faults on free ports of loopback, for tests and benchmarks that need no container.

Usage: python -m sandbox_s3.loopback

It prints the port of the API and that of the endpoint that takes orders to fail, and serves until it is ended.
"""

from __future__ import annotations

import logging
from threading import Event

from sandbox_s3.faults import Faults
from sandbox_s3.server import Listener, application, seed


class Loopback:
    """A running S3 API. `api` and `control` are its listeners, each with its `port`; `faults` makes it fail from within."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        seed()
        self.faults = Faults(application())
        self.api, self.control = Listener(self.faults, "127.0.0.1", 0), Listener(self.faults.control, "127.0.0.1", 0)
        self.faults.ports.append(self.api)
        self.faults.set(None)
        self.control.open()

    @property
    def endpoint(self) -> str:
        """The address that a client of S3 is given."""
        return f"http://127.0.0.1:{self.api.port}"

    def close(self) -> None:
        """Let go whoever hangs, and listen no more."""
        self.faults.set(None)
        self.api.close()
        self.control.close()


if __name__ == "__main__":
    served = Loopback()
    print(served.api.port, served.control.port, flush=True)
    Event().wait()
