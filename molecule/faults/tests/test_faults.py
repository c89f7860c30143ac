"""Each fault ends with one line of cause and one of remedy; files are as they were and both services answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import stopped, wait_for

SETTINGS = ("/edx/etc/lms.yml", "/edx/etc/studio.yml")
OPERATOR_KEYS = {
    "block_structure_storage_access_key": "AKIAIOSFODNN7EXAMPLE",
    "block_structure_storage_secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
WRONG_SECRET = "not-the-secret-EXAMPLEKEY"

# What is wrong -> (variables, the expected message)
FAULTS = {
    "storage class that does not exist": (
        {"block_structure_storage_class": "storages.backends.nowhere.Storage"},
        "The LMS does not start: ModuleNotFoundError: No module named 'storages.backends.nowhere'",
    ),
    "unknown access key": (
        {"block_structure_storage_access_key": "AKIAXXXXXXXXXEXAMPLE"},
        "The LMS cannot write an object in its storage: S3 does not know the access key (ClientError:",
    ),
    "wrong secret key": (
        {"block_structure_storage_secret_key": WRONG_SECRET},
        "The LMS cannot write an object in its storage: S3 does not accept the secret key (ClientError:",
    ),
    "keys without the right to write": (
        {"block_structure_storage_prefix": "elsewhere/"},
        "The LMS cannot write an object in its storage: S3 does not allow it (ClientError:",
    ),
    "missing bucket": (
        {"block_structure_manage_bucket": False, "block_structure_storage_bucket": "example-missing", **OPERATOR_KEYS},
        "The LMS cannot write an object in its storage: the bucket does not exist (",
    ),
    "bucket of somebody else": (
        {"block_structure_storage_bucket": "example-taken"},
        "The bucket example-taken exists but belongs to another account, or these credentials may not read it. Remedy: choose",
    ),
    "endpoint that refuses": (
        {"block_structure_manage_bucket": False, "block_structure_storage_endpoint_url": "https://127.0.0.1:9"},
        "The LMS cannot write an object in its storage: the S3 endpoint cannot be reached (EndpointConnectionError:",
    ),
    "release that is not installed": (
        {"block_structure_release": "palm"},
        "block_structure_release is 'palm', and the installed platform is teak: it reports release line",
    ),
    "no such settings file": (
        {"block_structure_native_lms_config": "/edx/etc/missing.yml"},
        "There is no /edx/etc/missing.yml on this host. Remedy: correct block_structure_native_lms_config.",
    ),
    "no such Python": (
        {"block_structure_native_python": "/edx/app/missing/bin/python"},
        "There is no /edx/app/missing/bin/python on this host. Remedy: correct block_structure_native_python.",
    ),
    "heartbeat that never answers": (
        {
            "block_structure_native_heartbeat_urls": ["http://127.0.0.1:9/heartbeat"],
            "block_structure_native_restart_timeout_seconds": 4,
        },
        "The new settings could not be applied: Status code was -1",
    ),
    "restart command that fails": (
        {"block_structure_native_worker_restart_commands": [["/bin/false"]]},
        "Remedy: the previous settings are restored; fix the cause in the message and run again.",
    ),
}
# Reported by the same step as another one of its table is; each costs a deploy.
ALIKE = (
    "unknown access key",
    "keys without the right to write",
    "missing bucket",
    "endpoint that refuses",
    "no such Python",
    "a variable",
    "its connection",
    "configuration that is not there",
)


def each(faults: dict[str, Any]) -> list[Any]:
    """Return a parameter for each fault; those that are alike are slow."""
    return [pytest.param(name, marks=[pytest.mark.slow] if name in ALIKE else []) for name in faults]


def unwrapped(text: str) -> str:
    """Return output with the line breaks of its YAML folded, so that a whole message can be searched for."""
    return " ".join(text.replace("''", "'").split())


@pytest.fixture
def untouched(lms: Host):
    """Assert that the settings files are, after the test, what they were before it, and that both services answer."""

    def inspect() -> list[str]:
        return [lms.check_output("stat --format '%%U %%G %%a' %s && sha256sum %s", path, path) for path in SETTINGS]

    before = inspect()
    yield
    assert inspect() == before
    assert not lms.file("/edx/etc/.block_structure_candidate_lms.yml").exists
    wait_for(lms, "lms", "studio")


@pytest.mark.parametrize("fault", each(FAULTS))
@pytest.mark.usefixtures("untouched")
def test_fault_is_reported_and_the_lms_serves_as_before(playbooks, tmp_path, fault: str) -> None:
    variables, message = FAULTS[fault]
    # In a file: Ansible itself shows its command line when it is asked to be verbose.
    path = tmp_path / "variables.json"
    path.write_text(json.dumps(variables))
    ended = playbooks.run("deploy", "-vvv", "-e", f"@{path}")
    assert ended.exit_code == 2, ended.output[-3000:]
    assert message in unwrapped(ended.output), ended.output[-3000:]
    for secret in (
        WRONG_SECRET,
        OPERATOR_KEYS["block_structure_storage_secret_key"],
        "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    ):
        assert secret not in ended.output


STUDIO_MODULE = "/edx/app/edxapp/edx-platform/cms/envs/production.py"


@pytest.mark.usefixtures("untouched")
def test_a_settings_module_of_studio_that_overrides_ours_is_named_before_a_restart(playbooks, lms: Host, boots) -> None:
    lms.check_output(f"cp --preserve=all {STUDIO_MODULE} /root/production.py.kept")
    lms.check_output("echo 'BLOCK_STRUCTURES_SETTINGS[\"TASK_MAX_RETRIES\"] = 7' >> %s", STUDIO_MODULE)
    before = boots.count()
    try:
        # Another value for both, so that there is something to prove.
        ended = playbooks.run("deploy", "-e", json.dumps({"block_structure_task_settings": {"task_max_retries": 4}}))
    finally:
        lms.check_output(f"cp --preserve=all /root/production.py.kept {STUDIO_MODULE}")
    assert ended.exit_code == 2, ended.output[-3000:]
    assert (
        "Something sets BLOCK_STRUCTURES_SETTINGS after the role's settings, and Studio would run with it: "
        "TASK_MAX_RETRIES is 7, wanted is 4. Remedy: remove it from there (a plugin's patch, or a settings module), then run "
        "again; the installed settings were not changed."
    ) in unwrapped(ended.output), ended.output[-3000:]
    assert " : native | restart | " not in ended.output
    # Inspect, and the candidates of LMS and Studio.
    assert boots.count() - before == 3
    assert lms.check_output("find /edx/etc -name '.block_structure*'") == ""


# How a store lacks a feature of a bucket -> (the fault of S3, the expected message, what turns it off, what reads it)
LACKING = {
    "says so": (
        {"kind": "answer", "status": 501, "code": "NotImplemented", "match": "?lifecycle"},
        (
            "does not implement what is asked of the bucket: lifecycle. Remedy: set expire_noncurrent and abort_uploads of "
            "block_structure_bucket_features to false."
        ),
        ("expire_noncurrent", "abort_uploads"),
        "get_bucket_lifecycle_configuration",
    ),
    "ignores it": (
        {"kind": "ignore", "methods": ["PUT"], "match": "?publicAccessBlock"},
        "The store accepted the change of the bucket's 'public_access_block' and did not apply it. Remedy: if the store",
        ("public_access_block",),
        "get_public_access_block",
    ),
}


@pytest.mark.parametrize("how", LACKING)
@pytest.mark.usefixtures("untouched")
def test_missing_feature_of_the_store_is_reported_and_can_be_turned_off(playbooks, s3_faults, s3_api, how: str) -> None:
    fault, message, features, reading = LACKING[how]
    name = f"example-lacks-{features[0].replace('_', '-')}"
    off = {"block_structure_bucket_features": dict.fromkeys(features, False)}
    # The bucket only, and the verdict at the end, which this site does not pass.
    arguments = ["--tags", "block_structure_bucket", "-e", f"block_structure_storage_bucket={name}"]
    with s3_faults(**fault):
        ended = playbooks.run("deploy", *arguments)
        alone = playbooks.run("deploy", *arguments, "-e", json.dumps(off))
    assert ended.exit_code == 2
    assert message in unwrapped(ended.output), ended.output[-3000:]
    assert " : operate | verify | " not in ended.output
    assert " : operate | verify | " in alone.output, alone.output[-3000:]
    assert s3_api.call("get_bucket_versioning", Bucket=name)["Status"] == "Enabled"
    assert "code" in s3_api.call(reading, Bucket=name)


@pytest.mark.usefixtures("untouched")
def test_memcached_that_is_down_stops_the_deploy_before_the_settings(playbooks, cache: Host) -> None:
    with stopped(cache, "memcached"):
        ended = playbooks.run("deploy")
    assert ended.exit_code == 2
    assert "memcached at 127.0.0.1:11211 does not answer: [Errno 111] Connection refused." in unwrapped(ended.output)


@pytest.mark.usefixtures("untouched")
def test_full_disk_leaves_the_settings_file_whole(playbooks, lms: Host) -> None:
    folder = "/dev/shm/edx"
    lms.check_output(f"mkdir -p {folder} && cp --preserve=all /edx/etc/lms.yml {folder}/")
    before = lms.check_output(f"sha256sum {folder}/lms.yml")
    lms.run(f"dd if=/dev/zero of={folder}/filler bs=1k status=none")
    try:
        ended = playbooks.run("deploy", "-e", json.dumps({"block_structure_native_lms_config": f"{folder}/lms.yml"}))
        assert ended.exit_code == 2
        assert (
            f"There is no space left to write {folder}/.block_structure_candidate_lms.yml; the active settings are "
            "untouched. Remedy: free space on that file system and run again."
        ) in unwrapped(ended.output), ended.output[-3000:]
        assert lms.check_output(f"sha256sum {folder}/lms.yml") == before
        assert not lms.file(f"{folder}/.block_structure_candidate_lms.yml").exists
    finally:
        lms.check_output(f"rm -r {folder}")


def test_failing_course_fails_the_play_by_name_after_the_rest(playbooks, lms: Host, courses, tmp_path) -> None:
    course = courses[2]
    manage = "runuser -u www-data -- /edx/app/edxapp/run.sh python manage.py cms --settings=production sandbox_break"
    lms.check_output(f"{manage} {course}")
    report = tmp_path / "result.json"
    try:
        ended = playbooks.run("deploy", "-e", f"block_structure_report_path={report}")
    finally:
        lms.check_output(f"{manage} {course} --heal")
    assert ended.exit_code == 2
    assert f"{course} could not be generated: XMLSyntaxError:" in unwrapped(ended.output)
    reported = json.loads(report.read_text())
    assert [failure["key"] for failure in reported["failures"]] == [course]
    tiers = {entry["key"]: entry["tier_when_cold"] for entry in reported["courses"]}
    assert tiers.pop(course) == "modulestore"
    assert set(tiers.values()) == {"storage"}


def test_repaired_course_is_all_that_the_next_deploy_generates(playbooks, courses, tmp_path) -> None:
    report = tmp_path / "result.json"
    ended = playbooks.run("deploy", "-e", f"block_structure_report_path={report}")
    assert ended.exit_code == 0, ended.output[-3000:]
    assert [entry["key"] for entry in json.loads(report.read_text())["generated"]] == [courses[2]]


# What is wrong with the second of two hosts -> (its variables, the expected message)
SECOND_HOST_FAULTS = {
    "a variable": (
        {"block_structure_storage_prefix": "/courses/"},
        "block_structure_storage_prefix '/courses/' begins with a slash",
    ),
    "its connection": (
        {"ansible_host": "{{ sandbox_name }}-nowhere"},
        (
            "lms2 does not answer, so nothing is changed on any host. "
            "Remedy: make it reachable, or select the other hosts with --limit."
        ),
    ),
    "the host": (
        {"block_structure_native_python": "/edx/app/missing/bin/python"},
        "There is no /edx/app/missing/bin/python on this host.",
    ),
}


@pytest.mark.parametrize("fault", each(SECOND_HOST_FAULTS))
@pytest.mark.usefixtures("untouched")
def test_rollback_inspects_every_host_before_it_changes_one(playbooks, tmp_path, fault: str) -> None:
    variables, message = SECOND_HOST_FAULTS[fault]
    second = tmp_path / "second.yml"
    # The same machine by another name, after lms1.
    host = {"ansible_host": "{{ sandbox_name }}-lms1", **variables}
    groups = {"sandbox": {"hosts": {"lms2": host}}, "block_structure_lms": {"hosts": {"lms2": None}}}
    second.write_text(json.dumps({"all": {"children": groups}}))
    ended = playbooks.run("rollback", "-i", "inventory/sandbox", "-i", str(second))
    assert ended.exit_code == 2
    assert message in unwrapped(ended.output), ended.output[-3000:]
    assert [failure["host"] for failure in ended.failed] == ["lms2"]
    assert ended.changed == []


# What is wrong with gunicorn's configuration -> (lines at its end, variables, the expected message)
RUNTIME_FAULTS = {
    "configuration that gunicorn refuses": (
        "workers = 'many'",
        {},
        "/edx/app/edxapp/lms_gunicorn.py with the role's block in it would not work: ValueError: invalid literal for int()",
    ),
    "configuration that is not there": (
        "",
        {"block_structure_native_lms_gunicorn_config": "/edx/app/edxapp/missing.py"},
        (
            "/edx/app/edxapp/missing.py cannot be edited: No such file or directory. "
            "Remedy: correct block_structure_native_lms_gunicorn_config, or the file; nothing was changed."
        ),
    ),
    "hook that takes the collector back": (
        (
            "def post_worker_init(worker):\n    import gc\n    import threading\n"
            "    threading.Timer(0.1, gc.set_threshold, [700, 10, 10]).start()"
        ),
        {"block_structure_native_restart_timeout_seconds": 40},
        "collects at 700 young objects, wanted is ",
    ),
}


@pytest.mark.parametrize("fault", each(RUNTIME_FAULTS))
@pytest.mark.usefixtures("untouched")
def test_fault_of_the_runtime_is_reported_and_workers_run_as_before(playbooks, lms: Host, fault: str) -> None:
    lines, variables, message = RUNTIME_FAULTS[fault]
    files = "/edx/app/edxapp/lms_gunicorn.py /edx/app/edxapp/edxapp_env"
    lms.check_output("cp --archive /edx/app/edxapp/lms_gunicorn.py /tmp/kept")
    try:
        lms.check_output("printf '%%s\\n' %s >> /edx/app/edxapp/lms_gunicorn.py", lines)
        before = lms.check_output(f"sha256sum {files}; stat --format '%U %G %a' {files}")
        wanted = {"block_structure_runtime_collector": "out_of_band", **variables}
        ended = playbooks.run("deploy", "--tags", "block_structure_runtime", "-e", json.dumps(wanted))
        assert ended.exit_code == 2
        assert message in unwrapped(ended.output), ended.output[-3000:]
        assert lms.check_output(f"sha256sum {files}; stat --format '%U %G %a' {files}") == before
        for pid in lms.check_output("pgrep --parent $(/edx/bin/supervisorctl pid lms)").split():
            assert not lms.file(f"/edx/app/edxapp/block_structure/reports/{pid}.json").exists
    finally:
        lms.check_output("cp --archive /tmp/kept /edx/app/edxapp/lms_gunicorn.py")
