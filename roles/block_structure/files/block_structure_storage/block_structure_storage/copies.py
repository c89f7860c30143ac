"""Copies of objects on local disk, and the spool of those that S3 does not have yet.

Every write of the platform has a name of its own, so a copy never goes stale: it is the object, or it is damaged.
"""

import contextlib
import hashlib
import os
from typing import Dict, Iterator, List, Optional, Tuple

from . import envelope, folder

KEPT_SHARE = 0.9  # making room goes down to this share of the bound, so that not every write has to


class FullError(Exception):
    """The spool holds all that it may."""


class Drawer:
    """One directory of the folder that holds objects, each under the digest of its place and name.

    place: what tells one bucket from another, so that a change of the bucket never serves the other one's objects.
    """

    def __init__(self, where: folder.Folder, name: str, place: str, max_bytes: int) -> None:
        self.where, self.name, self.max_bytes = where, name, max_bytes
        self.place = hashlib.sha256(place.encode("utf-8")).hexdigest()[:8]

    def path(self, key: str) -> str:
        """Return the path of an object's file."""
        return self.where.file(self.name, "%s-%s" % (self.place, hashlib.sha256(key.encode("utf-8")).hexdigest()))

    def read(self, key: str) -> Optional[bytes]:
        """Return an object, None if it is not here. Raises DamagedError (the file is gone then) or OSError."""
        if not self.where.usable:
            return None
        path = self.path(key)
        content = folder.read(path)
        if content is None:
            return None
        try:
            data = envelope.unpack(content, key)[1]
        except envelope.DamagedError:
            folder.remove(path)
            raise
        return data

    def forget(self, key: str) -> bool:
        """Remove an object; return whether it was here."""
        return self.where.usable and folder.remove(self.path(key))

    def listing(self) -> List[Tuple[float, int, str]]:
        """Return (time of last use, bytes, path) of all files, oldest first."""
        return self.where.listing(self.name) if self.where.usable else []

    def summary(self) -> Dict[str, int]:
        """Return how many files there are, and their bytes."""
        files = self.listing()
        return {"files": len(files), "bytes": sum(size for _, size, _ in files), "max_bytes": self.max_bytes}


class Copies(Drawer):
    """The read-through copies: bounded in bytes, least recently used out."""

    def __init__(self, where: folder.Folder, place: str, max_bytes: int) -> None:
        Drawer.__init__(self, where, "objects", place, max_bytes)

    def read(self, key: str) -> Optional[bytes]:
        """Return an object and mark it as used."""
        data = Drawer.read(self, key)
        if data is not None:
            with contextlib.suppress(OSError):  # removed by another process in between: the bytes are whole all the same
                os.utime(self.path(key), None)
        return data

    def write(self, key: str, data: bytes) -> bool:
        """Keep an object, and make room; return whether it is kept. Raises OSError."""
        content = envelope.pack(key, data)
        if not self.where.usable or len(content) > self.max_bytes:
            return False
        path = self.path(key)
        self.where.write(path, content)
        self._make_room(path)
        return True

    def _make_room(self, newest: str) -> None:
        """Remove what was not used for longest, but never what was just written: it fits alone."""
        files = self.listing()
        total = sum(size for _, size, _ in files)
        if total <= self.max_bytes:
            return
        for _, size, path in files:
            if total <= self.max_bytes * KEPT_SHARE:
                break
            if path == newest:
                continue
            folder.remove(path)
            total -= size


class Spool(Drawer):
    """Objects that S3 could not take when they were written. Nothing leaves it but by an upload or a deletion."""

    def __init__(self, where: folder.Folder, place: str, max_bytes: int) -> None:
        Drawer.__init__(self, where, "spool", place, max_bytes)

    def write(self, key: str, data: bytes) -> None:
        """Keep an object until it is uploaded. Raises FullError or OSError."""
        if not self.where.usable:
            raise FullError("no local directory can be used: %s" % self.where.problem)
        content = envelope.pack(key, data)
        held = self.summary()["bytes"]
        if held + len(content) > self.max_bytes:
            raise FullError("the spool holds %d of %d bytes" % (held, self.max_bytes))
        self.where.write(self.path(key), content, durable=True)

    def _is_ours(self, path: str) -> bool:
        """Say whether a file is of this place; objects of another bucket stay for that one."""
        return os.path.basename(path).startswith(self.place + "-")

    def waiting(self) -> List[Tuple[float, int, str]]:
        """Return what may be uploaded to this place, as `listing` does."""
        return [entry for entry in self.listing() if self._is_ours(entry[2])]

    def is_waiting(self) -> bool:
        """Say whether anything may be uploaded, without a look at each file. Raises OSError."""
        return self.where.usable and any(self._is_ours(name) for name in os.listdir(self.where.file(self.name)))

    @contextlib.contextmanager
    def alone(self, wait_seconds: float) -> Iterator[bool]:
        """Yield whether this process may drain: one at a time on a host. It waits so long for another one."""
        with self.where.locked("spool.lock", wait_seconds) as mine:
            yield mine
