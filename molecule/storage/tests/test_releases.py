"""The class on the Django, django-storages and boto3 of every release of the sandbox, against the same S3."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
RELEASES = sorted(path.stem for path in (ROOT / "molecule/edxapp/requirements").glob("*.txt"))
KWARGS = {
    "access_key": "AKIAI44QH8DHBEXAMPLE",
    "secret_key": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    "bucket_name": "example-block-structures",
    "endpoint_url": "https://s3:5000",
    "region_name": "us-east-1",
    "addressing_style": "path",
    "default_acl": None,
}
PACKAGES = "/edx/app/edxapp/venvs/edxapp"


@pytest.mark.parametrize("release", RELEASES)
def test_class_serves_on_the_releases_own_libraries(lms: Host, release: str) -> None:
    folder = lms.check_output("mktemp --directory")
    request = json.dumps({"kwargs": KWARGS, "dead": "https://127.0.0.1:9", "folder": folder})
    installed = lms.check_output(f"{PACKAGES}/bin/python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'")
    program = (ROOT / "molecule/storage/release_check.py").read_text()
    # Only our package of the site that runs; everything else is the release's own.
    lms.check_output(f"ln --symbolic {installed}/block_structure_storage {folder}/")
    # The class signs with a key derived from it.
    lms.check_output(f"echo 'SECRET_KEY = \"example\"' > {folder}/no_settings.py")
    environment = f"PYTHONPATH={folder} DJANGO_SETTINGS_MODULE=no_settings AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt"
    seen: dict[str, Any] = json.loads(
        lms.check_output(
            f"printf %s {shlex.quote(request)} | {environment}"
            f" {PACKAGES}-{release}/bin/python -W ignore -c {shlex.quote(program)}"
        ).splitlines()[-1]
    )
    report = {name: seen.pop(name) for name in ("django", "django-storages", "boto3", "base")}
    assert seen and all(seen.values()), (report, seen)
    lms.check_output(f"rm -r {folder}")
