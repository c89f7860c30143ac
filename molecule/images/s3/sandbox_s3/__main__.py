"""Serve S3 with TLS on ports 5000 and 443, and without on port 5080 to prove that a TLS-only policy refuses it.

Usage: python -m sandbox_s3 ADDRESS

Port 5001 is the same with TLS, and refuses bodies in aws-chunked encoding, as many stores do (see differences.py).

Port 5090 on loopback takes orders to fail (see faults.py).
"""

from __future__ import annotations

import ssl
import sys
from threading import Event

from sandbox_s3.differences import RefusesChunked
from sandbox_s3.faults import Faults
from sandbox_s3.server import Listener, application, seed


def main(address: str) -> None:
    """Start all servers; they share buckets, users and faults."""
    seed()
    gate = application()
    faults = Faults(gate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain("/etc/sandbox/s3.crt", "/etc/sandbox/s3.key")
    # boto, the library before boto3, signs for the default port only.
    faults.ports += [Listener(faults, address, 5080), Listener(faults, address, 5000, tls), Listener(faults, address, 443, tls)]
    faults.set(None)
    Listener(RefusesChunked(gate), address, 5001, tls).open()
    Listener(faults.control, "127.0.0.1", 5090).open()
    Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
