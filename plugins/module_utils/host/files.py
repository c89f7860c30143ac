"""Replace files of the host: through symbolic links, atomically, with the owner, group and mode of what is replaced."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import stat
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator

from ..common.errors import BlockStructureError

# How many copies of a file are kept beside it, and how their names end.
BACKUPS = 5
_BACKUP = ".block_structure~"


def real_file(path: Path, variable: str) -> Path:
    """Return the file that a path leads to. Raises BlockStructureError `file-not-regular` for anything but a file.

    A symbolic link stays, and what it points to is edited. A path where nothing is yet is returned as it is.
    """
    try:
        target = path.resolve(strict=True) if path.is_symlink() else path
        kind = target.lstat().st_mode
    except FileNotFoundError:
        if not path.is_symlink():
            return path
        problem = "is a symbolic link to a file that does not exist"
    except (OSError, RuntimeError):  # a loop; RuntimeError before Python 3.13
        problem = "cannot be followed to a file"
    else:
        if stat.S_ISREG(kind):
            return target
        problem = "is no regular file"
    raise BlockStructureError(
        "file-not-regular", f"{path} {problem}.", f"correct {variable}, or the file; nothing was changed.", variable
    )


@contextlib.contextmanager
def writing(path: Path, variable: str) -> Iterator[None]:
    """Name what keeps a file from being written. variable: the one that names the file.

    Raises BlockStructureError `no-space-left` or `host-file-unwritable` for an OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise BlockStructureError(
                "no-space-left",
                f"There is no space left to write {path}; the active settings are untouched.",
                "free space on that file system and run again.",
            ) from error
        raise BlockStructureError(
            "host-file-unwritable",
            f"{path} cannot be written: {error.strerror}.",
            f"correct {variable}, or the rights of its folder; the file is untouched.",
            variable,
        ) from error


def backups(path: Path) -> list[Path]:
    """Return the copies that this project has kept beside a file, the oldest first."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.*{_BACKUP}"))


def _keep(path: Path) -> None:
    """Keep a copy of a file beside it, as private as it is: of all copies the oldest, as it was found, and the newest."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    replace(path.with_name(f"{path.name}.{moment}{_BACKUP}"), path.read_bytes(), like=path)
    for old in backups(path)[1 : 1 - BACKUPS]:
        old.unlink()


def replace(path: Path, data: bytes, backup: bool = False, like: Path | None = None) -> None:
    """Write data to the path so that a power failure leaves the previous content or the new one, never a part.

    Owner, group, mode and extended attributes are those of the file that is replaced, or of `like`; without either the file is
    for its owner only. backup: keep a copy of the previous file beside it. Raises OSError; the file is then untouched.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        model = like or path
        if model.exists():
            known = model.stat()
            os.chown(name, known.st_uid, known.st_gid)
            shutil.copystat(model, name)
            os.utime(name)
        if backup and path.exists():
            _keep(path)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
