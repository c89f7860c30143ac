"""Talk to a memcached server in its text protocol, bounded by a timeout. Nothing but its memory limit is ever changed."""

from __future__ import annotations

import socket
import time

from ..common.errors import BlockStructureError

TIMEOUT_SECONDS = 5.0
# Longer lists of keys are not counted.
_LIST_SECONDS = 10.0


def _ask(connection: socket.socket, command: str) -> dict[str, str]:
    connection.sendall(command.encode() + b"\r\n")
    answer = b""
    while not answer.endswith(b"END\r\n"):
        received = connection.recv(65536)
        if not received:
            raise ConnectionError("the server closed the connection")
        answer += received
        if answer.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")):
            raise ConnectionError(answer.decode(errors="replace").strip())
    values = {}
    for line in answer.decode(errors="replace").splitlines():
        text = line.split(" ", 2)
        if text[0] == "STAT" and len(text) == 3:
            values[text[1]] = text[2]
    return values


def address(server: str, default_port: int = 11211) -> tuple[str, int]:
    """Return (host, port) of a server as Django's CACHES name it: host:port, host, [v6]:port or unix:/path.

    python-memcached also takes inet: and inet6: before an address (its Host class).
    """
    if server.startswith("unix:"):
        return server[len("unix:") :], 0
    if server.startswith("/"):
        return server, 0
    server = server[server.index(":") + 1 :] if server.startswith(("inet:", "inet6:")) else server
    host, colon, port = server.rpartition(":")
    if not colon or not port.isdigit():
        return server.strip("[]"), default_port
    return host.strip("[]"), int(port)


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    """host: a name or address, or the absolute path of a unix socket (port is then ignored)."""
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    connection.connect(host)
    return connection


def set_memory(host: str, port: int, memory_mb: int, timeout: float = TIMEOUT_SECONDS) -> bool:
    """Change -m of the running process, which keeps what it holds; return whether it did.

    Not every server can: `cache_memlimit` is unknown to old ones (ERROR), and with -L all memory is allocated at the start.
    """
    try:
        with _connect(host, port, timeout) as connection:
            connection.sendall(f"cache_memlimit {memory_mb}\r\n".encode())
            return connection.recv(1024).startswith(b"OK")
    except OSError:
        return False


def count_keys(host: str, port: int, part: str, seconds: float = _LIST_SECONDS) -> int | None:
    """Return the number of items whose name has this part; None if the server cannot list them, or not in time.

    The list (`lru_crawler metadump`, memcached 1.4.31) disturbs no other connection.
    """
    end = time.monotonic() + seconds
    count, rest = 0, b""
    try:
        with _connect(host, port, TIMEOUT_SECONDS) as connection:
            connection.sendall(b"lru_crawler metadump all\r\n")
            while time.monotonic() < end:
                received = connection.recv(1 << 20)
                *lines, rest = (rest + received).split(b"\n")
                for line in lines:
                    if line.startswith(b"END"):
                        return count
                    if not line.startswith(b"key="):
                        return None
                    count += part.encode() in line
                if not received:
                    return None
    except OSError:
        return None
    return None


def stats(host: str, port: int, timeout: float = TIMEOUT_SECONDS) -> dict[str, dict[str, str]]:
    """Return {"settings": `stats settings`, "stats": `stats`, "items": `stats items`} of a server as text values.

    host: a name or address, or the absolute path of a unix socket (port is then ignored).
    Raises BlockStructureError `memcached-unreachable`.
    """
    try:
        with _connect(host, port, timeout) as connection:
            questions = {"settings": "stats settings", "stats": "stats", "items": "stats items"}
            return {name: _ask(connection, question) for name, question in questions.items()}
    except OSError as error:
        raise BlockStructureError(
            "memcached-unreachable",
            f"memcached at {host}:{port} does not answer: {error}.",
            "start it, or correct block_structure_memcached_listen_host and block_structure_memcached_port.",
            "block_structure_memcached_listen_host",
        ) from error
