"""Each planted fault is found by its id, and nothing needs attention on the deployed site, before and after.

Faults that do not hide each other are planted together: a diagnosis costs a boot of the LMS. One deploy fixes them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import restart, wait_until

BUCKET = "example-block-structures"
LMS_USER = "arn:aws:iam::123456789012:user/lms"
MIB = 1024 * 1024
Diagnose = Callable[..., dict[str, Any]]

# Rewrites a settings file (argument 1) with the statements of argument 2; `settings` is the file's content.
EDIT = """
import sys, yaml
path, statements = sys.argv[1:]
settings = yaml.safe_load(open(path))
exec(statements)
open(path, "w").write(yaml.safe_dump(settings))
"""

# Items with an expiry, as structures have one while the row has a timeout, and more of them than the memory holds.
FILL = """
import socket
connection = socket.create_connection(("127.0.0.1", 11211), 10)
value = b"x" * 900000
for number in range(200):
    connection.sendall(b"set filler%d 0 3600 %d\\r\\n" % (number, len(value)) + value + b"\\r\\n")
    assert connection.recv(64) == b"STORED\\r\\n"
"""


@pytest.fixture
def diagnose(playbooks, tmp_path, boots) -> Diagnose:
    """Return a function that diagnoses the site: findings by id, with the whole report under "report"."""

    def inspect(*arguments: str) -> dict[str, Any]:
        path, before = tmp_path / "diagnosis.json", boots.count()
        ended = playbooks.run("diagnose", "-e", f"block_structure_report_path={path}", *arguments)
        assert path.exists(), ended.output[-3000:]
        report = json.loads(path.read_text())
        found = {finding["id"]: finding for finding in report["findings"]}
        attention = any(finding["severity"] != "info" for finding in found.values())
        assert ended.exit_code == (2 if attention else 0), ended.output[-3000:]
        assert ended.changed == []
        assert (ended.outcome["exit_code"], ended.outcome["findings"]) == (int(attention), report["counts"])
        # The playbook alone says what the command says.
        assert f"\n{ended.outcome['verdict']}\n{report['release']} on native, read by lms1.\n" in ended.output
        assert set(report["boots"].values()) == {1}
        assert boots.count() - before == len(report["boots"])
        return {**found, "report": report}

    return inspect


def needs_no_attention(found: dict[str, Any]) -> None:
    """Nothing needs attention; what is left are notes, and they are true of this site."""
    report = found["report"]
    notes = {finding["id"]: finding["severity"] for finding in report["findings"]}
    # What each choice for the workers would bring is measured; which notes that makes is not for a test to say.
    runtime = [name for name in ("runtime-collector", "runtime-keys", "runtime-no-gain") if name in notes]
    assert {notes.pop(name) for name in runtime} <= {"info"}
    assert runtime == ["runtime-no-gain"] or "runtime-no-gain" not in runtime
    measured = report["runtime"]
    assert (measured["keys_why"], measured["page_problem"]) == (None, None)
    assert all(course["ms"].keys() == {"stock", "out_of_band", "hash_once", "both"} for course in measured["courses"])
    # memcached is on a host of its own, which listens for the LMS without a password.
    assert notes == {"cache-client-limit": "info", "cache-open": "info"}
    assert {course["tier_when_cold"] for course in report["courses"]} == {"storage"}
    assert all(course["blocks"] and course["bytes"] for course in report["courses"])


def rows(lms: Host) -> dict[str, str]:
    """Return the object's name of each course."""
    query = "SELECT data_usage_key, data FROM block_structure"
    lines = lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", query).splitlines()
    pairs = (line.split("\t") for line in lines)
    return {key.replace("block-v1:", "course-v1:").partition("+type@")[0]: name for key, name in pairs}


def sql(lms: Host, statement: str) -> None:
    """Write to the LMS's database behind its back."""
    lms.check_output("mariadb edxapp --execute %s", statement)


def edit(lms: Host, statements: str, path: str = "/edx/etc/lms.yml") -> None:
    """Change a settings file of the LMS; no process learns of it."""
    lms.check_output("/edx/app/edxapp/venvs/edxapp/bin/python -c %s %s %s", EDIT, path, statements)


@pytest.fixture
def lms_yml(lms: Host) -> Iterator[Callable[[str], None]]:
    """Return what edits lms.yml; afterwards the file is as it was, time stamp and all."""
    lms.check_output("cp --preserve=all /edx/etc/lms.yml /root/lms.yml.kept")
    yield lambda statements: edit(lms, statements)
    lms.check_output("cp --preserve=all /root/lms.yml.kept /edx/etc/lms.yml")


def test_nothing_needs_attention_on_the_deployed_site(diagnose: Diagnose) -> None:
    found = diagnose()
    needs_no_attention(found)
    assert found["report"]["workers"]["answers"]
    assert found["cache-client-limit"]["cost_ms"] is not None
    assert found["cache-client-limit"]["value"] == "3m"


def test_a_host_with_settings_of_its_own_is_found_at_one_boot_each(diagnose: Diagnose, lms: Host) -> None:
    lms.check_output(
        "cp --preserve=all /edx/etc/lms.yml /edx/etc/lms2.yml && cd /edx/app/edxapp && "
        "cp --preserve=all edxapp_env edxapp_env2 && sed --in-place s:lms.yml:lms2.yml: edxapp_env2"
    )
    try:
        edit(lms, "settings['BLOCK_STRUCTURES_SETTINGS']['DIRECTORY_PREFIX'] = 'elsewhere/'", "/edx/etc/lms2.yml")
        found = diagnose("-i", "inventory/sandbox", "-i", "molecule/diagnose/inventory")
    finally:
        lms.check_output("rm /edx/etc/lms2.yml /edx/app/edxapp/edxapp_env2")
    assert found["report"]["boots"] == {"lms1": 1, "lms2": 1}
    assert "block_structures.DIRECTORY_PREFIX" in found["hosts-differ"]["evidence"]
    assert "lms2" in found["hosts-differ"]["message"]


DRAFT = "fedcba9876543210fedcba98"


def usage_key_of(course: str) -> str:
    return course.replace("course-v1:", "block-v1:") + "+type@course+block@course"


def test_faults_of_objects_are_found(diagnose: Diagnose, lms: Host, s3_api, courses) -> None:
    missing, corrupt, stale, public, draft = courses[:5]
    objects = rows(lms)
    s3_api.call("delete_object", Bucket=BUCKET, Key=objects[missing])
    s3_api.call("put_object", Bucket=BUCKET, Key=objects[corrupt], Body="this is no structure")
    previous = "UPDATE block_structure SET data_version = '0123456789abcdef01234567' WHERE data_usage_key = 'KEY'"
    sql(lms, previous.replace("KEY", usage_key_of(stale)))
    # An author's edit, and what Studio's worker stores of it where ALTERNATE_WORKER_QUEUES is missing.
    edited = "UPDATE split_modulestore_django_splitmodulestorecourseindex SET draft_version = 'VERSION' WHERE course_id = 'KEY'"
    sql(lms, edited.replace("KEY", draft).replace("VERSION", DRAFT))
    sql(lms, previous.replace("KEY", usage_key_of(draft)).replace("0123456789abcdef01234567", DRAFT))
    s3_api.call("delete_bucket_ownership_controls", Bucket=BUCKET)
    s3_api.call("delete_public_access_block", Bucket=BUCKET)
    s3_api.call("put_object_acl", Bucket=BUCKET, Key=objects[public], ACL="public-read")
    assert s3_api.call("get_object", keys=None, Bucket=BUCKET, Key=objects[public]).get("Body")
    found = diagnose()
    assert found["object-missing"]["evidence"] == [missing]
    assert found["object-corrupt"]["evidence"] == [corrupt]
    assert found["course-stale"]["evidence"] == [stale]
    assert found["drafts-served"]["evidence"] == [draft]
    assert found["object-public"]["evidence"] == [objects[public]]
    assert found["bucket-not-private"]["value"] == {"public_access_block": True}


def test_faults_of_settings_rights_database_and_cache_are_found(
    diagnose: Diagnose, lms_yml, lms: Host, s3_api, memcached, cache: Host
) -> None:
    policy = json.loads(s3_api.call("get_bucket_policy", Bucket=BUCKET)["Policy"])
    denied = {"Sid": "NoListing", "Effect": "Deny", "Principal": {"AWS": LMS_USER}, "Action": "s3:ListBucket"}
    planted = {**policy, "Statement": [*policy["Statement"], {**denied, "Resource": f"arn:aws:s3:::{BUCKET}"}]}
    try:
        s3_api.call("put_bucket_policy", Bucket=BUCKET, Policy=json.dumps(planted))
        sql(
            lms,
            "INSERT INTO block_structure_config (change_date, enabled, num_versions_to_keep, cache_timeout_in_seconds) "
            "VALUES (NOW(), 1, 0, 86400)",
        )
        sql(
            lms,
            "INSERT INTO waffle_switch (name, active, note, created, modified) "
            "VALUES ('block_structure.raise_error_when_not_found', 1, '', NOW(), NOW()), "
            "('block_structure.invalidate_cache_on_publish', 1, '', NOW(), NOW()) ON DUPLICATE KEY UPDATE active = 1",
        )
        lms_yml(
            "caches = settings['CACHES']\n"
            f"caches['default']['OPTIONS'] = {{'server_max_value_length': {4 * MIB}}}\n"
            f"caches['course_structure_cache']['OPTIONS'] = {{'server_max_value_length': {8 * MIB}}}\n"
            "settings['BLOCK_STRUCTURES_SETTINGS']['DIRECTORY_PREFIX'] = '/block_structures/'"
        )
        memcached.flush()
        cache.check_output("python3 -c %s", FILL)
        found = diagnose()
    finally:
        s3_api.call("put_bucket_policy", Bucket=BUCKET, Policy=json.dumps(policy))
        sql(lms, "DELETE FROM waffle_switch WHERE name = 'block_structure.raise_error_when_not_found'")
        # Only a restart sets the counters back; it also forgets the row and the switches that the LMS has cached.
        restart(cache, "memcached")
    assert found["iam-list-bucket-missing"]["evidence"]["missing_object"] == "403"
    assert found["versions-below-one"]["evidence"] == 0
    assert found["cache-expires"]["evidence"] == 86400
    assert found["switch-inert"]["evidence"] is True
    assert found["switch-invalidates"]["value"] is False
    assert found["prefix-leading-slash"]["value"] == "block_structures/"
    assert "block_structures.DIRECTORY_PREFIX" in found["workers-differ"]["message"]
    assert found["processes-outdated"]["severity"] == "error"
    assert found["item-size-small"]["evidence"]["item_size_bytes"] == MIB
    assert found["cache-alias-confusion"]["evidence"]["more"] == [f"OPTIONS server_max_value_length {8 * MIB}"]
    assert found["cache-evictions"]["severity"] == "warning"
    assert found["cache-evictions"]["evidence"]["evictions"] > 0


STUDIO = "/edx/etc/studio.yml"
UNREAD = "edx.lms.core.default"


def celery(lms: Host, system: str, command: str) -> str:
    """Return what a command of Celery says of the live workers."""
    environment = f"env SERVICE_VARIANT={system} DJANGO_SETTINGS_MODULE={system}.envs.production"
    program = f"/edx/app/edxapp/run.sh {environment} celery --app={system}.celery:APP"
    return str(lms.run(f"runuser --user=www-data -- {program} {command}").stdout)


@pytest.fixture
def nobody_reads_and_studio_goes_its_own_way(lms: Host) -> None:
    """No worker reads the queue of publishes any more, and Studio's worker has lost our settings; a deploy restarts both."""
    edit(
        lms,
        "own = settings['BLOCK_STRUCTURES_SETTINGS']\n"
        "for name in ('STORAGE_CLASS', 'STORAGE_KWARGS', 'DIRECTORY_PREFIX'): own.pop(name)",
        STUDIO,
    )
    lms.check_output("/edx/bin/supervisorctl restart edxapp_worker:cms_default_1")
    assert "OK" in celery(lms, "lms", f"control cancel_consumer {UNREAD}")
    assert wait_until(lambda: "edx.cms." in celery(lms, "cms", "inspect ping"), 60)


@pytest.mark.usefixtures("nobody_reads_and_studio_goes_its_own_way")
def test_structures_that_the_web_server_publishes_and_workers_that_go_their_own_way_are_found(
    diagnose: Diagnose, lms_yml, lms: Host
) -> None:
    name = next(iter(rows(lms).values()))
    path = f"/edx/var/edxapp/media/{name}"
    lms.check_output("install -D --owner=www-data --mode=0666 /etc/hostname %s", path)
    try:
        lms_yml("settings['BLOCK_STRUCTURES_SETTINGS'].update(STORAGE_CLASS=None, STORAGE_KWARGS={})")
        found = diagnose("-e", '{"__block_structure_rebuild": true}')
    finally:
        lms.check_output("rm --recursive /edx/var/edxapp/media/block_structures")
    assert found["storage-in-media"]["evidence"]["world_readable"] == [name]
    assert found["storage-world-writable"]["evidence"] == [name]
    assert found["queue-unread"]["evidence"] == UNREAD
    # A new process of the LMS has a prefix, as its worker has; Studio's worker has none.
    prefix = "block_structures.DIRECTORY_PREFIX"
    assert {name for name, apart in found["studio-differs"]["evidence"].items() if prefix in apart} == {
        name for name in found["report"]["workers"]["answers"] if ".cms." in name
    }
    assert not any(prefix in apart for apart in found["workers-differ"]["evidence"].values())
    # No object, no cache entry and no counter shows a structure that the client drops: only its rebuild does.
    silent = found["cache-client-limit"]
    assert (silent["severity"], silent["evidence"]["limit_bytes"]) == ("warning", MIB)
    rebuilt = {course["key"]: course["rebuild_ms"] for course in found["report"]["courses"] if course["rebuild_ms"]}
    assert len(rebuilt) == 3
    assert silent["cost_ms"] == max(rebuilt[key] for key in silent["evidence"]["courses"])


def test_one_deploy_fixes_them_all_and_does_not_call_it_cured(diagnose: Diagnose, playbooks) -> None:
    fixed = playbooks.run("deploy")
    assert fixed.exit_code == 2, fixed.output[-3000:]
    assert "Studio's worker stores structures instead of the LMS's" in " ".join(fixed.output.split())
    assert "set ALTERNATE_WORKER_QUEUES: lms in Studio's settings" in " ".join(fixed.output.replace("''", "'").split())
    again = playbooks.run("deploy")
    assert (again.exit_code, again.changed) == (0, []), again.output[-3000:]
    needs_no_attention(diagnose())
