"""The private folder on local disk that all processes of one host share: copies, spool, counters, breaker, locks.

What lies there is unpickled by the platform, so a folder that anybody else could write to is not used at all.
"""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import time
from typing import Iterator, List, Optional, Tuple

DIRECTORIES = ("objects", "spool")
ABANDONED_SECONDS = 3600.0  # a temporary file as old as this belongs to nobody any more


class Folder:
    """A directory of mode 0700 that belongs to the user of the LMS's processes.

    path: the directory; None keeps nothing on disk. `problem` says why it is not used, None when all is well.
    """

    def __init__(self, path: Optional[str]) -> None:
        self.path = path
        self.problem = self._prepare() if path else "no local directory is configured"

    def _prepare(self) -> Optional[str]:
        path = str(self.path)
        try:
            if not os.path.isdir(path):
                os.mkdir(path, 0o700)
            found = os.stat(path)
            if found.st_uid != os.geteuid() and os.geteuid() != 0:
                return "%s belongs to user %d, and this process runs as %d" % (path, found.st_uid, os.geteuid())
            if stat.S_IMODE(found.st_mode) & 0o077:
                return "%s can be reached by other users (mode %04o, wanted is 0700)" % (path, stat.S_IMODE(found.st_mode))
            for name in DIRECTORIES:
                self._make(self.file(name), found)
        except OSError as error:
            return "%s cannot be used: %s" % (path, error.strerror or error)
        return None

    @staticmethod
    def _make(path: str, parent: os.stat_result) -> None:
        try:
            os.mkdir(path, 0o700)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
            return
        if os.geteuid() == 0:
            os.chown(path, parent.st_uid, parent.st_gid)

    @property
    def usable(self) -> bool:
        """Whether files may be kept here. What somebody removed while this process ran is made anew."""
        if self.problem is None and not all(os.path.isdir(self.file(name)) for name in DIRECTORIES):
            self.problem = self._prepare()
        return self.problem is None

    def file(self, *parts: str) -> str:
        """Return the path of a file in the folder."""
        return os.path.join(str(self.path), *parts)

    def write(self, path: str, content: bytes, durable: bool = False) -> None:
        """Put a file in place whole or not at all, mode 0600, owner as the folder's. Raises OSError (such as a full disk).

        durable: only return once the disk has it.
        """
        handle, temporary = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
                if os.geteuid() == 0:  # an operator's command: the LMS's own processes must be able to read it
                    owner = os.stat(str(self.path))
                    os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
            os.replace(temporary, path)
        except BaseException:
            remove(temporary)
            raise

    @contextlib.contextmanager
    def locked(self, name: str, wait_seconds: float = 0.0) -> Iterator[bool]:
        """Yield whether this caller has a lock of the host, for which it waits so long."""
        lock = os.open(self.file(name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield _taken(lock, time.time() + wait_seconds)
        finally:
            # Said, and not left to closing: a process that was forked meanwhile has the same lock open for as long as it lives.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def listing(self, name: str) -> List[Tuple[float, int, str]]:
        """Return (time of last use, bytes, path) of the files in one of its directories, oldest first."""
        folder = self.file(name)
        files = []
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            try:
                found = os.stat(path)
            except OSError:  # another process was faster
                continue
            if entry.startswith("."):
                if time.time() - found.st_mtime > ABANDONED_SECONDS:
                    remove(path)
                continue
            files.append((found.st_mtime, found.st_size, path))
        return sorted(files)


def _taken(lock: int, deadline: float) -> bool:
    """Take the lock before the deadline; return whether it was free."""
    while not _free(lock):
        if time.time() >= deadline:
            return False
        time.sleep(0.1)
    return True


def _free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def read(path: str) -> Optional[bytes]:
    """Return a file's content, None if there is none. Raises OSError for a file that cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def remove(path: str) -> bool:
    """Remove a file; return whether it was there."""
    try:
        os.unlink(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False
    return True
