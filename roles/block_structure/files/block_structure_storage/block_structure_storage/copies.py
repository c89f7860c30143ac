"""Copies of objects on local disk, and the spool of those that S3 does not have yet.

Every write of the platform has a name of its own, so a copy never goes stale: it is the object, or it is damaged.
"""

import contextlib
import errno
import hashlib
import os
import re
import struct
import threading
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from . import envelope, folder, signing

Waiting = NamedTuple("Waiting", [("since", float), ("bytes", int), ("file", str)])

_BEGIN_SHARE = 0.95  # of the bound: room is made in the background from here on, so that no writer waits for it
_KEPT_SHARE = 0.9  # and down to here, so that not every write has to
_USED_SECONDS = 60.0  # a copy is marked as used at most so often
_TALLY_WAIT_SECONDS = 0.5  # for others who update the tally, which takes microseconds
_ROOM_WAIT_SECONDS = 1.0  # for another process that makes room
# How the platform names a version: %Y-%m-%d-%H:%M:%S-%f, without the colons where Django cleans names.
# Source: edx-platform openedx/core/djangoapps/content/block_structure/models.py, _path_name.
_VERSION = re.compile(r"\d{4}-\d\d-\d\d-\d\d:?\d\d:?\d\d-\d{6}$")


class FullError(Exception):
    """The spool holds all that it may."""


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class Drawer:
    """One directory of the folder that holds objects, each in a file named by the digest of its name.

    place: what tells one bucket from another, so that a change of the bucket never serves the other one's objects.
    """

    def __init__(self, where: folder.Folder, name: str, place: str, max_bytes: int, signed: signing.Signing) -> None:
        self.where, self.name, self.max_bytes, self.signed = where, name, max_bytes, signed
        self.place = _hashed(place)[:8]

    def file(self, key: str) -> str:
        """Return the name of an object's file in the directory."""
        return "%s-%s" % (self.place, _hashed(key))

    def _unpacked(self, directory: folder.Directory, file: str, key: Optional[str]) -> Tuple[Optional[envelope.Stored], float]:
        """Return (object, time of last use); (None, 0) if the file is not there. Raises what `read` raises."""
        found = directory.read(file)
        if found is None:
            return None, 0.0
        try:
            stored = envelope.unpack(found[0], key)
            self.signed.verify(stored.name, stored.digest, stored.signature)
        except envelope.DamagedError:
            directory.remove(file)
            raise
        except signing.NotVerifiedError as error:
            if error.status == signing.TAMPERED:  # one with another key stays for the processes that have the key
                directory.remove(file)
            raise
        return stored, found[1]

    def read(self, key: str) -> Optional[bytes]:
        """Return an object, None if it is not here.

        Raises DamagedError (the file is gone then), NotVerifiedError (gone too, if it was tampered with) and OSError.
        """
        with self.where.opened(self.name) as directory:
            stored = self._unpacked(directory, self.file(key), key)[0]
        return stored.data if stored else None

    def _packed(self, key: str, data: bytes) -> bytes:
        computed = envelope.digest(data)
        return envelope.pack(key, data, computed, self.signed.sign(key, computed))

    def _files(self) -> List[Tuple[float, int, str]]:
        with self.where.opened(self.name) as directory:
            return directory.files()

    def summary(self) -> Dict[str, int]:
        """Return how many files there are, and their bytes; none where the folder cannot be used."""
        files = []  # type: List[Tuple[float, int, str]]
        with contextlib.suppress(folder.UnusableError):
            files = self._files()
        return {"files": len(files), "bytes": sum(size for _, size, _ in files), "max_bytes": self.max_bytes}


class Tally:
    """The bytes that the copies take, kept in one small file, because counting them anew takes a second for 100,000.

    A process that is killed between a copy and its entry leaves the tally too low by that copy until copies are counted again,
    which happens whenever room is made.
    """

    _FORMAT = struct.Struct("<qq")

    @contextlib.contextmanager
    def _record(self, directory: folder.Directory) -> Iterator[List[int]]:
        """Yield [bytes of copies, bytes given up for the spool], which are kept as they are left. Raises OSError."""
        with directory.updating(folder.TALLY, b"", _TALLY_WAIT_SECONDS) as descriptor:
            content = os.pread(descriptor, self._FORMAT.size, 0)
            if len(content) == self._FORMAT.size:
                record = list(self._FORMAT.unpack(content))
            else:  # the first time, or somebody emptied it
                record = [sum(size for _, size, _ in directory.files()), 0]
            yield record
            changed = self._FORMAT.pack(*record)
            if changed != content:
                os.pwrite(descriptor, changed, 0)

    def read(self, directory: folder.Directory) -> Tuple[int, int]:
        """Return (bytes of copies, bytes given up for the spool)."""
        with self._record(directory) as record:
            return record[0], record[1]

    def add(self, directory: folder.Directory, size: int) -> Tuple[int, int]:
        """Add bytes, which may be negative; return as `read` does."""
        with self._record(directory) as record:
            record[0] = max(0, record[0] + size)
            return record[0], record[1]

    def give_up(self, directory: folder.Directory, size: int) -> None:
        """Say how many bytes the copies give up for the spool."""
        with self._record(directory) as record:
            record[1] = size


class Copies(Drawer):
    """The read-through copies: bounded in bytes, least recently used out.

    They may exceed the bound by what is being written at the moment. Room is made in the background, and by the writer where
    that was too slow.
    """

    def __init__(self, where: folder.Folder, place: str, max_bytes: int, signed: signing.Signing) -> None:
        Drawer.__init__(self, where, "objects", place, max_bytes, signed)
        self._tally = Tally()
        self._making_room = False

    def read(self, key: str) -> Optional[bytes]:
        """Return an object and mark it as used; raises as `Drawer.read` does."""
        file = self.file(key)
        with self.where.opened(self.name) as directory:
            stored, used = self._unpacked(directory, file, key)
            if stored is None:
                return None
            if abs(time.time() - used) > _USED_SECONDS:
                with contextlib.suppress(OSError):  # removed by another process in between: the bytes are whole all the same
                    directory.touch(file)
        return stored.data

    def write(self, key: str, data: bytes) -> bool:
        """Keep an object; return whether it is kept. Raises OSError."""
        content, file = self._packed(key, data), self.file(key)
        if len(content) > self.max_bytes:
            return False
        with self.where.opened(self.name) as directory:
            there = directory.found(file)
            directory.write(file, content)
            total, given_up = self._tally.add(directory, len(content) - (there.st_size if there else 0))
            bound = self.max_bytes - given_up
            fits = len(content) <= bound
            if total > bound:
                self._make_room(directory, spare=1 if fits else 0)
        if total > bound * _BEGIN_SHARE:
            self._make_room_later()
        return fits

    def forget(self, key: str) -> bool:
        """Remove an object; return whether it was here. Raises OSError."""
        file = self.file(key)
        with self.where.opened(self.name) as directory:
            there = directory.found(file)
            removed = there is not None and directory.remove(file)
            if removed and there is not None:
                self._tally.add(directory, -there.st_size)
        return removed

    def give_up(self, size: int) -> None:
        """Leave so many bytes of the bound to the spool; 0 takes them back. Raises OSError."""
        with self.where.opened(self.name) as directory:
            total, given_up = self._tally.read(directory)
            if size != given_up:
                self._tally.give_up(directory, size)
            if total > self.max_bytes - size:
                self._make_room(directory)

    def free(self, size: int) -> None:
        """Remove copies of so many bytes, because the disk is full. Raises OSError."""
        with self.where.opened(self.name) as directory:
            total, given_up = self._tally.read(directory)
            self._make_room(directory, max(0, self.max_bytes - given_up - total) + size)

    def _make_room(self, directory: folder.Directory, more: int = 0, spare: int = 0) -> None:
        """Remove what was not used for longest until there is room for so many bytes more, and count copies anew on the way.

        One process at a time does. spare: how many of the last used stay, whatever room there is.
        """
        with directory.locked(_ROOM_WAIT_SECONDS) as mine:
            if not mine:
                return
            known, given_up = self._tally.read(directory)
            bound = self.max_bytes - given_up
            files = directory.files()
            left = sum(size for _, size, _ in files)
            for _, size, file in files[: len(files) - spare]:
                if left + more <= bound * _KEPT_SHARE:
                    break
                if directory.remove(file):
                    left -= size
            # A difference, because others go on writing.
            self._tally.add(directory, left - known)

    def _make_room_later(self) -> None:
        """Make room in the background; one thread of a process does."""
        if self._making_room:
            return

        def work() -> None:
            try:
                with self.where.opened(self.name) as directory:
                    self._make_room(directory, spare=1)  # one that nearly fills the bound alone has its room
            except OSError:  # the next write that finds no room says so
                pass
            finally:
                self._making_room = False

        self._making_room = True
        if not in_background(work):
            self._making_room = False


class Spool(Drawer):
    """Objects that S3 could not take when they were written.

    Nothing leaves it but by an upload, a deletion, or two newer versions of the same course: the row names the newest, and the
    one before it until the writer of the newest has saved the row, or was killed before it could.
    """

    def __init__(self, where: folder.Folder, place: str, max_bytes: int, signed: signing.Signing, copies: Copies) -> None:
        Drawer.__init__(self, where, "spool", place, max_bytes, signed)
        self.copies = copies

    def file(self, key: str) -> str:
        """Return the name of an object's file: for a version of a course its course and its time, so that they sort by time."""
        directory, _, version = key.rpartition("/")
        if not _VERSION.match(version):
            return Drawer.file(self, key)
        return "%s-%s-%s" % (self.place, _hashed(directory)[:32], version.replace(":", ""))

    def write(self, key: str, data: bytes) -> int:
        """Keep an object until it is uploaded; return how many older versions it supersedes. Raises FullError or OSError."""
        content, file = self._packed(key, data), self.file(key)
        course, _, version = file.partition("-")[2].partition("-")
        with self.where.opened(self.name) as directory:
            files = directory.files()
            older = []  # type: List[str]
            if version:
                versions = sorted(name for _, _, name in files if name.startswith("%s-%s-" % (self.place, course)))
                older = [name for name in versions if name < file][:-1]
            held = sum(size for _, size, name in files if name != file and name not in older)
            self._take_room(held, len(content))
            try:
                directory.write(file, content, durable=True)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                self.copies.free(2 * len(content))
                directory.write(file, content, durable=True)
            return sum(directory.remove(name) for name in older)

    def _take_room(self, held: int, more: int) -> None:
        """Have room for so many bytes beside those held; beyond the spool's own bound the copies give it up."""
        beyond = max(0, held + more - self.max_bytes)
        if beyond > self.copies.max_bytes:
            bound = self.max_bytes + self.copies.max_bytes
            raise FullError("the spool holds %d of %d bytes, those of the copies included" % (held, bound))
        self.copies.give_up(beyond)

    def give_room_back(self) -> None:
        """Let the copies have what the spool does not need any more. Raises OSError."""
        self._take_room(sum(size for _, size, _ in self._files()), 0)

    def forget(self, key: str) -> bool:
        """Remove an object; return whether it was here. Raises OSError."""
        return self.remove(self.file(key))

    def remove(self, file: str) -> bool:
        """Remove a file; return whether it was here. Raises OSError."""
        with self.where.opened(self.name) as directory:
            return directory.remove(file)

    def load(self, file: str) -> Optional[envelope.Stored]:
        """Return the object of a file, None if it is gone; raises as `read` does."""
        with self.where.opened(self.name) as directory:
            return self._unpacked(directory, file, None)[0]

    def look(self, file: str) -> Optional[envelope.Stored]:
        """Return what a file holds, unverified, None if it cannot be read or is damaged; nothing is removed."""
        with contextlib.suppress(OSError, envelope.DamagedError), self.where.opened(self.name) as directory:
            found = directory.read(file)
            return envelope.unpack(found[0]) if found else None
        return None

    def _is_ours(self, file: str) -> bool:
        """Say whether a file is of this place; objects of another bucket stay for that one."""
        return file.startswith(self.place + "-")

    def waiting(self) -> List[Waiting]:
        """Return what may be uploaded to this place, oldest first; nothing where the folder cannot be used."""
        with contextlib.suppress(folder.UnusableError):
            return [Waiting(*entry) for entry in self._files() if self._is_ours(entry[2])]
        return []

    def is_waiting(self) -> bool:
        """Say whether anything may be uploaded, without looking at each file. Raises OSError."""
        with self.where.opened(self.name) as directory:
            return any(self._is_ours(file) for file in directory.names())

    @contextlib.contextmanager
    def alone(self, wait_seconds: float) -> Iterator[bool]:
        """Yield whether this process may upload: one at a time on a host. It waits so long for another one."""
        with self.where.opened(self.name) as directory, directory.locked(wait_seconds) as mine:
            yield mine


def in_background(work: Any, after: float = 0.0) -> bool:
    """Run something in a thread that ends with the process; return whether the system had a thread left."""
    thread = threading.Timer(after, work)
    thread.daemon = True
    try:
        thread.start()
    except RuntimeError:
        return False
    return True
