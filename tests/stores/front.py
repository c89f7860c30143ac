"""TLS in front of a store, as a site has it: what comes in is passed on byte by byte. Closed, it is the store's outage."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return (certificate, key) of 127.0.0.1, which is its own authority."""
    key, path = folder / "front.key", folder / "front.crt"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path)]
    subprocess.run(request, check=True, capture_output=True)
    return path, key


class Front:
    """Listens on a port of loopback; `endpoint` is its address."""

    def __init__(self, folder: Path, behind: int) -> None:
        self.behind = behind
        self.certificate, key = certificate(folder)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, key)
        self.port = 0
        self.open()
        self.endpoint = f"https://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Begin to listen, on the same port each time."""
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections, and end those that are open."""
        for one in [self.listener, *self.connections]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            client = self.tls.wrap_socket(plain, server_side=True)
            store = socket.create_connection(("127.0.0.1", self.behind))
        except OSError:
            plain.close()
            return
        self.connections += [client, store]
        threading.Thread(target=self._pump, args=(store, client), daemon=True).start()
        self._pump(client, store)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
