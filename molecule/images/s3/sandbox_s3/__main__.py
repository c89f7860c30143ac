"""Serve S3 with TLS on port 5000, and without on port 5080 to prove that a TLS-only policy refuses it.

Usage: python -m sandbox_s3 ADDRESS
"""

from __future__ import annotations

import ssl
import sys
from threading import Thread

from sandbox_s3.server import application, listen, seed


def main(address: str) -> None:
    """Start both servers; they share buckets and users."""
    seed()
    gate = application()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain("/etc/sandbox/s3.crt", "/etc/sandbox/s3.key")
    Thread(target=listen(gate, address, 5080).serve_forever, daemon=True).start()
    listen(gate, address, 5000, tls).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
