"""What an operator starts from: an ansible-core of their own, and a clone of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "openedx_operators.block_structure"
# Bare installations of ansible-core, kept between runs; `make clean` removes them.
CACHE = ROOT / ".cache" / "cores"
# The `ansible` package of the project's own environment has the collections that ours depends on.
DEPENDENCIES = Path(yaml.__file__).resolve().parents[1]


@dataclass(frozen=True)
class Core:
    """A release of ansible-core. pythons: the minor versions of Python 3 that it supports, the one to prefer first."""

    version: str
    pythons: tuple[int, ...]


# The ends of what meta/runtime.yml claims (test_cores.py holds them to it), and releases that are refused.
# Source of the Python versions: ansible-core's support matrix.
OLDEST = Core("2.19.5", (11, 12, 13))
NEWEST = Core("2.21.5", (14, 13, 12))
TOO_OLD = (Core("2.16.19", (10, 11, 12)), Core("2.18.19", (11, 12, 13)))


def find_python(core: Core) -> Path:
    """Return a Python that runs a release of ansible-core."""
    pyenv = shutil.which("pyenv")
    versions = Path(subprocess.check_output([pyenv, "root"], text=True).strip()) / "versions" if pyenv else None
    for minor in core.pythons:
        kept = sorted(versions.glob(f"3.{minor}.*/bin/python")) if versions else []
        for candidate in (f"python3.{minor}", sys.executable, *kept):
            # A name on PATH proves nothing: version managers leave stubs for versions that are not there.
            probe = f"import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, {minor}))"
            found = shutil.which(candidate)
            if found and subprocess.run([found, "-c", probe], capture_output=True, check=False).returncode == 0:
                return Path(found)
    names = ", ".join(f"3.{minor}" for minor in sorted(core.pythons))
    pytest.fail(f"No Python for ansible-core {core.version} was found.\nRemedy: install one of Python {names}.")


@dataclass(frozen=True)
class Installation:
    """An environment with nothing but ansible-core in it. home: an empty home directory, so no collection is found there."""

    bin: Path
    home: Path

    def run(self, *argv: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program as an operator does who activated this environment; both streams are in `stdout`."""
        own = {
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([str(self.bin), "/usr/local/bin", "/usr/bin", "/bin"]),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_NOCOLOR": "1",
        }
        return subprocess.run(
            [str(word) for word in argv],
            cwd=cwd,
            env={**own, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            # The longest is ansible-test, which installs what it needs.
            timeout=900,
        )


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    """Return the Installation of a Core; it is made once."""

    def install(core: Core) -> Installation:
        python = find_python(core)
        folder = CACHE / core.version
        ready = folder / "ready"
        if not (ready.exists() and ready.read_text() == str(python)):
            subprocess.run([str(python), "-m", "venv", "--clear", str(folder)], check=True)
            pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, f"ansible-core=={core.version}"], check=True)
            ready.write_text(str(python))
        return Installation(folder / "bin", tmp_path_factory.mktemp("home"))

    return install


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    """A clone of this checkout as it is now, with what is not committed yet."""
    folder = tmp_path_factory.mktemp("clone") / "block_structure"
    folder.mkdir()
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    git = ["git", "-c", "user.name=Operator", "-c", "user.email=operator@example.com"]
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], cwd=folder, check=True)
    subprocess.run([*git, "add", "--all"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "The checkout"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def archive(installation, clone, tmp_path_factory) -> Path:
    """The archive that is built from a clone."""
    folder = tmp_path_factory.mktemp("dist")
    done = installation(NEWEST).run("ansible-galaxy", "collection", "build", "--output-path", folder, cwd=clone)
    assert done.returncode == 0, done.stdout
    (built,) = folder.iterdir()
    return built


# A host of a valid inventory but for its bucket, so that a run ends before any host is contacted.
REFUSED = {
    "block_structure_lms": {
        "hosts": {"lms1": {"ansible_connection": "local", "block_structure_storage_bucket": "Bad_Bucket"}},
    },
}
CAUSE = (
    "block_structure_storage_bucket 'Bad_Bucket' must consist of lower-case letters, digits, dots and hyphens, and begin and"
    " end with a letter or a digit."
)
BAD_BUCKET = (CAUSE, "Remedy: choose a name such as 'example-block-structures'.")


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    """An operator's own repository: an inventory and nothing else."""
    folder = tmp_path / "infrastructure"
    folder.mkdir()
    (folder / "hosts.yml").write_text(yaml.safe_dump(REFUSED))
    return folder


def refusal(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """Return cause and remedy of the last refusal that a run printed."""
    assert done.returncode != 0, done.stdout
    found = re.findall(r"^ *(\S.*)\n *(Remedy: .*)$", done.stdout, flags=re.MULTILINE)
    assert found, done.stdout
    return found[-1]
