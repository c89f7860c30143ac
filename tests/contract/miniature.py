"""The miniature edxapp as a platform: two containers from the sandbox's images, one network, no service but memcached.

Each release gets a SQLite database and a folder for files of its own; the code is the work tree's.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from .releases import release_row
from .target import ROOT, Target, file_name

IMAGES = ROOT / ".cache/images.yml"
CODE = ROOT / "molecule/edxapp/platform"
ROWS = yaml.safe_load((ROOT / "molecule/edxapp/releases.yml").read_text())
RELEASES, CACHES = ROWS["edxapp_releases"], ROWS["edxapp_caches"]
LEGACY = ROOT / "molecule/edxapp/etc/openssl-legacy.cnf"


def images() -> dict[str, str]:
    """Return the sandbox's images by host."""
    if not IMAGES.is_file():
        raise RuntimeError("The sandbox's images are not built.\nRemedy: run scripts/dev/setup.")
    return yaml.safe_load(IMAGES.read_text())["sandbox_images"]


def engine(*message: str, stdin: str = "") -> str:
    """Run the container engine and return what it wrote."""
    argv = [os.environ.get("BLOCK_STRUCTURE_ENGINE", "podman"), *message]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv[:3])} failed: {done.stderr.strip()}\nRemedy: run scripts/dev/setup.")
    return done.stdout


@contextmanager
def containers() -> Iterator[str]:
    """Start both containers and yield the name of the one with the platform; remove them at the end."""
    name = f"block-structure-contract-{secrets.token_hex(4)}"
    code = f"--volume={CODE}:/edx/app/edxapp/edx-platform:ro"
    started = []
    try:
        for host, options, command in (
            ("lms1", [code, f"--volume={LEGACY}:/tmp/openssl-legacy.cnf:ro"], ["sleep", "infinity"]),
            ("cache1", [f"--network=container:{name}-lms1"], ["memcached", "-u", "nobody", "-l", "127.0.0.1"]),
        ):
            entry = ["--entrypoint", command[0], *options, images()[host], *command[1:]]
            engine("run", "--detach", "--rm", f"--name={name}-{host}", *entry)
            started.append(f"{name}-{host}")
        yield f"{name}-lms1"
    finally:
        for container in reversed(started):
            engine("rm", "--force", "--volumes", container)


def settings(release: str) -> dict[str, object]:
    """Return the LMS's YAML for a release."""
    row = RELEASES[release]
    cache = CACHES[row["cache"]]
    return {
        "SECRET_KEY": "contract",
        # Only releases between Palm and Teak ask for it; without it their long cache keys need md4.
        "FEATURES": {"ENABLE_BLAKE2B_HASHING": True},
        "CELERY_BROKER_TRANSPORT": "memory",
        "BLOCK_STRUCTURES_SETTINGS": {
            "COURSE_PUBLISH_TASK_DELAY": 30,
            "TASK_DEFAULT_RETRY_DELAY": 30,
            "TASK_MAX_RETRIES": 5,
            "DIRECTORY_PREFIX": "structures/",
        },
        "DATABASES": {
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"/tmp/{release}.sqlite3", "OPTIONS": {"timeout": 60}}
        },
        "CACHES": {
            "default": {
                "BACKEND": cache["backend"],
                "KEY_FUNCTION": row["key_function"],
                "KEY_PREFIX": f"default_{release}",
                "LOCATION": ["127.0.0.1:11211"],
                "OPTIONS": cache["options"],
            }
        },
        "MEDIA_ROOT": f"/tmp/{release}-media/",
    }


def target(container: str, release: str) -> Target:
    """Install a release in the container and return it as a platform."""
    found_row = release_row(release)
    path = f"/tmp/{release}/{file_name(found_row)}"
    environment = {"EDXAPP_RELEASE": release, "EDXAPP_BOOTS_LOG": f"/tmp/{release}-boots.log"}
    if RELEASES[release]["legacy_digests"]:
        environment["OPENSSL_CONF"] = "/tmp/openssl-legacy.cnf"
    found = Target(
        release=found_row,
        python=f"/edx/app/edxapp/venvs/edxapp-{RELEASES[release]['libraries']}/bin/python",
        manage="manage.py",
        settings="production",
        lms_cfg=path,
        cms_cfg=f"/tmp/{release}/{file_name(found_row, 'cms')}",
        prefix=(
            os.environ.get("BLOCK_STRUCTURE_ENGINE", "podman"),
            "exec",
            "--interactive",
            "--workdir=/edx/app/edxapp/edx-platform",
            container,
        ),
        environment=environment,
    )
    for config in (path, str(found.cms_cfg)):
        found.write(config, settings(release))
    done = found.manage_lms("migrate", "--verbosity=0")
    if done.code:
        raise RuntimeError(f"The miniature edxapp ({release}) does not migrate: {done.err[-2000:]}")
    return found


def releases() -> list[str]:
    """Return the releases that CI tests, or with BLOCK_STRUCTURE_SLOW every one that the miniature has a row for."""
    everything = bool(os.environ.get("BLOCK_STRUCTURE_SLOW"))
    return [name for name in RELEASES if everything or release_row(name).support == "tested"]
