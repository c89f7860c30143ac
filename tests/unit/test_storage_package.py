"""The resilient storage class in the role: settings, files of the package, and its installation into the LMS's Python."""

from __future__ import annotations

import ast
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import (
    candidate,
    plan,
    signing,
    spool,
    storage_settings,
)
from block_structure.module_utils.host import package
from block_structure.plugin_utils.diagnosis import local_storage
from block_structure_storage import __version__, options

from . import modules
from .conftest import ROLE

FOLDER = ROLE / "files" / "block_structure_storage"
USER = pwd.getpwuid(os.geteuid()).pw_name


def built(variables: dict[str, Any], release: Any, **changes: Any) -> dict[str, Any]:
    given = {**variables, "block_structure_storage_class": "resilient", **changes}
    return storage_settings.build(storage_settings.StorageOptions.from_variables(given), release).public


def test_defaults_of_role_and_class_agree(variables, release) -> None:
    kwargs = built(variables, release("teak"))["STORAGE_KWARGS"]
    ours = set(options.DEFAULTS)
    same = ours - {"local_directory", "signing"}
    assert {name: kwargs[name] for name in same} == {name: options.DEFAULTS[name] for name in same}
    assert kwargs["local_directory"] == "/edx/var/block_structure_storage"
    # Whoever takes the class without the role has objects without signatures; the role signs them before it refuses them.
    assert (kwargs["signing"], options.DEFAULTS["signing"]) == (signing.REQUIRE, signing.ACCEPT_UNSIGNED)
    assert [name for name in ours if options.problem(name, kwargs[name])] == []


@pytest.mark.parametrize("name", ["juniper", "palm", "quince", "teak", "verawood"])
def test_resilient_adds_flat_arguments_and_moves_nothing(variables, release, name: str) -> None:
    plain = storage_settings.build(storage_settings.StorageOptions.from_variables(variables), release(name)).public
    resilient = built(variables, release(name))
    assert resilient["STORAGE_CLASS"] == "block_structure_storage.storage.ResilientS3Storage"
    added = set(resilient["STORAGE_KWARGS"]) - set(plain["STORAGE_KWARGS"])
    # Null, which the resilient class takes for none, keeps a global setting away where a dictionary could not be hashed.
    assert added == {*options.DEFAULTS, *([] if release(name).unhashable_kwargs else ["object_parameters"])}
    assert {key: value for key, value in resilient["STORAGE_KWARGS"].items() if key not in added} == plain["STORAGE_KWARGS"]
    if not release(name).unhashable_kwargs:
        hash(tuple(resilient["STORAGE_KWARGS"].items()))
    assert plan.storage_place(plain) == plan.storage_place(resilient)
    assert not plan.storage_moves({"settings": {"block_structures": plain}}, resilient)


@pytest.mark.parametrize(
    ("name", "changes", "identifier", "message"),
    [
        ("ironwood", {}, "resilient-release", "and ironwood has no such class.\nRemedy: use plain on this release."),
        ("teak", {"block_structure_storage_local_dir": "var"}, "local-dir-not-absolute", "Remedy: set an absolute path"),
        ("teak", {"block_structure_storage_local_dir": "/"}, "local-dir-not-absolute", "Remedy: set an absolute path"),
        (
            "teak",
            {"block_structure_storage_resilience": {"budget_seconds": 0}},
            "resilient-not-positive",
            "budget_seconds of block_structure_storage_resilience is 0.\nRemedy: set a number above zero.",
        ),
    ],
)
def test_invalid_resilient_options_are_refused(variables, release, name, changes, identifier, message) -> None:
    with pytest.raises(BlockStructureError) as caught:
        built(variables, release(name), **changes)
    assert caught.value.identifier == identifier
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("local", "message"),
    [
        (
            {"version": "1", "problem": "/x belongs to user 0"},
            "cannot use its local directory: /x belongs to user 0.\nRemedy: set",
        ),
        (
            {"version": "0.9", "problem": None},
            "imports version 0.9 of block_structure_storage, and this role carries 1.\nRemedy:",
        ),
    ],
)
def test_unusable_candidate_is_refused(release, local, message) -> None:
    result = {"key_hash": None, "canary": None, "local": local}
    with pytest.raises(BlockStructureError, match=message.split("\n", maxsplit=1)[0]) as caught:
        candidate.judge(result, release("teak"), "1")
    assert message in str(caught.value)
    candidate.judge({**result, "local": {"version": "1", "problem": None}}, release("teak"), "1")


HEALTHY: dict[str, Any] = {
    "problem": None,
    "spool": {"waiting": 0, "oldest": None},
    "breaker": {"open": False, "cause": None},
    "counters": {"counts": {"read_local": 3}},
}


@pytest.mark.parametrize(
    ("changes", "report"),
    [
        ({}, []),
        ({"problem": "it is open"}, [("storage-local-unusable", "error", "it is open")]),
        ({"spool": {"waiting": 2, "oldest": 0}}, [("storage-spooled", "warning", "2 objects wait on this host for S3")]),
        ({"breaker": {"open": True, "cause": "timeout"}}, [("storage-outage", "warning", "(timeout)")]),
        (
            {
                "counters": {
                    "counts": {"spool_refused": 4, "local_damaged": 1},
                    "last": {"spool_refused": 1, "local_damaged": 1},
                }
            },
            [],
        ),
        ({"counters": {"counts": {"spool_refused": 4}}}, [("storage-spool-full", "warning", "4 objects did not fit")]),
        (
            {"counters": {"counts": {"local_damaged": 1, "read_failed_damaged": 1}}},
            [("storage-damaged", "warning", "2 objects or copies did not match")],
        ),
    ],
)
def test_what_a_host_says_becomes_findings(changes: dict[str, Any], report: list[tuple[str, str, str]]) -> None:
    found = local_storage.of({**HEALTHY, **changes})
    assert [(finding.identifier, finding.severity) for finding in found] == [(name, severity) for name, severity, _ in report]
    assert all(message in finding.cause for finding, (_, _, message) in zip(found, report, strict=True))
    assert local_storage.of(None) == []


def test_package_contains_its_version_and_all_modules() -> None:
    carried = package.read(FOLDER)
    assert carried["version"] == __version__
    modules = sorted(path.name for path in (FOLDER / package.MODULE).glob("*.py"))
    assert sorted(name.split("/")[1] for name in carried["files"] if name.startswith("block_structure_storage/")) == modules


def test_setuptools_builds_the_same_package(tmp_path: Path) -> None:
    """For images of Tutor on Kubernetes (docs/tutor.md); built from a copy, because a build leaves files behind."""
    shutil.copytree(FOLDER, tmp_path / "source")
    build = [sys.executable, "-c", "import setuptools; setuptools.setup()", "egg_info", "build"]
    ended = subprocess.run(build, cwd=tmp_path / "source", capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    built = {path.name: path.read_text() for path in (tmp_path / "source/build/lib" / package.MODULE).iterdir()}
    carried = package.read(FOLDER)["files"].items()
    assert built == {name.split("/")[1]: text for name, text in carried if name.startswith(f"{package.MODULE}/")}
    metadata = (tmp_path / f"source/{package.MODULE}.egg-info/PKG-INFO").read_text()
    assert f"Name: {package.DISTRIBUTION}\nVersion: {__version__}\n" in metadata
    assert "Requires-Dist" not in metadata


def test_package_imports_only_libraries_of_the_lms() -> None:
    needed = set()
    for path in (FOLDER / package.MODULE).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                needed.update(alias.name.split(".")[0] for alias in node.names)
            if isinstance(node, ast.ImportFrom) and not node.level:
                needed.add(str(node.module).split(".")[0])
    assert needed - set(sys.stdlib_module_names) == {"botocore", "django", "storages"}


class Lms:
    """A Python environment in the role of the LMS's, and the module run on it by Ansible."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv")
        self.python = folder / "venv" / "bin" / "python"
        self.local_dir = folder / "local"

    def run(self, *message: str, **changes: Any) -> dict[str, Any]:
        given = {
            "python": str(self.python),
            "package": package.read(FOLDER),
            "local_dir": str(self.local_dir),
            "user": USER,
            **changes,
        }
        return modules.run("storage_package", given, *message)

    def imports(self) -> str:
        """Return the version that this Python imports."""
        program = "import block_structure_storage as package; print(package.__version__)"
        return subprocess.run([self.python, "-c", program], capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="module")
def lms(tmp_path_factory: pytest.TempPathFactory) -> Lms:
    return Lms(tmp_path_factory.mktemp("lms"))


def test_package_is_predicted_installed_kept_replaced_and_removed(lms: Lms) -> None:
    predicted = lms.run("--check")
    assert predicted["changed"] and lms.imports() == "" and not lms.local_dir.exists()
    done = lms.run()
    assert done["changes"] == predicted["changes"]
    assert [change["after"] for change in done["changes"]] == [__version__, f"{USER} 0700"]
    assert lms.imports() == __version__
    assert lms.local_dir.stat().st_mode & 0o777 == 0o700
    assert not lms.run()["changed"]

    root = next((lms.python.parents[1] / "lib").glob("python*/site-packages"))
    (root / "block_structure_storage" / "left_over.py").write_text("")
    assert lms.run()["changes"] == [
        {"field": "block_structure_storage", "before": __version__, "after": f"{__version__} (other files)"}
    ]
    assert not (root / "block_structure_storage" / "left_over.py").exists()

    (lms.local_dir / "objects").mkdir()
    assert lms.run(state="absent")["changed"]
    assert lms.imports() == ""
    assert list(root.glob("block_structure_storage*")) == []
    assert not lms.local_dir.exists()
    assert not lms.run(state="absent")["changed"]


def test_directory_with_foreign_files_is_not_changed(lms: Lms, tmp_path: Path) -> None:
    (tmp_path / "courses").write_text("precious")
    assert not lms.run(local_dir=str(tmp_path), state="absent")["changed"]
    for state in ("present", "absent"):
        report = lms.run(local_dir=str(tmp_path), state=state)
        (tmp_path / "spool").mkdir(exist_ok=True)
        assert report["msg"] == (
            f"{tmp_path} contains other files, such as courses.\n"
            "Remedy: set block_structure_storage_local_dir to a dedicated directory."
        )
    assert (tmp_path / "courses").read_text() == "precious"


def test_class_is_reinstalled_only_if_the_settings_name_it(lms: Lms, tmp_path: Path) -> None:
    settings = tmp_path / "lms.yml"
    settings.write_text("BLOCK_STRUCTURES_SETTINGS: {STORAGE_CLASS: storages.backends.s3boto3.S3Boto3Storage}")
    files = [str(tmp_path / "absent"), str(settings)]
    assert not lms.run(only_if_named_in=files)["changed"]
    assert lms.imports() == ""
    settings.write_text("BLOCK_STRUCTURES_SETTINGS: {STORAGE_CLASS: block_structure_storage.storage.ResilientS3Storage}")
    assert lms.run(only_if_named_in=files)["changed"]
    assert lms.imports() == __version__
    lms.run(state="absent")


def test_removal_waits_for_the_spool(lms: Lms) -> None:
    lms.run()
    spool = lms.local_dir / "spool"
    spool.mkdir()
    (spool / "object").write_text("is nowhere else")
    report = lms.run(state="absent")
    assert report["msg"] == (
        f"1 object waits in {spool} for S3, so the storage class and its directory stay.\n"
        "Remedy: deploy block_structure_storage_class resilient and drain the spool; or delete the files, which rebuilds their "
        "courses later."
    )
    assert lms.imports() == __version__ and (spool / "object").exists()
    (spool / "object").unlink()
    assert lms.run(state="absent")["changed"]
    assert lms.imports() == "" and not lms.local_dir.exists()


def test_local_copies_of_tutor_are_removed_but_the_spool_is_kept(tmp_path: Path) -> None:
    """The package is in a separate directory there, and the host may not have the user of the containers."""
    folder, kept = tmp_path / "block_structure_packages", tmp_path / "block_structure_storage"
    given = {"folder": str(folder), "package": package.read(FOLDER)}
    assert modules.run("storage_package", given)["changed"]
    assert (folder / "block_structure_storage" / "storage.py").exists() and not kept.exists()
    (kept / "spool").mkdir(parents=True)
    os.chown(kept, 4242, 4242)
    (kept / "spool" / "object").write_text("is nowhere else")
    absent = {**given, "local_dir": str(kept), "state": "absent"}
    assert modules.run("storage_package", absent)["msg"].startswith(f"1 object waits in {kept}/spool for S3, so")
    assert folder.exists() and (kept / "spool" / "object").exists()
    (kept / "spool" / "object").unlink()
    predicted = modules.run("storage_package", absent, "--check")
    done = modules.run("storage_package", absent)
    assert done["changes"] == predicted["changes"]
    assert done["changes"][1] == {"field": str(kept), "before": "4242 0755", "after": None}
    assert not folder.exists() and not kept.exists()
    assert not modules.run("storage_package", absent)["changed"]
    assert "Remedy: set user too." in modules.run("storage_package", {**absent, "state": "present"})["msg"]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/openedx/data/block_structure_storage", "/srv/tutor/data/lms/block_structure_storage"),
        ("/openedx/data/a/b", "/srv/tutor/data/lms/a/b"),
        ("/openedx/data", None),
        ("/openedx/database", None),
        ("/dev/shm/block_structure_storage", None),
    ],
)
def test_container_path_is_mapped_to_the_host(path: str, seen: str | None) -> None:
    assert package.outside(path, "/openedx/data", "/srv/tutor/data/lms") == seen


RESILIENT = {"STORAGE_CLASS": "block_structure_storage.storage.ResilientS3Storage", "STORAGE_KWARGS": {"local_directory": "/a"}}
ELSEWHERE = {**RESILIENT, "STORAGE_KWARGS": {"local_directory": "/b"}}
OTHER_PREFIX = {**RESILIENT, "DIRECTORY_PREFIX": "elsewhere/"}
OTHER_STORE = {**RESILIENT, "STORAGE_KWARGS": {"local_directory": "/a", "endpoint_url": "https://s3.example.com"}}
OTHER_BUCKET = {**RESILIENT, "STORAGE_KWARGS": {"local_directory": "/a", "bucket_name": "other"}}


@pytest.mark.parametrize(
    ("state", "settings", "leaves"),
    [
        (None, None, False),
        ({"spool": {"files": 0}}, None, False),
        ({"spool": {"files": 1}}, None, True),
        ({"spool": {"files": 1}}, RESILIENT, False),
        ({"spool": {"files": 1}}, OTHER_PREFIX, False),
        ({"spool": {"files": 1}}, OTHER_BUCKET, True),
        ({"spool": {"files": 1}}, OTHER_STORE, True),
        ({"spool": {"files": 1}}, ELSEWHERE, True),
        ({"spool": {"files": 1}}, {"STORAGE_CLASS": "storages.backends.s3boto3.S3Boto3Storage"}, True),
    ],
)
def test_which_settings_leave_waiting_objects_behind(state, settings, leaves: bool) -> None:
    active = {"storage_state": state, "block_structures": RESILIENT}
    assert spool.leaves_objects(active, settings) is leaves


@pytest.mark.parametrize(
    ("files", "problem", "message"),
    [
        (1, "503 SlowDown", "1 object waits on this host for S3, and the upload fails: 503 SlowDown."),
        (2, None, "2 objects wait on this host for S3, and all of them are for another bucket."),
    ],
)
def test_objects_that_stay_are_reported_with_why(files: int, problem: str | None, message: str) -> None:
    state = {"local_directory": "/a", "spool": {"files": files}}
    with pytest.raises(BlockStructureError) as caught:
        spool.require_empty({"state": state, "drained": {"problem": problem}})
    assert str(caught.value) == (
        f"{message}\nRemedy: fix S3 and run again; or delete the files in /a/spool, which rebuilds their courses later."
    )
    spool.require_empty({"state": {**state, "spool": {"files": 0}}, "drained": None})


def test_root_follows_no_link_and_changes_no_owner_below_the_directory(tmp_path: Path) -> None:
    """Whoever runs code in the LMS owns the directory, and could lead root elsewhere with a link in it."""
    lms = Lms(tmp_path)
    secret = tmp_path / "root-only"
    secret.write_text("x")
    assert lms.run(user="nobody")["changed"]
    (lms.local_dir / "objects").mkdir(exist_ok=True)
    (lms.local_dir / "objects" / "planted").symlink_to(secret)
    lms.local_dir.chmod(0o755)
    owner = secret.stat().st_uid
    assert lms.run(user="nobody")["changed"]
    assert secret.stat().st_uid == owner
    link = tmp_path / "link"
    link.symlink_to(lms.local_dir)
    assert f"{link} is a symbolic link.\nRemedy: let " in lms.run(local_dir=str(link), user="nobody")["msg"]


@pytest.fixture
def packages() -> Iterator[Path]:
    """A folder of another user, as Tutor's containers mount it, where every user may enter."""
    top = Path(tempfile.mkdtemp(prefix="block-structure-packages-"))
    top.chmod(0o755)
    folder = top / "lms" / "block_structure_packages"
    folder.parent.mkdir()
    os.chown(folder.parent, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    yield folder
    shutil.rmtree(top)


def put(packages: Path, **changes: Any) -> dict[str, Any]:
    return modules.run("storage_package", {"folder": str(packages), "package": package.read(FOLDER), **changes})


@pytest.mark.skipif(os.geteuid() != 0, reason="plays root and another user")
def test_what_is_installed_for_another_user_is_that_users(tmp_path: Path) -> None:
    """Tutor's root may be in a home that is closed to the user of the containers."""
    (tmp_path / "lms").mkdir()
    os.chown(tmp_path / "lms", pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    packages = tmp_path / "lms" / "block_structure_packages"
    assert put(packages)["changed"]
    assert {path.owner() for path in (packages, *packages.rglob("*"))} == {"nobody"}
    assert not put(packages)["changed"]
    assert put(packages, state="absent")["changed"]
    assert not packages.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="plays root and another user")
@pytest.mark.parametrize("linked", ["the folder", "the package"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_root_does_nothing_where_a_link_of_another_user_leads(packages: Path, linked: str, state: str) -> None:
    """Whoever runs code in the LMS owns the folder, and would have root write and delete for them."""
    rooted = packages.parents[1] / "rooted"
    (rooted / package.MODULE).mkdir(parents=True)
    kept = [rooted / "kept.py", rooted / package.MODULE / "kept.py"]
    for path in kept:
        path.write_text("root's")
    planted = packages if linked == "the folder" else packages / package.MODULE
    planted.parent.mkdir(exist_ok=True)
    planted.symlink_to(rooted if linked == "the folder" else rooted / package.MODULE)
    nobody = pwd.getpwnam("nobody")
    os.chown(planted.parent, nobody.pw_uid, nobody.pw_gid)
    os.lchown(planted, nobody.pw_uid, nobody.pw_gid)
    report = put(packages, state=state)
    assert "belongs to nobody, and as this user nothing could be done there: " in report["msg"]
    assert "\nRemedy: remove what does not belong there, or give the folder" in report["msg"]
    entries = sorted(path for path in rooted.rglob("*") if path.is_file())
    assert (entries, {path.read_text() for path in entries}) == (sorted(kept), {"root's"})
    assert {path.owner() for path in (rooted, *rooted.rglob("*"))} == {"root"}


def test_directory_without_a_parent_and_a_python_that_does_not_run_are_reported(lms: Lms, tmp_path: Path) -> None:
    assert "Remedy: make it, or correct block_structure_storage_local_dir." in lms.run(local_dir=f"{tmp_path}/a/b")["msg"]
    assert "Remedy: correct block_structure_native_python." in lms.run(python="/bin/false")["msg"]
