"""The storage package as files for an LMS's site-packages, installed without pip.

The pip of the oldest LMS cannot build from pyproject.toml, and a deploy must not depend on a package index. The dist-info
directory lets `pip list` show the package and `pip uninstall` remove it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Any

MODULE = "block_structure_storage"
DISTRIBUTION = "block-structure-storage"
# All files of the class in its local directory; nothing else there is ever touched.
LOCAL_NAMES = ("objects", "spool", "breaker.json", "counters.json", "counters.lock", "spool.lock")
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


def outside(path: str, mounted_at: str, mounted: str) -> str | None:
    """Return the host's path of a container's directory, None for one that is not below the mount.

    mounted_at: mount point in the container. mounted: the host's directory that is mounted there.
    """
    below = PurePosixPath(path)
    return str(mounted / below.relative_to(mounted_at)) if PurePosixPath(mounted_at) in below.parents else None


def dist_info(version: str) -> str:
    """Return the name of the dist-info directory of a version."""
    return f"{MODULE}-{version}.dist-info"


def _record_line(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text.encode())}\n"


def read(folder: Path) -> dict[str, Any]:
    """Return {"version", "files": {path below site-packages: text}} of the package in a folder of this repository.

    Format of dist-info: PyPA specification "Recording installed projects".
    """
    files = {f"{MODULE}/{path.name}": path.read_text(encoding="utf-8") for path in sorted((folder / MODULE).glob("*.py"))}
    version = _VERSION.findall(files[f"{MODULE}/__init__.py"])[0]
    info = dist_info(version)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {version}\nLicense: Apache-2.0\n"
    files[f"{info}/INSTALLER"] = "block_structure\n"
    files[f"{info}/RECORD"] = "".join(_record_line(path, text) for path, text in files.items()) + f"{info}/RECORD,,\n"
    return {"version": version, "files": files}
