"""One object as one file on local disk: a line with its name, size and digest, then its bytes.

The objects are pickles, so nothing is handed to the platform whose digest does not match.
"""

import hashlib
import json
from typing import Optional, Tuple

FORMAT = "block-structure-object-1"


class DamagedError(Exception):
    """A file is not what was written: truncated, changed, or another object's."""


def digest(data: bytes) -> str:
    """Return the SHA-256 digest of an object's bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def pack(name: str, data: bytes) -> bytes:
    """Return the content of a file that keeps an object."""
    head = {"format": FORMAT, "name": name, "bytes": len(data), "sha256": digest(data)}
    return json.dumps(head, sort_keys=True).encode("utf-8") + b"\n" + data


def unpack(content: bytes, name: Optional[str] = None) -> Tuple[str, bytes]:
    """Return (name, bytes) of a file's content. Raises DamagedError, also when the object is not the one of this name."""
    line, _, data = content.partition(b"\n")
    try:
        head = json.loads(line.decode("utf-8"))
        known = head["format"] == FORMAT and head["sha256"] == digest(data) and head["bytes"] == len(data)
        stored = str(head["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError("its head cannot be read") from error
    if not known:
        raise DamagedError("its digest does not match its bytes")
    if name is not None and stored != name:
        raise DamagedError("it belongs to %s" % stored)
    return stored, data
