"""Decisions made without a host: releases, settings, bucket, plan and verdict."""

from __future__ import annotations

import dataclasses

import pytest
from block_structure.module_utils.common import redact
from block_structure.module_utils.common.changes import Change, as_diff
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import (
    bucket,
    candidate,
    desired,
    plan,
    storage_settings,
)
from block_structure.module_utils.decisions import variables as names
from block_structure.module_utils.edit import memcached_config
from hypothesis import given
from hypothesis import strategies as st

from .surveys import KEY, ROW, SETTINGS, survey

NAMES = ["ironwood", "juniper", "koa", "lilac", "maple", "nutmeg", "olive", "palm", "quince"]
NAMES += ["redwood", "sumac", "teak", "ulmo", "verawood", "main"]


OPTIONS = {"bucket": "example-bucket", "prefix": "courses/", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "EXAMPLEKEY"}


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_complete_and_valid_on_every_release(release, name):
    row = release(name)
    built = storage_settings.build(storage_settings.StorageOptions(**OPTIONS), row)
    for key in ("COURSE_PUBLISH_TASK_DELAY", "TASK_DEFAULT_RETRY_DELAY", "TASK_MAX_RETRIES"):
        assert isinstance(built.public[key], int)
    kwargs = {**built.public["STORAGE_KWARGS"], **built.secrets["STORAGE_KWARGS"]}
    assert set(kwargs) <= set(row.storage_kwargs_valid)
    assert kwargs["default_acl"] is None
    assert row.unhashable_kwargs or all(not isinstance(value, (dict, list)) for value in kwargs.values())
    assert ("PRUNING_ACTIVE" in built.public) == row.pruning_active_honoured


def test_secrets_are_split_from_settings_and_merged_again(release):
    built = storage_settings.build(storage_settings.StorageOptions(**OPTIONS), release("teak"))
    assert "EXAMPLEKEY" not in str(built.public)
    merged = storage_settings.merge(built.public, built.secrets)
    assert merged["STORAGE_KWARGS"]["secret_key"] == "EXAMPLEKEY"
    assert merged["STORAGE_KWARGS"]["bucket_name"] == "example-bucket"


def test_a_kwarg_that_an_old_release_ignores_is_reported(release):
    options = storage_settings.StorageOptions(**OPTIONS, extra_kwargs={"acl_name": "x"})
    findings = storage_settings.build(options, release("palm")).findings
    assert [finding.identifier for finding in findings] == ["kwarg-ignored"]


@given(st.text(alphabet="abc/.", max_size=8))
def test_accepted_prefix_joins_without_double_slash(prefix):
    try:
        storage_settings.check_prefix(prefix)
    except BlockStructureError:
        return
    assert prefix == "" or (prefix.endswith("/") and not prefix.startswith("/") and "//" not in prefix)
    assert storage_settings.clean_prefix(prefix) == prefix


@given(st.text(alphabet="abc/.", max_size=8))
def test_any_prefix_can_be_normalized(prefix):
    storage_settings.check_prefix(storage_settings.clean_prefix(prefix))


KEY_ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_the_bucket_encrypts_by_the_key_that_is_given_and_the_policy_has_its_rights(variables, table):
    options = bucket.BucketOptions("example-bucket", kms_key=KEY_ARN)
    live = {**whole_bucket(options), "encryption": "AES256"}
    assert [change.as_dict() for change in bucket.compare(live, options)] == [
        {"field": "encryption", "before": "AES256", "after": f"aws:kms {KEY_ARN}"}
    ]
    assert bucket.compare({**live, "encryption": "aws:kms", "kms_key": KEY_ARN}, options) == []
    wanted = desired.resolve({**variables, "block_structure_bucket_kms_key": KEY_ARN}, table).desired.content
    assert wanted.lms_iam_policy["Statement"][-1] == {
        "Sid": "BlockStructureKey",
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": KEY_ARN,
    }


def test_a_key_that_is_only_the_buckets_stays_and_is_named():
    options = bucket.BucketOptions("example-bucket")
    live = {**whole_bucket(options), "encryption": "aws:kms", "kms_key": KEY_ARN}
    assert bucket.compare(live, options) == []
    (finding,) = bucket.key_findings(live, options)
    assert str(finding) == (
        f"The bucket example-bucket encrypts by the KMS key {KEY_ARN}, to which the LMS's credentials need kms:GenerateDataKey "
        "and kms:Decrypt.\nRemedy: set block_structure_bucket_kms_key to the key's ARN, and attach the policy in "
        "block_structure_result.lms_iam_policy."
    )
    assert bucket.key_findings(whole_bucket(options), options) == []


PRINCIPAL = "arn:aws:iam::111122223333:role/lms"


def test_the_policy_for_the_lms_is_offered_as_a_bucket_policy_with_the_same_rights(variables, table):
    given_variables = {**variables, "block_structure_bucket_kms_key": KEY_ARN}
    assert desired.resolve(given_variables, table).desired.content.lms_bucket_policy is None
    given_variables["block_structure_bucket_lms_principal"] = PRINCIPAL
    content = desired.resolve(given_variables, table).desired.content
    without = [
        {name: value for name, value in entry.items() if name != "Principal"}
        for entry in content.lms_bucket_policy["Statement"]
    ]
    # The rights to a key are not the bucket's to give.
    assert without == [entry for entry in content.lms_iam_policy["Statement"] if entry["Sid"] != "BlockStructureKey"]
    assert {entry["Principal"]["AWS"] for entry in content.lms_bucket_policy["Statement"]} == {PRINCIPAL}


def test_the_offered_policy_beside_ours_is_nothing_to_change():
    options = bucket.BucketOptions("example-bucket")
    offered = bucket.as_bucket_policy(bucket.lms_policy("example-bucket", "courses/"), PRINCIPAL)
    live = {**whole_bucket(options), "policy": offered}
    (change,) = bucket.compare(live, options)
    assert change.after["Statement"][:-1] == offered["Statement"]
    assert bucket.compare({**live, "policy": change.after}, options) == []
    # As a store writes it that marshals policies anew.
    anew = [{**entry, "Principal": {"AWS": [PRINCIPAL]}} for entry in reversed(offered["Statement"])]
    assert (
        bucket.compare({**live, "policy": {**change.after, "Statement": [change.after["Statement"][-1], *anew]}}, options) == []
    )


@pytest.mark.parametrize(
    "name", ["arn:aws:iam:::user/lms", "arn:aws-cn:iam::111122223333:role/path/lms", "arn:aws:iam::tenant:user/lms"]
)
def test_identities_of_other_stores_and_partitions_are_principals(name):
    bucket.check_principal(name)


@pytest.mark.parametrize(
    "name", ["*", "lms", "arn:aws:iam::111122223333:root", "arn:aws:iam:::user/*", "arn:aws:iam:::user/${aws:username}"]
)
def test_a_principal_that_is_not_one_identity_is_refused(variables, table, name):
    (error,) = desired.resolve({**variables, "block_structure_bucket_lms_principal": name}, table).errors
    assert str(error) == (
        f"block_structure_bucket_lms_principal is '{name}', which is no ARN of one user or role.\n"
        "Remedy: write the identity of the LMS's credentials, such as arn:aws:iam::111122223333:role/lms, or "
        "arn:aws:iam:::user/lms on Ceph."
    )


def test_an_alias_is_no_resource_of_a_policy(variables, table):
    given_variables = {**variables, "block_structure_bucket_kms_key": "arn:aws:kms:eu-central-1:111122223333:alias/x"}
    (error,) = desired.resolve(given_variables, table).errors
    assert str(error) == (
        "block_structure_bucket_kms_key is 'arn:aws:kms:eu-central-1:111122223333:alias/x', which is no ARN of a key.\n"
        "Remedy: write the key's ARN, such as arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab; "
        "not its alias."
    )


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "Upper-case", "under_score", "-begins", "ends-", "a..b", "a.-b", "192.0.2.1", "xn--name", "x-s3alias"],
)
def test_bucket_names_that_s3_refuses(name):
    assert bucket.name_problem(name)


@pytest.mark.parametrize("name", ["example-block-structures", "a.b-c.example", "123"])
def test_bucket_names_that_s3_accepts(name):
    assert bucket.name_problem(name) is None


def whole_bucket(options):
    return {
        "versioning": True,
        "encryption": "AES256",
        "public_access_block": dict.fromkeys(bucket.PUBLIC_ACCESS_KEYS, True),
        "object_ownership": "BucketOwnerEnforced",
        "policy": bucket.wanted_policy(None, options),
        "tags": {},
        "lifecycle": bucket.lifecycle_rules(options),
    }


def test_desired_bucket_needs_no_change_in_any_order():
    options = bucket.BucketOptions("example-bucket")
    live = whole_bucket(options)
    live["policy"]["Statement"][0]["Resource"].reverse()
    live["lifecycle"].reverse()
    assert bucket.compare(live, options) == []


@pytest.mark.parametrize("aspect", ["versioning", "encryption", "public_access_block", "object_ownership", "policy"])
def test_only_the_aspect_that_differs_changes(aspect):
    options = bucket.BucketOptions("example-bucket")
    live = {**whole_bucket(options), aspect: None}
    assert [change.field for change in bucket.compare(live, options)] == [aspect]


@pytest.mark.parametrize("aspect", bucket.LEAVE_ALONE)
def test_unsupported_aspect_is_refused_by_its_variable_or_skipped(aspect):
    wanted = bucket.BucketOptions("example-bucket", tags={"site": "example"})
    live = {**whole_bucket(wanted), "tags": wanted.tags, aspect: None, "lacking": [aspect]}
    with pytest.raises(BlockStructureError) as caught:
        bucket.check_features(live, bucket.compare(live, wanted))
    variable = "block_structure_bucket_tags" if aspect == "tags" else "of block_structure_bucket_features"
    assert f"does not implement what is asked of the bucket: {aspect}.\nRemedy: set " in str(caught.value)
    assert variable in caught.value.remedy
    options = {"policy": ["tls_only"], "lifecycle": ["expire_noncurrent", "abort_uploads"]}.get(aspect, [aspect])
    alone = dataclasses.replace(wanted, **{option: None if option == "tags" else False for option in options})
    bucket.check_features(live, bucket.compare(live, alone))


@pytest.mark.parametrize("aspect", bucket.LEAVE_ALONE)
def test_aspect_that_the_store_did_not_apply_is_named(aspect):
    wanted = bucket.BucketOptions("example-bucket", tags={"site": "example"})
    live = {**whole_bucket(wanted), "tags": wanted.tags, aspect: None}
    with pytest.raises(BlockStructureError) as caught:
        bucket.check_taken(bucket.compare(live, wanted))
    assert f"The store accepted the change of the bucket's '{aspect}' and did not apply it." in str(caught.value)
    assert bucket.LEAVE_ALONE[aspect] in str(caught.value)


def test_foreign_policy_statements_are_kept():
    other = {"Sid": "Theirs", "Effect": "Allow"}
    theirs = {"Version": "2008-10-17", "Id": "Backups", "Statement": [other]}
    options = bucket.BucketOptions("b-c")
    policy = bucket.wanted_policy(theirs, options)
    assert policy == {**theirs, "Statement": [other, bucket.tls_statement("b-c")]}
    assert bucket.wanted_policy(policy, options) == policy
    # One statement may be written as an object.
    assert bucket.wanted_policy({**theirs, "Statement": other}, options) == policy
    # Turned off, ours goes and theirs stay; a policy without ours is not touched.
    off = dataclasses.replace(options, tls_only=False)
    assert bucket.wanted_policy(policy, off) == theirs
    assert bucket.wanted_policy({**theirs, "Statement": other}, off) == {**theirs, "Statement": other}
    assert bucket.wanted_policy(bucket.wanted_policy(None, options), off) == {}


@pytest.mark.parametrize(
    "written",
    [
        {"Principal": {"AWS": ["*"]}},
        {"Principal": {"AWS": "*"}},
        {"Action": ["s3:*"]},
        {"Condition": {"Bool": {"aws:SecureTransport": ["false"]}}},
        {"Condition": {"Bool": {"aws:SecureTransport": False}}},
    ],
    ids=["principal of AWS in a list", "principal of AWS", "action in a list", "condition in a list", "boolean"],
)
def test_a_policy_that_a_store_writes_anew_is_the_same(written):
    options = bucket.BucketOptions("example-bucket")
    statement = {**bucket.tls_statement("example-bucket"), **written}
    for statements in (statement, [statement]):
        live = {**whole_bucket(options), "policy": {"Version": "2012-10-17", "Statement": statements}}
        assert bucket.compare(live, options) == []
    other = {**statement, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    differs = {**whole_bucket(options), "policy": {"Version": "2012-10-17", "Statement": [other]}}
    assert [change.field for change in bucket.compare(differs, options)] == ["policy"]


@pytest.mark.parametrize(
    ("region", "endpoint", "partition"),
    [
        ("cn-north-1", None, "aws-cn"),
        ("us-gov-west-1", None, "aws-us-gov"),
        ("eusc-de-east-1", None, "aws-eusc"),
        ("us-iso-east-1", None, "aws-iso"),
        ("us-isob-east-1", None, "aws-iso-b"),
        ("eu-central-1", None, "aws"),
        (None, None, "aws"),
        ("cn-north-1", "https://s3.example.com", "aws"),
    ],
)
def test_names_are_those_of_the_partition(variables, table, region, endpoint, partition):
    given_variables = {
        **variables,
        "block_structure_release": "teak",
        "block_structure_storage_region": region,
        "block_structure_storage_endpoint_url": endpoint,
    }
    options = bucket.BucketOptions.from_variables(given_variables)
    (statement,) = bucket.wanted_policy(None, options)["Statement"]
    assert {resource.split(":")[1] for resource in statement["Resource"]} == {partition}
    policy = desired.resolve(given_variables, table).desired.content.lms_iam_policy
    assert {statement["Resource"].split(":")[1] for statement in policy["Statement"]} == {partition}


def test_a_statement_of_ours_is_removed_when_the_feature_is_off():
    options = bucket.BucketOptions("example-bucket", tls_only=False)
    live = {**whole_bucket(options), "policy": bucket.wanted_policy(None, bucket.BucketOptions("example-bucket"))}
    (change,) = bucket.compare(live, options)
    assert (change.field, change.after) == ("policy", None)
    assert bucket.compare({**live, "policy": None}, options) == []


def test_all_that_a_store_lacks_is_named_at_once():
    wanted = bucket.BucketOptions("example-bucket")
    live = {**whole_bucket(wanted), "encryption": None, "lifecycle": [], "lacking": ["encryption", "lifecycle", "tags"]}
    with pytest.raises(BlockStructureError) as refused:
        bucket.check_features(live, bucket.compare(live, wanted))
    assert str(refused.value) == (
        "This S3-compatible store does not implement what is asked of the bucket: encryption, lifecycle.\n"
        "Remedy: set encryption of block_structure_bucket_features to false; expire_noncurrent and abort_uploads of "
        "block_structure_bucket_features to false."
    )
    # An aspect that is off is not read.
    off = bucket.BucketOptions("example-bucket", encryption=False, expire_noncurrent=False, abort_uploads=False)
    assert bucket.managed_aspects(off) == ["versioning", "public_access_block", "object_ownership", "policy"]


def test_each_lifecycle_rule_has_its_own_switch():
    rules = {rule["ID"] for rule in bucket.lifecycle_rules(bucket.BucketOptions("b-c", abort_uploads=False))}
    assert rules == {bucket.NONCURRENT_RULE}


def test_only_the_lifecycle_rules_that_differ_are_written():
    options = bucket.BucketOptions("b-c")
    noncurrent, aborted = bucket.lifecycle_rules(options)
    for live, written in (
        ({}, [noncurrent, aborted]),
        ({"lifecycle": [aborted]}, [noncurrent]),
        ({"lifecycle": [noncurrent, aborted]}, []),
    ):
        assert bucket.changed_rules(options, {change.field for change in bucket.compare(live, options)}) == written


def test_disabled_feature_is_not_changed():
    options = bucket.BucketOptions(
        "b-c",
        versioning=False,
        encryption=False,
        public_access_block=False,
        object_ownership=False,
        tls_only=False,
        expire_noncurrent=False,
        abort_uploads=False,
    )
    assert bucket.compare({}, options) == []


def test_no_lifecycle_rule_expires_a_current_object():
    expired = [rule.get("Expiration", {}) for rule in bucket.lifecycle_rules(bucket.BucketOptions("b-c"))]
    # A delete marker without a version behind it is no object.
    assert expired == [{"ExpiredObjectDeleteMarker": True}, {}]


def test_lms_policy_is_minimal_and_allows_listing():
    statements = bucket.lms_policy("example-bucket", "courses/")["Statement"]
    assert statements[0]["Resource"] == "arn:aws:s3:::example-bucket/courses/*"
    assert statements[0]["Action"] == ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    assert "s3:ListBucket" in statements[1]["Action"]


@pytest.mark.parametrize(("name", "reads"), [("ironwood", True), ("juniper", False), ("teak", False)])
def test_only_boto_reads_object_versions(variables, table, name, reads):
    policy = desired.resolve({**variables, "block_structure_release": name}, table).desired.content.lms_iam_policy
    assert ("s3:GetObjectVersion" in policy["Statement"][0]["Action"]) is reads


DESIRED = plan.Target(SETTINGS, ROW, {})


def test_site_in_desired_state_needs_no_boot():
    made = plan.make(survey(), DESIRED)
    assert (made.changes, made.operations) == ([], [])


@pytest.mark.parametrize("course", [{"row": False}, {"object_exists": False}, {"fresh": False}])
def test_missing_stale_or_broken_course_is_generated(course):
    made = plan.make(survey(**course), DESIRED)
    assert made.courses == [KEY]
    assert [operation["op"] for operation in made.operations] == ["generate", "generate", "survey"]


def test_new_storage_location_regenerates_every_course():
    moved = {**SETTINGS, "DIRECTORY_PREFIX": "elsewhere/"}
    assert plan.make(survey(), plan.Target(moved, ROW, {})).courses == [KEY]


def test_steps_run_in_order_row_generation_switches_freshness():
    wanted = plan.Target(SETTINGS, {**ROW, "num_versions_to_keep": 2}, {"block_structure.storage_backing_for_cache": True})
    made = plan.make(survey(row=False), wanted)
    assert [operation["op"] for operation in made.operations] == ["configure", "generate", "switches", "generate", "survey"]
    assert made.operations[1]["select"] == {"courses": [KEY], "force": True, "absent_is_gone": True}
    assert made.operations[3]["select"] == {"only": ["missing", "stale"]}


def test_absent_switch_counts_as_off():
    assert plan.make(survey(), plan.Target(SETTINGS, ROW, {"block_structure.x": False})).changes == []


def test_undo_restores_row_and_switches_and_deletes_what_was_absent():
    now = survey()
    now["switches"] = {"block_structure.x": True}
    recorded = {"row": {**ROW, "cache_timeout_in_seconds": 86400}, "switches": {"block_structure.x": None}}
    made = plan.undo(now, recorded)
    assert [operation["op"] for operation in made.operations] == ["configure", "switches", "survey"]
    assert made.operations[1]["set"] == {"block_structure.x": None}
    assert plan.undo({**now, "row": recorded["row"], "switches": recorded["switches"]}, recorded).operations == []


def test_desired_state_of_a_healthy_site(variables, table):
    wanted = desired.resolve(variables, table, known=list(variables))
    assert wanted.errors == ()
    assert wanted.desired.content.row == ROW
    # Nothing reads them on teak: they are deleted.
    assert wanted.desired.content.switches == dict.fromkeys(wanted.desired.release.inert_switches)
    kept = {**variables, "block_structure_delete_inert_switches": False}
    assert desired.resolve(kept, table).desired.content.switches == {}
    assert desired.resolve({**kept, "block_structure_release": "palm"}, table).desired.content.switches == {
        "block_structure.storage_backing_for_cache": True,
        "block_structure.invalidate_cache_on_publish": False,
    }


def test_unread_switch_is_deleted_only_if_present():
    wanted = plan.Target(SETTINGS, ROW, {"block_structure.x": None})
    now = survey()
    assert plan.make(now, wanted).changes == []
    now["switches"] = {"block_structure.x": False}
    assert [change.as_dict() for change in plan.make(now, wanted).changes] == [
        {"field": "switch block_structure.x", "before": False, "after": None}
    ]


def test_without_a_release_only_detection_settings_are_resolved(variables, table):
    given_variables = {**variables, "block_structure_release": None}
    wanted = desired.resolve(given_variables, table)
    assert (wanted.errors, wanted.desired.release) == ((), None)
    assert [row["name"] for row in wanted.desired.identify["rows"]] == list(table)


def test_installed_release_takes_precedence(variables, table):
    given_variables = {**variables, "block_structure_release": None}
    found = {"installed": {}, "candidates": ["palm"], "release": "palm"}
    found["installed"] = dict.fromkeys(("release_line", "storage_resolver", "course_index"), "x") | {
        "switches": [],
        "command_options": [],
    }
    assert desired.resolve(given_variables, table, identified=found).desired.release.name == "palm"
    refused = desired.resolve({**given_variables, "block_structure_release": "teak"}, table, identified=found)
    assert [error.identifier for error in refused.errors] == ["release-differs"]


@pytest.mark.parametrize(("name", "also"), [("sumac", {"FEATURES": {"ENABLE_BLAKE2B_HASHING": True}}), ("teak", {})])
def test_hashing_feature_is_set_only_if_the_release_reads_it(variables, table, name, also):
    wanted = desired.resolve({**variables, "block_structure_release": name, "block_structure_blake2b_hashing": True}, table)
    assert wanted.desired.content.also == also
    assert [finding.identifier for finding in wanted.findings] == ([] if also else ["blake2b-not-read"])


def test_raise_error_switch_waits_for_a_clean_generation(variables, table):
    given_variables = {**variables, "block_structure_release": "olive", "block_structure_raise_error_when_not_found": True}
    wanted = desired.resolve(given_variables, table)
    assert wanted.desired.content.switches_if_clean == {"block_structure.raise_error_when_not_found": True}
    assert "block_structure.raise_error_when_not_found" not in wanted.desired.content.switches


def test_renamed_variable_is_refused_with_its_new_name():
    errors = names.unknown_names(
        ["block_structure_old"], ["block_structure_new"], {"block_structure_old": "block_structure_new"}
    )
    assert str(errors[0]) == "block_structure_old was renamed.\nRemedy: use block_structure_new instead."


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ({"type": "ClientError", "code": "RequestTimeTooSkewed", "message": "m"}, "the clock of the LMS host is wrong"),
        ({"type": "ClientError", "code": "AccessDenied", "message": "m"}, "S3 does not allow it"),
        ({"type": "SuspiciousFileOperation", "code": None, "message": "m"}, "Django refuses the object's name"),
        ({"type": "ClientError", "code": "MissingContentLength", "message": "None"}, "does not take the checksums"),
        (
            {
                "type": "ClientError",
                "code": "InvalidArgument",
                "message": "Unsupported header 'x-amz-sdk-checksum-algorithm' received for this API call.",
            },
            "does not take the checksums that boto3 1.36 and later send",
        ),
        ({"type": "OSError", "code": None, "message": "m"}, "OSError: m"),
        (
            {"type": "ClientError", "code": "AccessDenied", "message": "not authorized to perform: kms:GenerateDataKey on"},
            "the credentials may not use the KMS key of the bucket (kms:GenerateDataKey, kms:Decrypt)",
        ),
    ],
)
def test_canary_problems_are_reported_with_a_remedy(release, problem, message):
    result = {"key_hash": None, "canary": {"problem": {**problem, "step": "write"}}}
    with pytest.raises(BlockStructureError, match="The LMS cannot write an object in its storage") as refused:
        candidate.judge(result, release("teak"))
    assert message in refused.value.cause
    assert refused.value.remedy


@pytest.mark.parametrize(("name", "refused"), [("teak", False), ("ulmo", True), ("verawood", True)])
def test_conflicting_storages_entry_is_refused_if_the_release_reads_it(release, name, refused):
    result = {"key_hash": None, "canary": None, "settings": {"storages_entry": True}}
    if not refused:
        candidate.judge(result, release(name))
        return
    with pytest.raises(BlockStructureError, match="STORAGE_KWARGS of BLOCK_STRUCTURES_SETTINGS have no effect") as error:
        candidate.judge(result, release(name))
    assert error.value.remedy.startswith("remove that entry")


def test_checksums_are_named_with_their_variable_and_only_where_a_body_was_sent(release):
    problem = {"type": "ClientError", "code": "NotImplemented", "message": "m", "step": "write"}
    with pytest.raises(BlockStructureError) as refused:
        candidate.judge({"key_hash": None, "canary": {"problem": problem}}, release("teak"))
    assert refused.value.remedy == (
        "set block_structure_storage_checksums to when_required, or block_structure_storage_class to resilient."
    )
    assert candidate.meaning({**problem, "step": "list"}) == (None, None)


def test_checksums_are_an_environment_for_every_process(variables, table):
    assert desired.resolve(variables, table).desired.environment == {}
    chosen = {**variables, "block_structure_storage_checksums": "when_required"}
    assert desired.resolve(chosen, table).desired.environment == {
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


@pytest.mark.parametrize("value", [{"request_checksum_calculation": "when_required"}, "when_required"])
def test_a_client_config_that_no_file_can_hold_is_refused(release, value):
    options = storage_settings.StorageOptions(**OPTIONS, extra_kwargs={"client_config": value})
    with pytest.raises(BlockStructureError) as refused:
        storage_settings.build(options, release("ulmo"))
    assert str(refused.value) == (
        "block_structure_storage_extra_kwargs has 'client_config', which must be an object of botocore: no settings file can "
        "hold one.\nRemedy: remove it; for checksums set block_structure_storage_checksums, for timeouts use "
        "block_structure_storage_class resilient."
    )


def test_settings_that_something_overrides_are_refused_before_the_restart():
    wanted = {"STORAGE_CLASS": "a.B", "STORAGE_KWARGS": {"bucket_name": "ours"}}
    ours = {**wanted, "MORE": 1}
    candidate.judge_effective({"lms": ours, "cms": ours}, wanted, lambda: pytest.fail("nobody is to blame"))
    theirs = {"STORAGE_CLASS": "c.D", "STORAGE_KWARGS": {"bucket_name": "site-media"}}
    differs = "STORAGE_CLASS is c.D, wanted is a.B; STORAGE_KWARGS.bucket_name is site-media, wanted is ours"
    more = {"STORAGE_CLASS": "e.F", "STORAGE_KWARGS": {"bucket_name": "ours"}}
    for live, said in (
        ({"lms": theirs, "cms": ours}, f"the LMS would run with it: {differs}."),
        ({"lms": ours, "cms": theirs}, f"Studio would run with it: {differs}."),
        ({"lms": theirs, "cms": theirs}, f"the LMS and Studio would run with it: {differs}."),
        (
            {"lms": theirs, "cms": more},
            f"the LMS and Studio would run with it: {differs}; in Studio STORAGE_CLASS is e.F, wanted is a.B.",
        ),
    ):
        with pytest.raises(BlockStructureError) as refused:
            candidate.judge_effective(live, wanted, lambda: ["site_storage"])
        assert str(refused.value) == (
            f"Something sets BLOCK_STRUCTURES_SETTINGS after the role's settings (site_storage), and {said}\n"
            "Remedy: remove it from there (a plugin's patch, or a settings module), then run again; the installed settings "
            "were not changed."
        )


def test_md4_hashing_and_public_objects_are_refused(release):
    trap = {"key_hash": {"message": "unsupported hash type md4"}, "canary": None}
    with pytest.raises(BlockStructureError, match="unsupported hash type md4") as refused:
        candidate.judge(trap, release("sumac"))
    assert (
        refused.value.remedy == "set block_structure_blake2b_hashing to true and run openedx_operators.block_structure.deploy."
    )
    with pytest.raises(BlockStructureError, match="unsupported hash type md4") as refused:
        candidate.judge(trap, release("palm"))
    assert "legacy provider" in refused.value.remedy
    with pytest.raises(BlockStructureError, match="publicly readable"):
        candidate.judge({"key_hash": None, "canary": {"name": "x", "public": True}}, release("teak"))


@given(st.dictionaries(st.sampled_from(["secret_key", "access_key", "PASSWORD", "bucket_name"]), st.text(min_size=1)))
def test_secrets_are_redacted_at_any_depth(kwargs):
    shown = redact.redact({"STORAGE_KWARGS": kwargs, "list": [kwargs]})
    for name in kwargs:
        hidden = redact.PLACEHOLDER if redact.is_secret_name(name) else kwargs[name]
        assert shown["STORAGE_KWARGS"][name] == shown["list"][0][name] == hidden


def test_a_diff_shows_no_secret():
    diff = as_diff([Change("settings", {"secret_key": "EXAMPLE-A"}, {"secret_key": "EXAMPLE-B"})], "h")
    assert "EXAMPLE" not in diff["before"] + diff["after"]


CONF = "# memcached\n-d\n-m 64\n-p 11211\n#-I 1m\n"


def test_only_memcached_flags_change():
    assert memcached_config.set_flags(CONF, {"-m": "128", "-I": "3m"}) == CONF.replace("-m 64", "-m 128") + "-I 3m\n"
    assert memcached_config.flags(CONF) == {"-m": "64", "-p": "11211"}


@given(st.lists(st.sampled_from(["-m 64\n", "-I 2m\n", "# -m 1\n", "-l 127.0.0.1\n", "\n"])).map("".join))
def test_memcached_flags_are_set_and_idempotent(text):
    once = memcached_config.set_flags(text, {"-m": "256", "-I": "3m"})
    assert {"-m": "256", "-I": "3m"}.items() <= memcached_config.flags(once).items()
    assert memcached_config.set_flags(once, {"-m": "256", "-I": "3m"}) == once


def test_boto_is_reported_the_endpoint_in_parts_and_the_region_by_its_host(release):
    own = {**OPTIONS, "endpoint_url": "https://s3.example.com:9000", "addressing_style": "path", "region": "eu-central-1"}
    kwargs = storage_settings.build(storage_settings.StorageOptions(**own), release("ironwood")).public["STORAGE_KWARGS"]
    report = {name: kwargs.get(name) for name in ("host", "port", "calling_format", "endpoint_url", "region_name")}
    assert report == {
        "host": "s3.example.com",
        "port": 9000,
        "calling_format": "boto.s3.connection.OrdinaryCallingFormat",
        "endpoint_url": None,
        "region_name": None,
    }
    aws = storage_settings.StorageOptions(**{**own, "endpoint_url": None, "addressing_style": None})
    assert storage_settings.build(aws, release("ironwood")).public["STORAGE_KWARGS"]["host"] == "s3.eu-central-1.amazonaws.com"
    assert "host" not in storage_settings.build(aws, release("juniper")).public["STORAGE_KWARGS"]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        (None, "s3.amazonaws.com"),
        ("us-east-1", "s3.amazonaws.com"),
        ("us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "s3.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_boto_is_told_the_host_of_the_regions_partition(release, region, host):
    options = storage_settings.StorageOptions(**OPTIONS, region=region)
    assert storage_settings.build(options, release("ironwood")).public["STORAGE_KWARGS"]["host"] == host


def test_the_library_s_own_host_is_no_other_place(release):
    settings = storage_settings.build(storage_settings.StorageOptions(**OPTIONS), release("ironwood")).public
    before = {name: value for name, value in settings["STORAGE_KWARGS"].items() if name != "host"}
    assert plan.storage_place({**settings, "STORAGE_KWARGS": before}) == plan.storage_place(settings)
    elsewhere = {**settings, "STORAGE_KWARGS": {**before, "host": "s3.example.com"}}
    assert plan.storage_place(elsewhere) != plan.storage_place(settings)


GLOBAL = {"storage": {"object_parameters": {"ACL": "public-read", "CacheControl": "max-age=86400"}}}


def test_a_refusal_names_the_global_settings_that_were_in_use(release):
    result = {"key_hash": None, "canary": {"name": "x", "public": True}, "settings": GLOBAL}
    with pytest.raises(BlockStructureError) as refused:
        candidate.judge(result, release("teak"))
    assert str(refused.value) == (
        "An object written by the LMS is publicly readable. In use were the site's global settings AWS_S3_OBJECT_PARAMETERS: "
        "ACL public-read, CacheControl max-age=86400.\n"
        "Remedy: leave object_ownership of block_structure_bucket_features on, or set block_structure_storage_default_acl to "
        "private; if it comes from AWS_S3_OBJECT_PARAMETERS, set block_structure_storage_class to resilient, or give that "
        "setting to the other storages alone."
    )


@pytest.mark.parametrize("endpoint", ["https://s3.example.com", None])
def test_a_403_of_another_store_names_our_own_statement(release, endpoint):
    """A proxy that ends TLS, and a store behind it that sees plain HTTP: the policy of the role refuses every request."""
    problem = {"type": "ClientError", "code": "AccessDenied", "message": "m", "step": "write"}
    result = {"key_hash": None, "canary": {"problem": problem}, "settings": {"storage": {"endpoint_url": endpoint}}}
    with pytest.raises(BlockStructureError) as refused:
        candidate.judge(result, release("teak"))
    own = (
        "; if the store itself is reached without TLS (over http, or by a proxy that ends TLS), the bucket's own statement "
        "BlockStructureTlsOnly refuses it: set tls_only of block_structure_bucket_features to false."
    )
    attach = "attach the policy in block_structure_result.lms_iam_policy to these credentials"
    assert refused.value.remedy == (attach + own if endpoint else f"{attach}.")


def test_parameters_of_our_own_are_not_the_sites():
    given = {"object_parameters": {"StorageClass": "STANDARD_IA"}}
    assert candidate.global_parameters({"storage": given, "block_structures": {"STORAGE_KWARGS": given}}) == {}


def test_an_endpoint_without_tls_is_said_to_boto_apart(release):
    plain = storage_settings.StorageOptions(**{**OPTIONS, "endpoint_url": "http://127.0.0.1:5000"})
    kwargs = storage_settings.build(plain, release("ironwood")).public["STORAGE_KWARGS"]
    assert (kwargs["use_ssl"], kwargs["port"]) == (False, 5000)


@pytest.mark.parametrize("prefix", ["*/", "courses*/", "${aws:username}/", "a\nb/", "a?/", "kurse-für/", "a b/", "a\x00/"])
def test_a_prefix_that_means_more_in_a_policy_is_refused(prefix):
    with pytest.raises(BlockStructureError) as refused:
        storage_settings.check_prefix(prefix)
    assert str(refused.value) == (
        f"block_structure_storage_prefix {prefix!r} has a character that is a pattern in a policy, or is not plain.\n"
        "Remedy: use letters, digits and ! - _ . ' ( ) = + @ ~, such as 'block_structures/'."
    )


def messages_of(variables, table, **given_variables):
    return [str(error) for error in desired.resolve({**variables, **given_variables}, table).errors]


def test_an_endpoint_without_tls_is_refused_where_the_bucket_would_refuse_it(variables, table):
    plain = {"block_structure_storage_endpoint_url": "http://127.0.0.1:25000"}
    assert messages_of(variables, table, **plain) == [
        (
            "block_structure_storage_endpoint_url is http://127.0.0.1:25000, and the bucket would refuse requests without "
            "TLS.\n"
            "Remedy: use an https:// endpoint, or set tls_only of block_structure_bucket_features to false."
        )
    ]
    features = {**variables["block_structure_bucket_features"], "tls_only": False}
    assert messages_of(variables, table, **plain, block_structure_bucket_features=features) == []
    assert messages_of(variables, table, **plain, block_structure_manage_bucket=False) == []


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/edx/etc", "belongs to others"),
        ("/edx/etc/", "belongs to others"),
        ("/etc//", "belongs to others"),
        ("/", "belongs to others"),
        ("", "is not an absolute path"),
        ("state", "is not an absolute path"),
        ("/edx/etc/x/..", "is not an absolute path"),
    ],
)
def test_a_state_directory_of_others_is_refused(variables, table, path, problem):
    assert messages_of(variables, table, block_structure_state_dir=path) == [
        (
            f"block_structure_state_dir is '{path}', which {problem}; the role would make it private.\n"
            "Remedy: name a directory of its own, such as /edx/etc/block_structure."
        )
    ]


@pytest.mark.parametrize(
    ("name", "chosen", "refused"),
    [
        ("sumac", {}, True),
        ("sumac", {"block_structure_blake2b_hashing": True}, False),
        ("sumac", {"block_structure_manage_settings": False}, False),
        ("palm", {}, True),
    ],
)
def test_a_site_that_cannot_hash_long_keys_is_refused_by_what_the_survey_knows(variables, table, name, chosen, refused):
    """So in check mode too, where no candidate is booted."""
    given_variables = {**variables, "block_structure_release": name, **chosen}
    wanted = desired.resolve(given_variables, table, key_hash={"message": "unsupported hash type md4"})
    assert [error.identifier for error in wanted.errors] == (["cache-key-hash"] if refused else [])
    assert desired.resolve(given_variables, table).errors == ()
    if refused:
        assert wanted.errors[0].cause == f"With storage on, {name} cannot make a cache key: unsupported hash type md4"


@pytest.mark.parametrize(
    "url", ["s3.example.com", "https://", "https://[::1", "https://s3.example.com:99999", "s3://x", "https://a b"]
)
@pytest.mark.parametrize("name", ["ironwood", "teak"])
def test_an_endpoint_that_is_no_address_is_refused_by_name(variables, table, name, url):
    given_variables = {**variables, "block_structure_release": name, "block_structure_storage_endpoint_url": url}
    (error,) = desired.resolve(given_variables, table).errors
    assert str(error) == (
        f"block_structure_storage_endpoint_url is '{url}', which is no address of an S3 API.\n"
        "Remedy: write it as https://host or https://host:port, or leave it unset (null) for AWS."
    )
