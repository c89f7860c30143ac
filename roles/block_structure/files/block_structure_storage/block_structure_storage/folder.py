"""The private directory on local disk that all processes of one host share: copies, spool, counters, breaker.

What lies there is unpickled by the platform, so a directory that anybody else could write to is not used at all. And it may be
root who runs a management command while the directory belongs to the LMS's user, who can put links and other people's files
there. So everything goes through descriptors that were checked: no link is followed, nothing that exists changes its owner, and
what does not belong to the directory's owner is refused by name.

Nothing is kept open: each operation opens the directory anew. A directory that appears late, is replaced, or gets its
permissions back is used from then on.
"""

import contextlib
import errno
import fcntl
import logging
import os
import stat
import threading
import time
from typing import Callable, Iterator, List, Optional, Tuple

log = logging.getLogger(__name__)

DIRECTORIES = ("objects", "spool")
# Files that the class itself keeps beside them; others of the same user there are not looked at.
TALLY = ".bytes"
ABANDONED_SECONDS = 3600.0  # a temporary file as old as this belongs to nobody any more

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Not to wait for the other end of a pipe that somebody put in place of a file.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK


class UnusableError(OSError):
    """The directory cannot be used; it may be later."""


class ForeignError(OSError):
    """An entry is no regular file of the directory's owner."""


class Directory:
    """An open directory, valid inside of `Folder.opened`. Names have no slash; every method raises OSError."""

    def __init__(self, descriptor: int, path: str, owner: os.stat_result) -> None:
        self.descriptor, self.path, self.owner = descriptor, path, owner

    def _check(self, name: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise ForeignError("%s/%s is no regular file" % (self.path, name))
        if found.st_uid != self.owner.st_uid:
            words = (self.path, name, found.st_uid, self.owner.st_uid)
            raise ForeignError("%s/%s belongs to user %d, and the directory to user %d" % words)

    def _open(self, name: str, flags: int) -> Tuple[int, os.stat_result]:
        """Return (descriptor, status) of an existing file of the owner. Raises FileNotFoundError and ForeignError too."""
        try:
            descriptor = os.open(name, flags | _FILE, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket, or a pipe opened for writing
                raise ForeignError("%s/%s is no regular file" % (self.path, name)) from error
            raise
        try:
            found = os.fstat(descriptor)
            self._check(name, found)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor, found

    def _new(self) -> Tuple[int, str]:
        """Return (descriptor, name) of a new temporary file of the owner, mode 0600."""
        name = "." + os.urandom(8).hex()
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=self.descriptor)
        if os.geteuid() == 0:  # an operator's command: the LMS's own processes must be able to use the file
            os.fchown(descriptor, self.owner.st_uid, self.owner.st_gid)
        return descriptor, name

    def read(self, name: str) -> Optional[Tuple[bytes, float]]:
        """Return (content, time of change), None if there is no such file. Raises ForeignError too."""
        try:
            descriptor, found = self._open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            content = os.read(descriptor, found.st_size + 1)
            if len(content) != found.st_size:
                raise OSError(errno.EIO, "it was read in part only", name)
        finally:
            os.close(descriptor)
        return content, found.st_mtime

    def write(self, name: str, content: bytes, durable: bool = False, changed: Optional[float] = None) -> None:
        """Put a file in place whole or not at all.

        durable: only return once the disk has it. changed: its time of change in seconds since the epoch, otherwise now.
        """
        descriptor, temporary = self._new()
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
                if changed is not None:
                    os.utime(stream.fileno(), (changed, changed))
            os.replace(temporary, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            self.remove(temporary)
            raise
        if durable:
            os.fsync(self.descriptor)

    @contextlib.contextmanager
    def updating(self, name: str, initial: bytes, wait_seconds: float) -> Iterator[int]:
        """Yield the descriptor of a small file, open for reading and writing and locked; it is made if there is none."""
        if self.found(name) is None:
            made, temporary = self._new()
            try:
                os.write(made, initial)
                with contextlib.suppress(FileExistsError):  # another process was faster
                    # A link, because only so it appears with its owner and content, and never in place of another one.
                    os.link(temporary, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
            finally:
                os.close(made)
                self.remove(temporary)
        with _lock(lambda: self._open(name, os.O_RDWR)[0], wait_seconds) as (descriptor, mine):
            if not mine:
                raise OSError(errno.EAGAIN, "another process keeps it locked", name)
            yield descriptor

    def remove(self, name: str) -> bool:
        """Remove a file, or a link itself; return whether it was there."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return False
        return True

    def found(self, name: str) -> Optional[os.stat_result]:
        """Return size and times of a file, None if there is none. Raises ForeignError too."""
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        self._check(name, found)
        return found

    def touch(self, name: str, changed: Optional[float] = None) -> None:
        """Set the time of change of a file, to now if none is given."""
        os.utime(name, None if changed is None else (changed, changed), dir_fd=self.descriptor, follow_symlinks=False)

    def names(self) -> List[str]:
        """Return the names of what is in the directory, without temporary files."""
        return [name for name in os.listdir(self.descriptor) if not name.startswith(".")]

    def files(self) -> List[Tuple[float, int, str]]:
        """Return (time of last use, bytes, name) of the owner's files, oldest first; abandoned temporary files are removed."""
        files = []
        for name in os.listdir(self.descriptor):
            try:
                found = self.found(name)
            except OSError:  # `foreign` names it
                continue
            if found is None:  # another process was faster
                continue
            if not name.startswith("."):
                files.append((found.st_mtime, found.st_size, name))
            elif name != TALLY and time.time() - found.st_mtime > ABANDONED_SECONDS:
                self.remove(name)
        return sorted(files)

    def foreign(self) -> List[str]:
        """Return a sentence for each entry that is neither a file of the owner nor one of DIRECTORIES."""
        names = (name for name in sorted(os.listdir(self.descriptor)) if name not in DIRECTORIES)
        return [words for words in map(self._why_foreign, names) if words]

    def _why_foreign(self, name: str) -> Optional[str]:
        try:
            self.found(name)
        except ForeignError as error:
            return str(error)
        return None

    @contextlib.contextmanager
    def locked(self, wait_seconds: float = 0.0) -> Iterator[bool]:
        """Yield whether this caller has the directory's lock, for which it waits so long.

        It is the directory itself that is locked: a lock file would need an owner.
        """
        with _lock(lambda: os.open(".", _DIRECTORY, dir_fd=self.descriptor), wait_seconds) as (_, mine):
            yield mine


class Folder:
    """A directory of mode 0700 that belongs to the user of the LMS's processes. path: None keeps nothing on disk."""

    def __init__(self, path: Optional[str]) -> None:
        self.path = path
        self._logged = None  # type: Optional[str]

    @property
    def problem(self) -> Optional[str]:
        """Why the directory cannot be used just now; None when all is well."""
        try:
            for name in DIRECTORIES:
                with self.opened(name):
                    pass
        except UnusableError as error:
            return str(error)
        return None

    @contextlib.contextmanager
    def opened(self, name: Optional[str] = None) -> Iterator[Directory]:
        """Yield the directory, or the one of DIRECTORIES in it; both are made if they are not there. Raises UnusableError."""
        opened = []  # type: List[int]
        try:
            directory = self._open(name, opened)
            yield directory
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def _open(self, name: Optional[str], opened: List[int]) -> Directory:
        if not self.path:
            raise UnusableError("no local directory is configured")
        path = self.path
        try:
            opened.append(_entered(path, None))
            owner = _checked(path, os.fstat(opened[0]), None)
            if name:
                path = "%s/%s" % (path, name)
                opened.append(_entered(name, opened[0]))
                owner = _checked(path, os.fstat(opened[1]), owner)
        except OSError as error:
            if not isinstance(error, UnusableError):
                words = "is a link or no directory" if error.errno in (errno.ELOOP, errno.ENOTDIR) else error.strerror or error
                error = UnusableError("%s cannot be used: %s" % (path, words))
            self._log(str(error))
            raise error from None
        self._log(None)
        return Directory(opened[-1], path, owner)

    def _log(self, problem: Optional[str]) -> None:
        """Log a problem when it begins, changes and ends."""
        if problem == self._logged:
            return
        self._logged = problem
        if problem is None:
            log.warning("Block structure storage: %s is used again.", self.path)
        else:
            log.error("Block structure storage: no local copies are kept and nothing is spooled: %s.", problem)


def _entered(name: str, parent: Optional[int]) -> int:
    """Return the descriptor of a directory, which is made if it is not there."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        pass
    if parent is not None:
        return _made(name, parent)
    above = os.open(os.path.dirname(name.rstrip("/")), os.O_RDONLY | os.O_DIRECTORY)
    try:
        return _made(os.path.basename(name.rstrip("/")), above)
    finally:
        os.close(above)


def _made(name: str, parent: int) -> int:
    """Make a directory of mode 0700 in an open one and return its descriptor; made by root it belongs to the parent's owner."""
    with contextlib.suppress(FileExistsError):  # another process was faster
        os.mkdir(name, 0o700, dir_fd=parent)
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    made, above = os.fstat(descriptor), os.fstat(parent)
    # Empty: whoever owns the parent may have put another directory of root's in place of the one just made.
    if os.geteuid() == 0 and made.st_uid == 0 and above.st_uid != 0 and not os.listdir(descriptor):
        os.fchown(descriptor, above.st_uid, above.st_gid)
    return descriptor


def _checked(path: str, found: os.stat_result, above: Optional[os.stat_result]) -> os.stat_result:
    """Return what is known of an open directory. Raises UnusableError unless it is private. above: of the one around it."""
    if above is None:
        if found.st_uid != os.geteuid() and os.geteuid() != 0:
            raise UnusableError("%s belongs to user %d, and this process runs as %d" % (path, found.st_uid, os.geteuid()))
    elif found.st_uid != above.st_uid:
        raise UnusableError("%s belongs to user %d, and the directory to user %d" % (path, found.st_uid, above.st_uid))
    if stat.S_IMODE(found.st_mode) & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise UnusableError("%s can be reached by other users (mode %04o, wanted is 0700)" % (path, mode))
    return found


# Descriptors of locks that this process holds or waits for. A process forked meanwhile has them open as well, and would keep
# the locks for as long as it lives if this one was killed; so it closes them (from Python 3.7 on, which has a hook for that).
_locks = []  # type: List[int]
_guard = threading.Lock()


def _forget_locks() -> None:
    for descriptor in set(_locks):
        os.close(descriptor)
    _locks.clear()
    if _guard.locked():  # not where a server forks by itself and calls the hooks of the child alone, as uWSGI does
        _guard.release()


_register = getattr(os, "register_at_fork", None)
if _register is not None:
    _register(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget_locks)


@contextlib.contextmanager
def _lock(opened: Callable[[], int], wait_seconds: float) -> Iterator[Tuple[int, bool]]:
    """Yield a new descriptor and whether its lock could be had in time; it is closed afterwards."""
    with _guard:  # no process is forked between opening and remembering
        descriptor = opened()
        _locks.append(descriptor)
    deadline = time.monotonic() + wait_seconds
    pause = 0.0005
    try:
        while not _free(descriptor) and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 2, 0.1)
        yield descriptor, _free(descriptor)
    finally:
        if descriptor in _locks:  # not so in a process that was forked inside
            _locks.remove(descriptor)
            # Said, and not left to closing: before Python 3.7 a process that was forked meanwhile has the lock open too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _free(descriptor: int) -> bool:
    """Take the lock if it is free; return whether this descriptor has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
