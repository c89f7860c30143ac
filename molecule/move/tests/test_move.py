"""Stored structures change their place and no learner notices: every object is copied and compared before the settings change.

The tests follow each other: MEDIA_ROOT to S3, to another bucket, under another prefix.
"""

from __future__ import annotations

import hashlib
import json
import signal
from typing import Any

import pytest
from testinfra.host import Host

MEDIA = "/edx/var/edxapp/media"
SETTINGS = ("/edx/etc/lms.yml", "/edx/etc/studio.yml")
BUCKET = "example-block-structures"
SECRETS = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")
# The LMS's own keys open one prefix of one bucket.
ELSEWHERE = {
    "block_structure_storage_bucket": "example-moved",
    "block_structure_storage_access_key": "AKIAIOSFODNN7EXAMPLE",
    "block_structure_storage_secret_key": SECRETS[0],
}
RENAMED = {**ELSEWHERE, "block_structure_storage_prefix": "structures/of/courses/"}


def unwrapped(text: str) -> str:
    """Return output with the line breaks of its YAML folded, so that a whole message can be searched for."""
    return " ".join(text.replace("''", "'").split())


@pytest.fixture(scope="module")
def site(learner: Any, courses: list[str], rows: Any) -> dict[str, str]:
    """The stock site after learners came: {course key: object that its row names}, all of them in MEDIA_ROOT."""
    learner.visit(*courses)
    assert sorted(rows()) == sorted(courses)
    return dict(sorted(rows().items()))


def modified(lms: Host) -> str:
    """Return what only a rebuild changes of the rows."""
    return lms.check_output(
        "mariadb --batch edxapp --execute %s", "SELECT data_usage_key, modified FROM block_structure ORDER BY 1"
    )


def files(lms: Host) -> dict[str, str]:
    """Return {name: digest} of the files in MEDIA_ROOT."""
    lines = lms.check_output(f"cd {MEDIA} && find . -type f -exec sha256sum {{}} +").splitlines()
    return {line.split(maxsplit=1)[1].removeprefix("./"): line.split()[0] for line in lines}


def stored(s3_api: Any, bucket: str) -> dict[str, str]:
    """Return {name: digest} of the objects of a bucket."""
    listed = s3_api.call("list_objects_v2", Bucket=bucket)
    bodies = {entry["Key"]: s3_api.call("get_object", Bucket=bucket, Key=entry["Key"]) for entry in listed.get("Contents", [])}
    return {name: hashlib.sha256(body["Body"].encode("latin-1")).hexdigest() for name, body in bodies.items()}


def in_s3(name: str) -> str:
    """Return the name of an object of MEDIA_ROOT under the sandbox's prefix."""
    return f"block_structures/{name}"


def deploy(playbooks: Any, tmp_path: Any, variables: dict[str, Any], *message: str) -> tuple[Any, dict[str, str]]:
    """Return a deploy, and what became of each course's object in its move."""
    # In a file: Ansible itself shows its command line when it is asked to be verbose.
    given, events = tmp_path / "variables.json", tmp_path / "events.jsonl"
    events.unlink(missing_ok=True)
    given.write_text(json.dumps({**variables, "block_structure_events_path": str(events)}))
    ended = playbooks.run("deploy", "-e", f"@{given}", *message)
    reported = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    return ended, {event["key"]: event["done"] for event in reported if event["event"] == "object"}


@pytest.fixture
def unchanged(lms: Host, rows: Any) -> Any:
    """Assert that a test changes neither settings nor rows nor the files in MEDIA_ROOT."""

    def inspect() -> list[Any]:
        return [lms.check_output(f"sha256sum {' '.join(SETTINGS)}"), rows(), files(lms)]

    before = inspect()
    yield
    assert inspect() == before


@pytest.mark.usefixtures("unchanged")
def test_a_dry_run_says_what_would_be_copied_and_makes_no_bucket(site, tool, s3_api) -> None:
    code, reported, message = tool.run("move", "--dry-run")
    assert (code, reported["counts"]) == (0, {"copy": len(site)}), message
    assert {one["key"]: (one["from"], one["name"]) for one in reported["objects"]} == {
        key: (name, in_s3(name)) for key, name in site.items()
    }
    assert s3_api.call("head_bucket", Bucket=BUCKET)["status"] == 404


@pytest.mark.usefixtures("unchanged")
def test_a_move_that_is_stopped_leaves_the_site_as_it_was(site, tool, s3_api, s3_faults) -> None:
    first, second = list(site)[:2]
    with s3_faults("hang", methods=["PUT"], match=second.split("+")[1]):
        process = tool.start("move", "--workers", "1", "--format", "jsonl")
        for line in process.stdout:
            if json.loads(line)["event"] == "object":
                break
        process.send_signal(signal.SIGTERM)
        _, message = process.communicate(timeout=120)
    assert process.returncode == 130, message
    assert "The move was stopped." in message
    assert "Remedy: start it again; objects that are already there are only compared." in message
    assert list(stored(s3_api, BUCKET)) == [in_s3(site[first])]


@pytest.mark.usefixtures("unchanged")
def test_a_copy_that_s3_refuses_stops_the_deploy_before_the_settings(
    site, playbooks, courses, lms: Host, s3_api, s3_faults, tmp_path
) -> None:
    first, _, _, refused = list(site)[:4]
    # What is there of the smallest course is not what was to be copied, though it is as long.
    wrong = courses[0]
    length = lms.file(f"{MEDIA}/{site[wrong]}").size
    s3_api.call("put_object", Bucket=BUCKET, Key=in_s3(site[wrong]), Body="?" * length)
    with s3_faults("answer", status=403, code="AccessDenied", methods=["PUT"], match=refused.split("+")[1]):
        ended, outcomes = deploy(playbooks, tmp_path, {}, "-vvv")
    assert ended.exit_code == 2, ended.output[-3000:]
    assert outcomes == {**dict.fromkeys(site, "copied"), first: "present", wrong: "replaced", refused: "failed"}
    assert (
        f"{site[refused]} could not be copied: S3 does not allow it (ClientError: An error occurred (AccessDenied) when "
        "calling the PutObject operation: A fault that a test asked for.)"
    ) in unwrapped(ended.output), ended.output[-3000:]
    assert (
        "Remedy: fix the causes in the messages and run again, or set block_structure_manage_move to false, which generates "
        "every course at the new location; the settings were not changed."
    ) in unwrapped(ended.output)
    assert not any(secret in ended.output for secret in SECRETS)


def test_media_root_to_s3_regenerates_what_is_missing_and_rebuilds_nothing_else(
    site, playbooks, lms: Host, s3_api, rows, learner, memcached, courses, tmp_path
) -> None:
    refused, missing = list(site)[3], list(site)[5]
    lms.check_output("rm %s", f"{MEDIA}/{site[missing]}")
    # Copied before it was lost: a copy of what nobody has any more would be as good as the object, and is not what is tested.
    s3_api.call("delete_object", Bucket=BUCKET, Key=in_s3(site[missing]))
    source, before = files(lms), modified(lms)
    predicted, outcomes = deploy(playbooks, tmp_path, {}, "--check")
    assert outcomes == {**dict.fromkeys(site, "present"), refused: "copy", missing: "missing"}
    assert modified(lms) == before
    report = tmp_path / "result.json"
    ended, outcomes = deploy(playbooks, tmp_path, {"block_structure_report_path": str(report)}, "-vvv")
    assert ended.exit_code == 0, ended.output[-3000:]
    assert ended.changed == predicted.changed
    assert outcomes == {**dict.fromkeys(site, "present"), refused: "copied", missing: "missing"}
    assert not any(secret in ended.output for secret in SECRETS)
    # Every copy is the object, byte for byte, and the source is whole.
    assert files(lms) == source
    now, objects = rows(), stored(s3_api, BUCKET)
    assert {name: objects[in_s3(name)] for name in source} == source
    assert {key: name for key, name in now.items() if key != missing} == {
        key: in_s3(name) for key, name in site.items() if key != missing
    }
    assert now[missing] in objects
    changed = [old for old, new in zip(before.splitlines(), modified(lms).splitlines(), strict=True) if old != new]
    assert [missing.split("+")[1] in line for line in changed] == [True]
    # A learner is served from the new place.
    before = modified(lms)
    memcached.flush()
    assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}
    assert modified(lms) == before


def test_bucket_to_bucket_keeps_names_and_the_previous_bucket(playbooks, lms: Host, s3_api, rows, tmp_path) -> None:
    source, named, before = stored(s3_api, BUCKET), rows(), modified(lms)
    ended, outcomes = deploy(playbooks, tmp_path, ELSEWHERE, "-vvv")
    assert ended.exit_code == 0, ended.output[-3000:]
    assert set(outcomes.values()) == {"copied"}
    assert not any(secret in ended.output for secret in SECRETS)
    assert (rows(), modified(lms), stored(s3_api, BUCKET)) == (named, before, source)
    assert stored(s3_api, "example-moved") == {name: source[name] for name in named.values()}


@pytest.mark.slow
def test_prefix_to_prefix_is_finished_after_a_deploy_that_broke_off(
    playbooks, lms: Host, s3_api, rows, boots, tmp_path
) -> None:
    named, before = rows(), modified(lms)
    ended, outcomes = deploy(playbooks, tmp_path, RENAMED, "--tags", "block_structure_settings")
    assert ended.exit_code == 0, ended.output[-3000:]
    assert set(outcomes.values()) == {"copied"}
    assert rows() == named
    ended, outcomes = deploy(playbooks, tmp_path, RENAMED)
    assert ended.exit_code == 0, ended.output[-3000:]
    wanted = {key: name.replace("block_structures/", "structures/of/courses/", 1) for key, name in named.items()}
    assert (rows(), modified(lms)) == (wanted, before)
    objects = stored(s3_api, "example-moved")
    assert {objects[name] for name in named.values()} == {objects[name] for name in wanted.values()}
    started = boots.count()
    ended, outcomes = deploy(playbooks, tmp_path, RENAMED)
    assert (ended.exit_code, ended.changed, outcomes, boots.count() - started) == (0, [], {}, 1), ended.output[-3000:]
