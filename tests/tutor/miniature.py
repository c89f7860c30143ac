"""The miniature LMS of Teak on this machine: SQLite, a real memcached, no container."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RELEASE = "teak"
REQUIREMENTS = ROOT / "molecule/edxapp/requirements" / f"{RELEASE}.txt"


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def listening(*argv: str | Path, port: int) -> Iterator[int]:
    """Start a server, wait until it listens to the port, and end it afterwards."""
    process = subprocess.Popen([str(word) for word in argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if time.monotonic() > end:
                raise RuntimeError(f"{argv[0]} does not listen to {port}")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def memcached() -> Iterator[int]:
    """Run a memcached of 256 MB that takes large items; yield its port."""
    binary = shutil.which("memcached") or pytest.fail("There is no memcached.\nRemedy: run scripts/dev/setup memcached.")
    port = free_port()
    options = ["-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-I", "4m", "-m", "256"]
    with listening(binary, *options, port=port):
        yield port


def environment() -> Path:
    """Return the Python environment of the miniature, made once."""
    path = ROOT / ".cache/tutor/miniature-teak"
    if not (path / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", path], check=True)
        subprocess.run([path / "bin/pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
        (path / "ready").touch()
    return path


class Miniature:
    """The platform in a folder, with the YAML that both systems read; `variables` are the environment of its processes."""

    def __init__(self, folder: Path, memcached_port: int, **variables: str) -> None:
        self.folder, self.environment = folder, environment()
        self.variables = {
            "PATH": f"{self.environment}/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "EDXAPP_RELEASE": RELEASE,
            "EDXAPP_BOOTS_LOG": str(folder / "boots.log"),
            "EDX_PLATFORM_SETTINGS": "production",
            "LMS_CFG": str(folder / "lms.yml"),
            "CMS_CFG": str(folder / "lms.yml"),
            **variables,
        }
        self.settings: dict[str, Any] = {
            "SECRET_KEY": "example",
            "FEATURES": {"ENABLE_BLAKE2B_HASHING": True},
            "CELERY_BROKER_TRANSPORT": "memory",
            "BLOCK_STRUCTURES_SETTINGS": {
                "COURSE_PUBLISH_TASK_DELAY": 30,
                "TASK_DEFAULT_RETRY_DELAY": 30,
                "TASK_MAX_RETRIES": 5,
            },
            "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "lms.sqlite3")}},
            "CACHES": {
                "default": {
                    "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                    "KEY_FUNCTION": "common.djangoapps.util.memcache.safe_key",
                    "KEY_PREFIX": "default",
                    "LOCATION": [f"127.0.0.1:{memcached_port}"],
                    "OPTIONS": {"no_delay": True, "ignore_exc": True, "use_pooling": True},
                }
            },
            "MEDIA_ROOT": f"{folder}/media/",
        }
        self.write({})
        shutil.copytree(ROOT / "molecule/edxapp/platform", folder / "platform")
        (folder / "platform/manage.py").chmod(0o755)

    def write(self, ours: dict[str, Any]) -> None:
        """Write the YAML with further BLOCK_STRUCTURES_SETTINGS."""
        own = self.settings["BLOCK_STRUCTURES_SETTINGS"]
        (self.folder / "lms.yml").write_text(yaml.safe_dump({**self.settings, "BLOCK_STRUCTURES_SETTINGS": {**own, **ours}}))

    @property
    def manage_argv(self) -> list[str]:
        """The command that runs manage.py, as the role's modules take it."""
        pairs = [f"{name}={value}" for name, value in self.variables.items()]
        return ["env", "-u", "PYTHONPATH", f"--chdir={self.folder / 'platform'}", *pairs, "./manage.py"]

    def manage(self, *words: str) -> None:
        """Run a command of manage.py."""
        subprocess.run([*self.manage_argv, *words], check=True, capture_output=True, env={"HOME": os.environ.get("HOME", "/")})

    def with_courses(self) -> None:
        """Make the tables and eight small courses."""
        self.manage("lms", "migrate", "--verbosity=0")
        self.manage("cms", "sandbox_courses", "--profile", "small")
