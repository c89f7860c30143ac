"""One object as one file on local disk: a line with its name, size, digest and signature, then its bytes."""

import hashlib
import json
from typing import NamedTuple, Optional

FORMAT = "block-structure-object-1"
Stored = NamedTuple("Stored", [("name", str), ("data", bytes), ("digest", str), ("signature", Optional[str])])


class DamagedError(Exception):
    """A file is not what was written: truncated, changed, or another object's."""


def digest(data: bytes) -> str:
    """Return the SHA-256 digest of an object's bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def pack(name: str, data: bytes, computed: str, signature: Optional[str]) -> bytes:
    """Return the content of a file that keeps an object. computed: digest(data)."""
    head = {"format": FORMAT, "name": name, "bytes": len(data), "sha256": computed}
    if signature is not None:
        head["signature"] = signature
    return json.dumps(head, sort_keys=True).encode("utf-8") + b"\n" + data


def unpack(content: bytes, name: Optional[str] = None) -> Stored:
    """Return what a file's content holds. Raises DamagedError, also when the object is not the one of this name."""
    line, _, data = content.partition(b"\n")
    try:
        head = json.loads(line.decode("utf-8"))
        computed = digest(data)
        known = head["format"] == FORMAT and head["sha256"] == computed and head["bytes"] == len(data)
        stored = Stored(str(head["name"]), data, computed, head.get("signature"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError("its head cannot be read") from error
    if not known or not isinstance(stored.signature, (str, type(None))):
        raise DamagedError("its digest does not match its bytes")
    if name is not None and stored.name != name:
        raise DamagedError("it belongs to %s" % stored.name)
    return stored
