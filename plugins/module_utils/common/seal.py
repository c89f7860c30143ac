"""Carry a file's content past logs: Ansible shows what a module returns at -vvv, whatever `no_log` says.

The content is combined with a stream that is made from a key of this one call, which Ansible never prints.
"""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_key() -> str:
    """Return a key for one call."""
    return secrets.token_hex(32)


def _combine(data: bytes, key: str) -> bytes:
    stream = hashlib.shake_256(key.encode("ascii")).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, stream))


def seal(data: bytes, key: str) -> str:
    """Return the data as text that says nothing without the key."""
    return base64.b64encode(_combine(data, key)).decode("ascii")


def unseal(text: str, key: str) -> bytes:
    """Return what was sealed."""
    return _combine(base64.b64decode(text), key)
