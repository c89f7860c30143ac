"""Query a memcached server in its text protocol. Read-only, bounded by a timeout."""

from __future__ import annotations

import socket

from ..common.errors import BlockStructureError

TIMEOUT_SECONDS = 5.0


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


def stats(host: str, port: int, timeout: float = TIMEOUT_SECONDS) -> dict[str, dict[str, str]]:
    """Return {"settings": `stats settings`, "stats": `stats`, "items": `stats items`} of a server as text values.

    host: a name or address, or the absolute path of a unix socket (port is then ignored).
    Raises BlockStructureError `memcached-unreachable`.
    """
    try:
        if host.startswith("/"):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(timeout)
            connection.connect(host)
        else:
            connection = socket.create_connection((host, port), timeout)
        with connection:
            questions = {"settings": "stats settings", "stats": "stats", "items": "stats items"}
            return {name: _ask(connection, question) for name, question in questions.items()}
    except OSError as error:
        raise BlockStructureError(
            "memcached-unreachable",
            f"memcached at {host}:{port} does not answer: {error}.",
            "start it, or correct block_structure_memcached_listen_host and block_structure_memcached_port.",
            "block_structure_memcached_listen_host",
        ) from error
