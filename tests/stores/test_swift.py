"""OpenStack Swift's S3 API behind TLS: bucket, canary, listing, move, prune and an outage, by the role's own code.

`make stores` writes what was seen into docs/stores.md.
"""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import django.conf
import pytest
from block_structure.module_utils.decisions import bucket, candidate, storage_settings
from block_structure.module_utils.probe.engine import edxapp, fetching, objects
from block_structure.module_utils.probe.operations import candidate as probe_candidate
from block_structure.module_utils.probe.operations import move, prune
from block_structure.plugin_utils import role_variables
from botocore.config import Config

from ..unit import modules
from .front import Front
from .serve_swift import SECRET

HERE = Path(__file__).resolve().parent
SEEN = HERE.parents[1] / ".cache/stores/swift.json"
KEYS = ("example:operator", SECRET)
BUCKET = "example-block-structures"
WHOLE = zlib.compress(pickle.dumps(({"block": {}}, {}), protocol=2))
# What the message says that this store lacks.
OFF = dict.fromkeys(
    ("encryption", "public_access_block", "object_ownership", "tls_only", "expire_noncurrent", "abort_uploads"), False
)
FEATURES = ("bucket", "canary", "checksums", "listing", "move", "prune", "outage", "second run")


def free_ports(number: int) -> int:
    """Return the first of so many free ports in a row."""
    for port in range(23000, 24000, number):
        try:
            for one in range(port, port + number):
                socket.create_server(("127.0.0.1", one)).close()
        except OSError:
            continue
        return port
    raise RuntimeError("no free ports")


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running Swift."""
    folder = tmp_path_factory.mktemp("swift")
    port = free_ports(5)
    started = [subprocess.Popen(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port + 4)])]
    program = ["/usr/bin/python3", str(HERE / "serve_swift.py"), str(folder), str(port), str(port + 4)]
    started.append(subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=2).close()
                break
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < deadline, "Swift does not start; scripts/dev/setup swift installs python3-swift"
                time.sleep(0.3)
        yield port
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def front(swift: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = Front(tmp_path_factory.mktemp("front"), swift)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(front: Front) -> Any:
    made = boto3.client(
        "s3",
        endpoint_url=front.endpoint,
        verify=str(front.certificate),
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
    )
    made.create_bucket(Bucket=BUCKET)
    return made


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, str]]:
    """What each feature showed, for the page."""
    found: dict[str, str] = {}
    yield found
    if set(found) == set(FEATURES):
        SEEN.parent.mkdir(parents=True, exist_ok=True)
        version = subprocess.run(
            ["/usr/bin/python3", "-c", "import swift; print(swift.__version__)"], capture_output=True, text=True, check=True
        ).stdout.strip()
        store = {"store": "OpenStack Swift, s3api", "version": version, "from": "Debian's python3-swift"}
        SEEN.write_text(json.dumps({**store, "boto3": boto3.__version__, "seen": found}, indent=1) + "\n")


@pytest.fixture
def storage(front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a storage class of the newest release on the store."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(SECRET_KEY="a secret of this site alone")
    from block_structure_storage.storage import ResilientS3Storage  # noqa: PLC0415 - needs the settings
    from storages.backends.s3 import S3Storage  # noqa: PLC0415

    kwargs = {
        "bucket_name": BUCKET,
        "endpoint_url": front.endpoint,
        "access_key": KEYS[0],
        "secret_key": KEYS[1],
        "region_name": "us-east-1",
        "addressing_style": "path",
        "verify": str(front.certificate),
        "default_acl": None,
        "location": "",
    }
    resilient = {"read_timeout_seconds": 20, "budget_seconds": 30, "connect_timeout_seconds": 5, "breaker_seconds": 0.5}

    def made(kind: str, **variables: str) -> Any:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        if kind == "plain":
            return S3Storage(**kwargs)
        return ResilientS3Storage(**kwargs, **resilient, local_directory=str(tmp_path / "local"))

    return made


def step(front: Front, *options: str, **variables: Any) -> dict[str, Any]:
    chosen = {
        **role_variables.defaults(),
        "block_structure_storage_bucket": BUCKET,
        "block_structure_bucket_endpoint_url": front.endpoint,
        "block_structure_bucket_ca_bundle": str(front.certificate),
        "block_structure_bucket_access_key": KEYS[0],
        "block_structure_bucket_secret_key": KEYS[1],
        **variables,
    }
    return modules.run("bucket", {}, "-e", json.dumps(chosen), *options)


def test_what_the_store_lacks_is_told_in_one_run_before_a_change(front: Front, client: Any, seen: dict[str, str]) -> None:
    message = step(front)["msg"]
    assert message.startswith("This S3-compatible store does not implement what is asked of the bucket: ")
    lacking = message.partition("bucket: ")[2].partition(".")[0].split(", ")
    assert "object_ownership" in lacking and "public_access_block" in lacking
    assert all(bucket.LEAVE_ALONE[name] in message for name in lacking)
    assert client.get_bucket_versioning(Bucket=BUCKET).get("Status") is None
    seen["bucket"] = f"without {', '.join(lacking)}"


def test_without_it_the_bucket_is_made_and_a_second_run_changes_nothing(
    front: Front, client: Any, seen: dict[str, str]
) -> None:
    done = step(front, block_structure_bucket_features=OFF)
    assert done.get("changed"), done
    assert client.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    again = step(front, block_structure_bucket_features=OFF)
    assert again["changed"] is False
    seen["second run"] = "0 changes"


@pytest.mark.usefixtures("client")
def test_checksums_of_boto3_are_refused_and_the_message_names_the_variable(
    storage: Callable[..., Any], seen: dict[str, str]
) -> None:
    answer = probe_candidate.prove(storage("plain"), "courses/")
    assert candidate.meaning(answer["problem"])[0] == "the store does not take the checksums that boto3 1.36 and later send"
    required = storage_settings.environment({storage_settings.CHECKSUMS: "when_required"})
    assert not probe_candidate.prove(storage("plain", **required), "courses/").get("problem")
    seen["checksums"] = f"`{answer['problem']['code']}`; plain needs `block_structure_storage_checksums: when_required`"


@pytest.mark.usefixtures("client")
def test_the_resilient_class_needs_no_variable(storage: Callable[..., Any], seen: dict[str, str]) -> None:
    made = storage("resilient")
    answer = probe_candidate.prove(made.strict(), "courses/")
    assert not answer.get("problem"), answer
    seen["canary"] = "written, read, listed and deleted by both classes"


def test_more_than_a_page_of_course_keys_is_listed_and_pruned(
    storage: Callable[..., Any], client: Any, monkeypatch: pytest.MonkeyPatch, seen: dict[str, str]
) -> None:
    made = storage("plain", **storage_settings.environment({storage_settings.CHECKSUMS: "when_required"}))
    names = [f"courses/block-v1:ExampleX+C{number}+2026+type@course+block@course/x" for number in range(1003)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: client.put_object(Bucket=BUCKET, Key=name, Body=WHOLE), names))
    monkeypatch.setattr(edxapp, "storage", lambda: made)
    monkeypatch.setattr(objects, "prefix", lambda: "courses/")
    listing = objects.listing(("block-v1:",))
    assert set(names) == {name for name in listing.names if name.endswith("/x")}
    seen["listing"] = "1,003 objects over several pages"
    named = {name.rpartition("/")[0]: name for name in names[3:]}
    entries = prune.unnamed(listing, named, 5, "courses/canaries", time.time() + 10, 0)
    assert sorted(entry["name"] for entry in entries) == sorted(names[:3])
    for entry in entries:
        made.delete(entry["name"])
    assert set(objects.listing(("block-v1:",)).names) == set(names[3:])
    seen["prune"] = "what no row names, and nothing else"


@pytest.mark.usefixtures("client")
def test_a_file_is_moved_and_read_back(storage: Callable[..., Any], tmp_path: Path, seen: dict[str, str]) -> None:
    made = storage("resilient")
    from django.core.files.storage import FileSystemStorage  # noqa: PLC0415 - needs the settings

    name = "block-v1:ExampleX+M+2026+type@course+block@course/2026-11-27-120000-000000"
    path = tmp_path / "media" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(WHOLE)
    source, target = fetching.Store(FileSystemStorage(location=str(tmp_path / "media"))), fetching.Store(made)
    assert move.copy(source, target, name, f"courses/{name}") == {"done": "copied", "bytes": len(WHOLE)}
    assert move.copy(source, target, name, f"courses/{name}")["done"] == "present"
    seen["move"] = "copied, read back, and only compared the second time"


def test_an_outage_reaches_no_reader_and_loses_nothing(
    storage: Callable[..., Any], front: Front, client: Any, seen: dict[str, str]
) -> None:
    made = storage("resilient")
    from django.core.files.base import ContentFile  # noqa: PLC0415 - needs the settings

    made.save("courses/before", ContentFile(WHOLE))
    front.close()
    try:
        assert made.open("courses/before").read() == WHOLE
        made.save("courses/during", ContentFile(WHOLE))
        assert made.open("courses/during").read() == WHOLE
        assert made.state()["spool"]["waiting"] == 1
    finally:
        front.open()
    made._breaker.close()
    assert made.drain(wait_seconds=60)["left"] == 0
    assert client.get_object(Bucket=BUCKET, Key="courses/during")["Body"].read() == WHOLE
    seen["outage"] = "read from the local copy; what was written then was uploaded afterwards"
