"""Each store behind TLS: bucket, canary, listing, generation, move, prune and an outage, by the role's own code.

`make stores` writes what was seen into docs/stores.md.
"""

from __future__ import annotations

import pickle
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.decisions import bucket, candidate, releases, storage_settings
from block_structure.module_utils.host import probe_client
from block_structure.module_utils.probe.engine import edxapp, fetching, objects
from block_structure.module_utils.probe.operations import candidate as probe_candidate
from block_structure.module_utils.probe.operations import move, prune

from ..tutor import miniature
from .conftest import BUCKET
from .front import Front
from .stores import Store

TABLE = yaml.safe_load((miniature.ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
WHOLE = zlib.compress(pickle.dumps(({"block": {}}, {}), protocol=2))
REQUIRED = storage_settings.environment({storage_settings.CHECKSUMS: "when_required"})

# The bucket that the role makes; the other one was there before.
MADE = "example-made-by-the-role"

Step = Callable[..., dict[str, Any]]


def versioning(client: Any, name: str = BUCKET) -> str | None:
    """Return the state of the bucket's versioning, None for a store that has none."""
    try:
        return client.get_bucket_versioning(Bucket=name).get("Status")  # type: ignore[no-any-return]
    except client.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "NotImplemented"
        return None


def test_what_the_store_lacks_is_told_in_one_run_before_a_change(step: Step, client: Any, seen: dict[str, str]) -> None:
    message = step()["msg"]
    assert message.startswith("This S3-compatible store does not implement what is asked of the bucket: ")
    lacking = message.partition("bucket: ")[2].partition(".")[0].split(", ")
    assert "object_ownership" in lacking
    assert all(bucket.LEAVE_ALONE[name] in message for name in lacking)
    assert versioning(client) != "Enabled"
    seen["bucket"] = f"without {', '.join(lacking)}"


def test_without_it_the_bucket_is_made_as_previewed_and_a_second_run_changes_nothing(
    step: Step, store: Store, client: Any, seen: dict[str, str]
) -> None:
    own = {"block_structure_bucket_features": store.features, "block_structure_storage_bucket": MADE}
    previewed = step("--check", **own)
    assert previewed.get("changed"), previewed.get("msg")
    assert step("--check", **own)["changes"] == previewed["changes"]
    done = step(**own)
    assert done.get("changes") == previewed["changes"], done.get("msg")
    assert (versioning(client, MADE) == "Enabled") is ("versioning" not in store.off)
    assert step(**own)["changed"] is False
    seen["second run"] = "0 changes"


def test_checksums_of_boto3_are_refused_and_the_message_names_the_variable(
    storage: Callable[..., Any], seen: dict[str, str]
) -> None:
    answer = probe_candidate.prove(storage("plain"), "courses/")
    assert candidate.meaning(answer["problem"])[0] == "the store does not take the checksums that boto3 1.36 and later send"
    assert not probe_candidate.prove(storage("plain", **REQUIRED), "courses/").get("problem")
    seen["checksums"] = f"`{answer['problem']['code']}`; plain needs `block_structure_storage_checksums: when_required`"


def test_the_resilient_class_needs_no_variable(storage: Callable[..., Any], seen: dict[str, str]) -> None:
    made = storage("resilient")
    answer = probe_candidate.prove(made.strict(), "courses/")
    assert not answer.get("problem"), answer
    seen["canary"] = "written, read, listed and deleted by both classes"


def test_more_than_a_page_of_course_keys_is_listed_and_pruned(
    storage: Callable[..., Any], client: Any, monkeypatch: pytest.MonkeyPatch, seen: dict[str, str]
) -> None:
    made = storage("plain", **REQUIRED)
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


def test_an_lms_generates_its_courses_there(
    store: Store, front: Front, client: Any, tmp_path: Path, seen: dict[str, str]
) -> None:
    """The miniature LMS, booted on the settings that the role writes, by the probe that the role runs."""
    release = releases.pick(TABLE, miniature.RELEASE)
    options = storage_settings.StorageOptions(
        bucket=BUCKET,
        prefix="generated/",
        region="us-east-1",
        endpoint_url=front.endpoint,
        addressing_style="path",
        access_key=store.keys[0],
        secret_key=store.keys[1],
    )
    built = storage_settings.build(options, release)
    with miniature.memcached() as port:
        site = miniature.Miniature(tmp_path, port, AWS_CA_BUNDLE=str(front.certificate), **REQUIRED)
        site.with_courses()
        site.write(storage_settings.merge(built.public, built.secrets))
        generate = {"op": "generate", "select": {"force": True}, "workers": 2}
        survey = {"op": "survey", "courses": None, "read": True, "rebuild": False}
        answer = probe_client.run([*site.manage_argv, "lms"], release, [generate, survey], secrets=[store.keys[1]])
    generated, found = answer.results
    assert not generated["failures"], generated
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="generated/")
    kept = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    assert len(kept) == len(found["courses"]) == 8
    assert all(course["tier"] in ("cache", "storage") for course in found["courses"])
    seen["generation"] = f"{len(kept)} courses by the miniature LMS of Teak, each read back"


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
