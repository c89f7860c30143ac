"""What Ceph RGW does alone: under a public access block it refuses every write; rights are given by the bucket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from block_structure.module_utils.decisions import bucket, storage_settings
from block_structure.module_utils.probe.operations import candidate as probe_candidate

from . import serve_ceph
from .stores import CEPH, WANTED, Store

pytestmark = pytest.mark.skipif(CEPH not in WANTED, reason="`make stores` runs Ceph")
NAMED, NAME, GIVEN = "example-named", "example-blocked", "example-given"
REQUIRED = storage_settings.environment({storage_settings.CHECKSUMS: "when_required"})


@pytest.fixture(scope="module", params=[CEPH], ids=["ceph"])
def store(request: pytest.FixtureRequest) -> Store:
    """Ceph alone."""
    chosen: Store = request.param
    return chosen


def test_one_run_names_all_that_it_lacks(step: Callable[..., dict[str, Any]], client: Any) -> None:
    client.create_bucket(Bucket=NAMED)
    message = step(block_structure_storage_bucket=NAMED)["msg"]
    assert set(message.partition("asked of the bucket: ")[2].partition(".\n")[0].split(", ")) == set(CEPH.off), message
    own = {"block_structure_storage_bucket": NAMED, "block_structure_bucket_features": CEPH.features}
    assert step(**own)["changed"]
    assert step(**own)["changed"] is False


def test_the_access_block_is_taken_back_by_name_and_writes_go_on(step: Callable[..., dict[str, Any]], client: Any) -> None:
    client.create_bucket(Bucket=NAME)
    features = {name: False for name in CEPH.off if name != "public_access_block"}
    own = {"block_structure_storage_bucket": NAME, "block_structure_bucket_features": features}
    assert step(**own)["msg"] == (
        f"With the public access block the store refuses every write to the bucket {NAME}; the block was taken back.\n"
        "Remedy: set public_access_block of block_structure_bucket_features to false; who can read the bucket is then up to "
        "its policy and ACLs."
    )
    client.put_object(Bucket=NAME, Key="block_structures/x", Body=b"tree")
    own["block_structure_bucket_features"] = CEPH.features
    assert step(**own)["changed"] is False


def test_the_policy_for_the_lms_suffices_as_a_bucket_policy_and_stays(
    step: Callable[..., dict[str, Any]], client: Any, storage: Callable[..., Any]
) -> None:
    client.create_bucket(Bucket=GIVEN)
    given = {"bucket_name": GIVEN, "access_key": serve_ceph.LMS_ACCESS_KEY}
    assert probe_candidate.prove(storage("plain", given, **REQUIRED), "courses/")["problem"]["code"] == "AccessDenied"
    policy = bucket.as_bucket_policy(bucket.lms_policy(GIVEN, "courses/"), f"arn:aws:iam:::user/{serve_ceph.LMS}")
    assert policy is not None
    client.put_bucket_policy(Bucket=GIVEN, Policy=json.dumps(policy))
    own = {"block_structure_storage_bucket": GIVEN, "block_structure_bucket_features": CEPH.features}
    assert step(**own)["changed"]
    assert step(**own)["changed"] is False
    statements = json.loads(client.get_bucket_policy(Bucket=GIVEN)["Policy"])["Statement"]
    assert statements == [*policy["Statement"], bucket.tls_statement(GIVEN)]
    assert not probe_candidate.prove(storage("plain", given, **REQUIRED), "courses/").get("problem")
    elsewhere = probe_candidate.prove(storage("plain", given, **REQUIRED), "elsewhere/")
    assert elsewhere["problem"]["code"] == "AccessDenied"
