"""Install the storage package in the LMS's Python environment and create its local directory, or remove both."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_package
short_description: Install the resilient storage class for the LMS
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Places the files of the package below site-packages of the LMS's Python, byte for byte, and removes those of another
    version; no package index is used.
  - Makes the directory in which the class keeps local copies and objects that wait for S3, mode 0700, owned by the LMS's user.
  - With state absent, removes both; of the directory only what the class itself keeps there, and nothing at all while
    objects wait in it for S3.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  python:
    description: Python of the LMS's virtual environment; its site-packages get the files.
    type: path
  folder:
    description: Directory that gets them, for an LMS that imports from there. It is made, below one that exists.
    type: path
  package:
    description: The package as version and files (path below site-packages, text).
    type: dict
    required: true
  local_dir:
    description: The local directory; it must be absent, empty, or ours. Left out where the class makes its own.
    type: path
  mounted_from:
    description: Where the containers see O(folder); O(local_dir) is then a path in the containers, and one that is not below
      the same mount ends with its container.
    type: path
  user:
    description: User that runs the LMS's processes; goes with O(local_dir), and is not needed to remove it.
    type: str
  only_if_named_in:
    description: Possible settings files of the LMS; nothing is done unless one is there and names the package.
    type: list
    elements: path
  state:
    description: Whether the package is there.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Install the storage class for the LMS
  openedx_operators.block_structure.storage_package:
    python: /edx/app/edxapp/venvs/edxapp/bin/python
    package: "{{ __block_structure_storage_package }}"
    local_dir: /edx/var/block_structure_storage
    user: www-data
"""

RETURN = r"""
changes:
  description: What differs, as field, before and after.
  type: list
  elements: dict
  returned: success
"""

import os
import pwd
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.changes import Change, as_diff
from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.common.findings import two_lines
from ..module_utils.decisions.spool import counted
from ..module_utils.host.owner import as_owner
from ..module_utils.host.package import LOCAL_NAMES, MODULE, outside

VARIABLE = "block_structure_storage_local_dir"


def site_packages(module: AnsibleModule) -> Path:
    """Return the directory that the LMS's Python imports pure packages from."""
    if module.params["folder"]:
        folder = Path(module.params["folder"])
        if not folder.parent.is_dir():
            raise BlockStructureError(
                "folder-without-parent",
                f"{folder.parent}, the parent of {folder.name}, does not exist.",
                "launch the site with Tutor first, or correct block_structure_tutor_root.",
                "block_structure_tutor_root",
            )
        return folder
    command = [module.params["python"], "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    code, out, error = as_owner(Path(command[0]).parent, lambda _: module.run_command(command))
    if code:
        raise BlockStructureError(
            "python-unusable",
            f"{module.params['python']} does not run: {(error or out).strip()[:200]}",
            "correct block_structure_native_python.",
            "block_structure_native_python",
        )
    return Path(out.strip())


def names_package(settings: Path) -> bool:
    """Return whether a settings file of the LMS exists and names the package."""
    return settings.is_file() and MODULE in settings.read_text(encoding="utf-8")


def installed(root: Path) -> dict[str, str | None]:
    """Return path -> text of every installed file of the package, of any version; None for files that are not text."""
    found: dict[str, str | None] = {}
    for folder in [root / MODULE, *root.glob(f"{MODULE}-*.dist-info")]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                try:
                    found[str(path.relative_to(root))] = path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    found[str(path.relative_to(root))] = None
    return found


def version_of(files: dict[str, str | None]) -> str | None:
    """Return the version of the installed files, None without any."""
    names = {path.split("/")[0] for path in files if ".dist-info/" in path}
    return ", ".join(sorted(name[len(MODULE) + 1 : -len(".dist-info")] for name in names)) or None


def place(root: Path, path: str, text: str) -> None:
    """Write one file atomically, with the owner of site-packages."""
    target = root / path
    if not root.is_dir():
        root.mkdir(mode=0o755)
        os.chown(root, root.parent.stat().st_uid, root.parent.stat().st_gid)
    owner = root.stat()
    if not target.parent.is_dir():
        target.parent.mkdir(mode=0o755)
        os.chown(target.parent, owner.st_uid, owner.st_gid)
    # Not tempfile, which asks for the absolute path: the owner may be unable to reach it.
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), 0o644)
        os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
    temporary.replace(target)


def owner_of(uid: int, user: str | None) -> str:
    """Return the name of a user ID: the given user if it matches, the number if the host does not know the user."""
    with suppress(KeyError):
        return user if user and uid == pwd.getpwnam(user).pw_uid else pwd.getpwuid(uid).pw_name
    return str(uid)


def directory_state(path: Path, user: str | None) -> str | None:
    """Return how the local directory is, None if it is absent. Raises BlockStructureError for one with other things in it."""
    if path.is_symlink():
        raise BlockStructureError(
            "local-dir-link", f"{path} is a symbolic link.", f"let {VARIABLE} name the directory that it leads to.", VARIABLE
        )
    if not path.exists():
        return None
    if not path.is_dir():
        raise BlockStructureError(
            "local-dir-in-use", f"{path} is not a directory.", f"set {VARIABLE} to a dedicated directory.", VARIABLE
        )
    others = sorted({entry.name for entry in path.iterdir() if not entry.name.startswith(".")} - set(LOCAL_NAMES))
    if others:
        raise BlockStructureError(
            "local-dir-in-use",
            f"{path} contains other files, such as {others[0]}.",
            f"set {VARIABLE} to a dedicated directory.",
            VARIABLE,
        )
    found = path.stat()
    return f"{owner_of(found.st_uid, user)} {stat.S_IMODE(found.st_mode):04o}"


def require_no_spool(path: Path, named: str) -> None:
    """Raise BlockStructureError while objects wait for S3 in the local directory, their only copy. named: it, in messages."""
    spool = path / "spool"
    waiting = [entry for entry in spool.iterdir() if not entry.name.startswith(".")] if spool.is_dir() else []
    if waiting:
        raise BlockStructureError(
            "spool-not-empty",
            f"{counted(len(waiting))} in {named}/spool for S3, so the storage class and its directory stay.",
            "deploy block_structure_storage_class resilient and drain the spool; or delete the files, which rebuilds their "
            "courses later.",
            "block_structure_storage_class",
        )


def make_directory(path: Path, user: str) -> None:
    """Make the local directory of the LMS's user, closed to everybody else; what is in it stays."""
    account = pwd.getpwnam(user)
    if not path.parent.is_dir():
        raise BlockStructureError(
            "local-dir-without-parent",
            f"There is no {path.parent} to make {path.name} in.",
            f"make it, or correct {VARIABLE}.",
            VARIABLE,
        )
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    # Its owner may run other code: root opens the directory itself, follows no link, and touches nothing in it.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(descriptor, account.pw_uid, account.pw_gid)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def empty_directory(path: Path, named: str) -> None:
    """Remove the files of the class, unless objects wait among them."""
    require_no_spool(path, named)
    for name in LOCAL_NAMES:
        entry = path / name
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)


def compare(module: AnsibleModule, root: Path) -> tuple[list[Change], dict[str, str | None], dict[str, str]]:
    """Return (changes, installed files, wanted files)."""
    given = module.params
    present = given["state"] == "present"
    there = as_owner(root, installed)
    wanted: dict[str, str] = given["package"]["files"] if present else {}
    changes = []
    if there != wanted:
        before, after = version_of(there), given["package"]["version"] if present else None
        changes.append(Change(MODULE, before, f"{after} (other files)" if before == after else after))
    if given["local_dir"]:
        local_dir = Path(given["local_dir"])
        # A removal leaves a directory alone that has no files of the class.
        ours = present or there or any((local_dir / name).exists() for name in LOCAL_NAMES)
        state = directory_state(local_dir, given["user"]) if ours else None
        want_state = f"{given['user']} 0700" if present else None
        if state != want_state:
            changes.append(Change(given["local_dir"], state, want_state))
    return changes, there, wanted


def replace(root: Path, there: dict[str, str | None], wanted: dict[str, str]) -> None:
    """Write the wanted files of the package below site-packages, and remove its other files."""
    for path, text in wanted.items():
        if there.get(path) != text:
            place(root, path, text)
    for path in set(there) - set(wanted):
        (root / path).unlink()
    for folder in [root / MODULE, *root.glob(f"{MODULE}-*.dist-info")]:
        if not any(path.startswith(f"{folder.name}/") for path in wanted):
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path"},
            "folder": {"type": "path"},
            "package": {"type": "dict", "required": True},
            "local_dir": {"type": "path"},
            "mounted_from": {"type": "path"},
            "user": {"type": "str"},
            "only_if_named_in": {"type": "list", "elements": "path"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_one_of=[["python", "folder"]],
        mutually_exclusive=[["python", "folder"]],
        required_by={"user": "local_dir"},
        supports_check_mode=True,
    )
    given = module.params
    if given["mounted_from"] and given["local_dir"]:
        mount = str(Path(given["mounted_from"]).parent), str(Path(given["folder"]).parent)
        given["local_dir"] = outside(given["local_dir"], *mount)
    local_dir = Path(given["local_dir"]) if given["local_dir"] else None
    if local_dir and module.params["state"] == "present" and not module.params["user"]:
        module.fail_json(msg=two_lines("local_dir needs a user.", "set user too."))
    named_in = module.params["only_if_named_in"]
    if named_in and not any(names_package(Path(path)) for path in named_in):
        module.exit_json(changed=False, changes=[])
    with as_failures(module):
        root = site_packages(module)
        changes, there, wanted = compare(module, root)
        if changes and not module.check_mode:
            if local_dir and not wanted and local_dir.is_dir():
                as_owner(local_dir, lambda path: empty_directory(path, str(local_dir)))
                with suppress(OSError):  # other files, or a link in its place
                    local_dir.rmdir()
            as_owner(root, lambda path: replace(path, there, wanted))
            if local_dir and wanted:
                make_directory(local_dir, module.params["user"])
            if module.params["folder"] and not wanted:
                with suppress(OSError, BlockStructureError):  # not empty
                    as_owner(root.parent, lambda path: (path / root.name).rmdir())
    module.exit_json(
        changed=bool(changes),
        changes=[change.as_dict() for change in changes],
        diff=as_diff(changes, "block_structure_storage"),
    )


if __name__ == "__main__":
    main()
