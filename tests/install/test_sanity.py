"""`ansible-test sanity` on the collection as it is installed: what its archive has, and nothing of the workshop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from .conftest import NEWEST, ROOT

# ansible-test downloads the installer of pip, which Python has in itself. Its options of other installers are dropped.
INSTALLER = """
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "ensurepip"])
options = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "pip", "install", *options])
"""


def test_sanity(installation, archive, tmp_path):
    tool = installation(NEWEST)
    collection = tmp_path / "ansible_collections" / "openedx_operators" / "block_structure"
    collection.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        packed.extractall(collection, filter="data")
    shutil.copytree(ROOT / "tests" / "sanity", collection / "tests" / "sanity")
    # ansible-test reads the list of files from git.
    subprocess.run(["git", "init", "--quiet"], cwd=collection, check=True)
    subprocess.run(["git", "add", "--all"], cwd=collection, check=True)
    # Its environments are kept beside those of ansible-core.
    home = tool.bin.parent / "sanity"
    pip = home / ".ansible" / "test" / "cache" / f"get_pip_{required_pip(tool.bin.parent).replace('.', '_')}.py"
    pip.parent.mkdir(parents=True, exist_ok=True)
    pip.write_text(INSTALLER)
    configured = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    # Without pylint: its rules refuse `_` as a name and subprocess in modules. ruff and mypy check the same files.
    argv = ("ansible-test", "sanity", "--skip-test", "pylint")
    done = tool.run(*argv, cwd=collection, **configured, HOME=str(home))
    assert done.returncode == 0, done.stdout
    for name in ("action-plugin-docs", "ansible-doc", "import", "runtime-metadata", "validate-modules"):
        assert f'Running sanity test "{name}"' in done.stdout


def required_pip(environment: Path) -> str:
    """Return the version of pip that the environment's ansible-test wants."""
    (source,) = environment.glob("lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py")
    return re.search(r"\bpip='([0-9.]+)'", source.read_text()).group(1)
