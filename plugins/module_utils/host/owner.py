"""Work in a directory of another user with no more rights than that user has.

Root must not: whoever owns a directory can put a link in the place of a file while root works there.
"""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import Any, Callable

from ..common.errors import BlockStructureError


def _nearest(place: Path) -> Path:
    """Return the path, or its nearest parent that exists; a link exists, wherever it leads."""
    return next(path for path in (place, *place.parents) if os.path.lexists(path))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _refused(entry: Path, user: int, why: str) -> BlockStructureError:
    return BlockStructureError(
        "owner-cannot",
        f"{entry} belongs to {_name(user)}, and as this user nothing could be done there: {why}.",
        "remove what does not belong there, or give the folder and what is in it to the user who runs the LMS; then run again.",
    )


def _enter(directory: int, found: os.stat_result) -> None:
    """Enter a directory, which its owner may be unable to reach from the root of the file system, as this owner."""
    os.fchdir(directory)
    os.setgroups([])
    os.setgid(found.st_gid)
    os.setuid(found.st_uid)


def _answer(work: Callable[[Path], Any], below: Path, directory: int, found: os.stat_result) -> dict[str, Any]:
    try:
        _enter(directory, found)
        return {"value": work(below)}
    except BlockStructureError as error:
        return {"error": [error.identifier, error.cause, error.remedy, error.variable]}
    except OSError as error:
        return {"failure": str(error)}


def as_owner(place: Path, work: Callable[[Path], Any]) -> Any:
    """Return what `work(path)` returns, as JSON has it. Root does it in a process of the user who owns the place.

    path: the place, as that process sees it. If it does not exist, its parent's owner counts. Raises BlockStructureError as
    `work` does, and for a link and for what the user may not do.
    """
    entry = _nearest(place)
    owner = os.lstat(entry)
    if os.geteuid() != 0 or owner.st_uid == 0:
        return work(place)
    try:
        directory = os.open(entry, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _refused(entry, owner.st_uid, f"it is a link or no directory ({error.strerror})") from error
    found = os.fstat(directory)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # JSON, because it is data for root.
            text = json.dumps(_answer(work, place.relative_to(entry), directory, found))
            with os.fdopen(writing, "w", encoding="utf-8") as stream:
                stream.write(text)
        finally:
            os._exit(0)
    os.close(writing)
    os.close(directory)
    with os.fdopen(reading, encoding="utf-8") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    answer = json.loads(text) if text else {"failure": "the process ended"}
    if "error" in answer:
        raise BlockStructureError(*answer["error"])
    if "failure" in answer:
        raise _refused(entry, found.st_uid, answer["failure"])
    return answer["value"]
