"""What a site has set for its other S3 storages must not reach the storage of block structures, on any django-storages.

Each version that a release runs on is installed once, into .cache/storages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.decisions import releases, storage_settings

ROOT = Path(__file__).resolve().parents[2]
TABLE = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
VERSIONS = {
    name: str(row["django_storages"])
    for name, row in yaml.safe_load((ROOT / "tests/contract/releases.yml").read_text())["releases"].items()
}
# The first release of each version and way of making the storage; the others are alike.
RELEASES = list({(VERSIONS[name], row["unhashable_kwargs"]): name for name, row in reversed(TABLE.items())}.values())
# Version -> what it runs with on the Python of the tests.
LIBRARIES = {
    "1.4.1": ["Django==2.2.28", "boto==2.49.0"],
    "1.8": ["Django==3.2.18", "boto==2.49.0", "boto3==1.28.85"],
    "1.14": ["Django==4.2.11", "boto3==1.28.85"],
    "1.14.3": ["Django==4.2.15", "boto3==1.35.1"],
    "1.14.6": ["Django==4.2.22", "boto3==1.38.29"],
}
# As the playbooks of `configuration` render absent keys, and as other storages want theirs.
GLOBALS = {
    "AWS_ACCESS_KEY_ID": "None",
    "AWS_SECRET_ACCESS_KEY": "None",
    "AWS_SESSION_TOKEN": "of-another",
    "AWS_STORAGE_BUCKET_NAME": "site-media",
    "AWS_LOCATION": "media",
    "AWS_DEFAULT_ACL": "public-read",
    "AWS_QUERYSTRING_AUTH": False,
    "AWS_S3_FILE_OVERWRITE": False,
    "AWS_S3_CUSTOM_DOMAIN": "files.example.com",
    "AWS_S3_ENDPOINT_URL": "https://files.example.com",
    "AWS_S3_REGION_NAME": "eu-west-1",
    "AWS_S3_ADDRESSING_STYLE": "path",
    "AWS_S3_SIGNATURE_VERSION": "s3",
    "AWS_S3_USE_SSL": False,
    "AWS_S3_VERIFY": False,
    "AWS_S3_PROXIES": {"https": "http://192.0.2.9:3128"},
    "AWS_S3_USE_THREADS": False,
    "AWS_IS_GZIPPED": True,
    "GZIP_CONTENT_TYPES": ["application/octet-stream"],
    "AWS_S3_ENCRYPTION": True,
    "AWS_REDUCED_REDUNDANCY": True,
    "AWS_AUTO_CREATE_BUCKET": True,
    "AWS_PRELOAD_METADATA": True,
    "AWS_S3_HOST": "files.example.com",
    "AWS_S3_PORT": 9000,
    "AWS_S3_CALLING_FORMAT": "boto.s3.connection.OrdinaryCallingFormat",
}
PARAMETERS = {
    "AWS_S3_OBJECT_PARAMETERS": {"ACL": "public-read", "CacheControl": "max-age=86400"},
    "AWS_HEADERS": {"Cache-Control": "max-age=86400"},
}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


@cache
def installed(version: str) -> Path:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = ROOT / ".cache" / "storages" / f"{version}-{python}"
    needed = [f"django-storages=={version}", "setuptools<81", *LIBRARIES[version]]
    subprocess.run([ROOT / "molecule/tutor/install", folder, python, *needed], check=True)
    return folder


def kwargs_of(name: str, tmp_path: Path, **given: Any) -> tuple[str, dict[str, Any]]:
    options = storage_settings.StorageOptions("example-block-structures", "block_structures/", local_dir=str(tmp_path), **given)
    built = storage_settings.build(options, releases.pick(TABLE, name))
    return built.public["STORAGE_CLASS"], storage_settings.merge(built.public, built.secrets)["STORAGE_KWARGS"]


def seen(name: str, storage_class: str, kwargs: dict[str, Any], given: dict[str, Any], **variables: str) -> dict[str, Any]:
    """Return what a release's class sends and how, in a process with these global settings."""
    path = os.pathsep.join([str(installed(VERSIONS[name])), str(ROOT / "roles/block_structure/files/block_structure_storage")])
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": path,
        "AWS_EC2_METADATA_DISABLED": "true",
        **ENVIRONMENT,
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-s", "-W", "ignore", ROOT / "tests/storages/written.py"],
        input=json.dumps({"class": storage_class, "kwargs": kwargs, "globals": given}),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("storage_class", ["plain", "resilient"])
def test_no_global_setting_reaches_the_storage(tmp_path: Path, name: str, storage_class: str) -> None:
    row = releases.pick(TABLE, name)
    if storage_class == "resilient" and storage_settings.RESILIENT_NEEDS not in row.storage_classes:
        pytest.skip("the release has no such class")
    path, kwargs = kwargs_of(name, tmp_path, region="us-east-1", storage_class=storage_class)
    alone = seen(name, path, kwargs, {})
    assert alone["key"] == ENVIRONMENT["AWS_ACCESS_KEY_ID"]
    takes_none = storage_class == "resilient" or row.unhashable_kwargs
    assert seen(name, path, kwargs, {**GLOBALS, **(PARAMETERS if takes_none else {})}) == alone
    if not takes_none:
        # What no STORAGE_KWARGS can keep away is named by deploy and diagnose, and a move writes without it.
        assert seen(name, path, kwargs, PARAMETERS) != alone
        complete = storage_settings.complete({"STORAGE_CLASS": path, "STORAGE_KWARGS": kwargs}, row)["STORAGE_KWARGS"]
        assert seen(name, path, complete, PARAMETERS) == alone


@pytest.mark.parametrize("name", RELEASES)
def test_the_settings_of_this_storage_count_whatever_the_site_has(tmp_path: Path, name: str) -> None:
    own = {"endpoint_url": "https://s3.example.com:9000", "addressing_style": "path", "region": "eu-central-1"}
    path, kwargs = kwargs_of(name, tmp_path, access_key="AKIAI44QH8DHBEXAMPLE", secret_key="EXAMPLE", **own)
    found = seen(name, path, kwargs, GLOBALS)
    assert found["key"] == "AKIAI44QH8DHBEXAMPLE"
    assert found == seen(name, path, kwargs, {})
    assert "s3.example.com" in json.dumps(found)


def sends_checksums(found: dict[str, Any]) -> bool:
    return any(name.startswith("x-amz-sdk-checksum") or "checksum" in name for name in found["headers"])


@pytest.mark.parametrize(
    ("endpoint", "storage_class", "checksums", "sent"),
    [
        (None, "plain", "when_supported", True),
        ("https://s3.example.com", "plain", "when_supported", True),
        ("https://s3.example.com", "plain", "when_required", False),
        ("https://s3.example.com", "resilient", "when_supported", False),
        ("https://bucket.s3.eu-central-1.amazonaws.com", "resilient", "when_supported", True),
        (None, "resilient", "when_supported", True),
    ],
)
def test_who_sends_checksums_of_boto3s_own(
    tmp_path: Path, endpoint: str | None, storage_class: str, checksums: str, sent: bool
) -> None:
    """boto3 1.36 and later; over TLS they come as a trailer that Ceph, Swift and MinIO refuse."""
    name = next(name for name in RELEASES if VERSIONS[name] == "1.14.6")
    path, kwargs = kwargs_of(name, tmp_path, endpoint_url=endpoint, storage_class=storage_class)
    environment = storage_settings.environment({storage_settings.CHECKSUMS: checksums})
    found = seen(name, path, kwargs, {}, **environment)
    assert sends_checksums(found) is sent, found["headers"]
    assert ("aws-chunked" in found["headers"].get("content-encoding", "")) is sent


def test_an_older_boto3_sends_none_and_takes_the_class_as_it_is(tmp_path: Path) -> None:
    path, kwargs = kwargs_of("sumac", tmp_path, endpoint_url="https://s3.example.com", storage_class="resilient")
    assert not sends_checksums(seen("sumac", path, kwargs, {}))
