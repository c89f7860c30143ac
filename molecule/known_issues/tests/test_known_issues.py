"""Known issues by release that no public recipe names (docs/releases.md): a test reproduces each one, then runs the role on it.

The tests follow each other on one site of sumac; the last one puts verawood on the host.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import restart, switch_release, wait_until

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = ("/edx/etc/lms.yml", "/edx/etc/studio.yml")
SWITCH = "block_structure.storage_backing_for_cache"
BUCKET = "example-block-structures"
SECRETS = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")
LMS_KEYS = ("AKIAI44QH8DHBEXAMPLE", SECRETS[1])
# A bucket that honours access-control lists, as buckets made before April 2023 do.
CURED = {
    "block_structure_blake2b_hashing": True,
    "block_structure_bucket_features": {"object_ownership": False, "public_access_block": False},
    # No worker regenerates in the background what the deploy is to regenerate.
    "block_structure_task_settings": {"course_publish_task_delay_seconds": 3600},
    "block_structure_generation_workers": 1,
}
TITLES = """
body = json.load(sys.stdin)
session = login("http://127.0.0.1:8000", "learner@example.com", "edx")
query = urllib.parse.urlencode({"course_id": body, "depth": "all", "nav_depth": 3, "username": "learner"})
with session.open("http://127.0.0.1:8000/api/courses/v2/blocks/?" + query, timeout=300) as response:
    print(json.dumps([block["display_name"] for block in json.load(response)["blocks"].values()]))
"""
# Writes one object as a class without default_acl does, on the active settings; {kwargs} as in STORAGE_KWARGS.
WITHOUT_ACL = """
from django.conf import settings
from django.core.files.base import ContentFile
from storages.backends.s3boto3 import S3Boto3Storage
print("FORCED", settings.AWS_DEFAULT_ACL)
S3Boto3Storage(**{kwargs!r}).save("block_structures/without-acl", ContentFile(b"x"))
"""
# Writes /tmp/issue.yml: the active settings with further STORAGE_KWARGS, given as JSON.
WITH_KWARGS = """
import json, sys, yaml
settings = yaml.safe_load(open("/edx/etc/lms.yml"))
settings["BLOCK_STRUCTURES_SETTINGS"]["STORAGE_KWARGS"].update(json.loads(sys.argv[1]))
yaml.safe_dump(settings, open("/tmp/issue.yml", "w"))
"""


def unwrapped(text: str) -> str:
    """Return output with the line breaks of its YAML folded, so that a whole message can be searched for."""
    return " ".join(text.replace("''", "'").split())


def manage(lms: Host, *message: str, settings_file: str = SETTINGS[0]) -> Any:
    """Return what a command of the LMS's manage.py came to, on another settings file if one is named."""
    # run.sh names the active files; an assignment after it overrides them.
    user = ("runuser", "--user=www-data", "--", "/edx/app/edxapp/run.sh")
    command = (*user, "env", f"LMS_CFG={settings_file}", "python", "manage.py", *message)
    return lms.run(" ".join(["%s"] * len(command)), *command)


def publish(lms: Host, course: str, title: str) -> None:
    """Have an author rename the first unit of a course and publish it."""
    done = manage(lms, "cms", "--settings=production", "sandbox_publish", course, "--title", title)
    assert done.rc == 0, done.stderr[-2000:]


def titles(lms: Host, course: str) -> list[str]:
    """Return what a learner sees of a course: the names of its blocks."""
    program = (ROOT / "scripts/loadtest/learner.py").read_text().partition("\n\ndef main()")[0] + TITLES
    answer = lms.run("printf %%s %s | python3 -c %s", json.dumps(course), program)
    assert answer.rc == 0, answer.stderr[-2000:]
    names: list[str] = json.loads(answer.stdout)
    return names


def statuses(learner: Any, *courses: str) -> list[int]:
    """Return the HTTP status of each course's page."""
    return [int(answer["status"]) for answer in learner.visit(*courses).values()]


def deploy(playbooks: Any, folder: Path, variables: dict[str, Any], *message: str, playbook: str = "deploy") -> Any:
    """Run a playbook with variables in a file, since Ansible itself shows its command line when it is asked to be verbose."""
    path = folder / "variables.json"
    path.write_text(json.dumps(variables))
    ended = playbooks.run(playbook, "-e", f"@{path}", *message)
    assert not any(secret in ended.output for secret in SECRETS)
    return ended


@pytest.fixture
def untouched(lms: Host) -> Iterator[None]:
    """Assert that a test leaves the settings files as they were, and no candidate beside them."""
    before = lms.check_output(f"sha256sum {' '.join(SETTINGS)}")
    yield
    assert lms.check_output(f"sha256sum {' '.join(SETTINGS)}") == before
    assert lms.check_output("find /edx/etc -name '.block_structure*'") == ""


@pytest.mark.usefixtures("untouched")
def test_md4_is_found_before_a_learner_meets_it(lms: Host, playbooks, learner, memcached, courses, tmp_path) -> None:
    # The recipe: generate with storage, which ends well, then the switch.
    done = manage(lms, "lms", "--settings=production", "generate_course_blocks", "--courses", courses[0], "--with_storage")
    assert done.rc == 0, done.stderr[-2000:]
    assert statuses(learner, courses[0]) == [200]
    manage(lms, "lms", "--settings=production", "waffle_switch", SWITCH, "on", "--create")
    assert statuses(learner, courses[0]) == [500]
    manage(lms, "lms", "--settings=production", "waffle_delete", "--switches", SWITCH)
    # The command leaves what waffle keeps in the cache.
    memcached.flush()
    assert statuses(learner, courses[0]) == [200]
    ended = deploy(playbooks, tmp_path, {**CURED, "block_structure_blake2b_hashing": None}, "-vvv")
    assert ended.exit_code == 2, ended.output[-3000:]
    assert (
        "With storage on, sumac cannot make a cache key: unsupported hash type md4 Remedy: set "
        "block_structure_blake2b_hashing to true and run openedx_operators.block_structure.deploy."
    ) in unwrapped(ended.output), ended.output[-3000:]
    memcached.flush()
    assert set(statuses(learner, *courses)) == {200}


@pytest.fixture(scope="module")
def deployed(lms: Host, playbooks, s3_faults, courses, tmp_path_factory) -> dict[str, Any]:
    """The report of the deploy; one course is published before it, another one in the middle of it."""
    raises, later = "s/ignore_exc: true/ignore_exc: false/", "s/COURSE_PUBLISH_TASK_DELAY: 30/COURSE_PUBLISH_TASK_DELAY: 3600/"
    lms.check_output(f"sed --in-place '{raises}; {later}' {' '.join(SETTINGS)}")
    lms.check_output(f"for file in {' '.join(SETTINGS)}; do echo 'AWS_DEFAULT_ACL: private' >> $file; done")
    restart(lms, "platform")
    publish(lms, courses[0], "After the row was written")
    folder = tmp_path_factory.mktemp("deployed")
    variables = {**CURED, "block_structure_report_path": str(folder / "result.json")}
    # Generated in the order of their keys: when the last one is at S3, all others are done, and the switch is still off.
    first, last = sorted(courses)[2], sorted(courses)[-1]
    ended: list[Any] = []
    with s3_faults("hang", methods=["PUT"], match=last.split("+")[1]):
        thread = threading.Thread(target=lambda: ended.append(deploy(playbooks, folder, variables, "-vvv")))
        thread.start()
        assert wait_until(lambda: s3_faults.met() or not thread.is_alive(), 600)
        publish(lms, first, "In the middle of the deploy")
    thread.join()
    assert ended[0].exit_code == 0, ended[0].output[-5000:]
    report: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return report


@pytest.mark.usefixtures("deployed")
def test_a_course_published_before_the_switch_is_not_served_stale(lms: Host, courses, memcached) -> None:
    """A publish while the switch is off touches neither row nor object."""
    for _ in ("cold", "warm"):
        assert "After the row was written" in titles(lms, courses[0])
    memcached.flush()
    assert "After the row was written" in titles(lms, courses[0])


def test_a_course_published_between_generation_and_switch_is_generated_again(deployed, lms: Host, courses, memcached) -> None:
    course = sorted(courses)[2]
    assert {entry["key"]: entry["why"] for entry in deployed["generated"]}[course] == "stale"
    memcached.flush()
    assert "In the middle of the deploy" in titles(lms, course)


def test_objects_are_private_where_the_lms_forces_public_ones(deployed, lms: Host, s3_api) -> None:
    assert deployed["findings"] is not None
    kwargs = {
        "bucket_name": BUCKET,
        "endpoint_url": "https://s3:5000",
        "addressing_style": "path",
        "region_name": "us-east-1",
        "access_key": LMS_KEYS[0],
        "secret_key": LMS_KEYS[1],
    }
    done = manage(lms, "lms", "--settings=production", "shell", "-c", WITHOUT_ACL.format(kwargs=kwargs))
    assert done.rc == 0, done.stderr[-2000:]
    assert "FORCED public-read" in done.stdout
    names = [entry["Key"] for entry in s3_api.call("list_objects_v2", Bucket=BUCKET)["Contents"]]
    public = []
    for name in names:
        grants = s3_api.call("get_object_acl", Bucket=BUCKET, Key=name)["Grants"]
        if any(grant["Grantee"].get("URI", "").endswith("AllUsers") for grant in grants):
            public.append(name)
    s3_api.call("delete_object", Bucket=BUCKET, Key="block_structures/without-acl")
    assert public == ["block_structures/without-acl"]
    assert len(names) > len(public)


def test_a_cache_that_raises_gets_room_for_every_structure_or_fails_the_verification(
    deployed, cache: Host, playbooks, learner, memcached, courses, tmp_path
) -> None:
    assert [finding["severity"] for finding in deployed["findings"] if finding["id"] == "cache-raises"] == ["warning"]
    for _ in ("cold", "warm"):
        assert set(statuses(learner, *courses)) == {200}
    cache.check_output("cp --preserve /etc/memcached.conf /tmp/kept && sed --in-place '/^-I/d' /etc/memcached.conf")
    restart(cache, "memcached")
    try:
        assert memcached.stats("settings")["item_size_max"] == str(1024 * 1024)
        large = [course for course in courses if "OVER" in course]
        assert statuses(learner, *large) == [500, 500]
        ended = deploy(playbooks, tmp_path, CURED, playbook="verify")
        assert ended.exit_code == 2, ended.output[-3000:]
        message = unwrapped(ended.output)
        assert "This happens at each read of 2 courses (" in message, ended.output[-3000:]
        assert "Remedy: set OPTIONS: {ignore_exc: true} for the alias default in the settings of LMS and Studio." in message
    finally:
        cache.check_output("cp --preserve /tmp/kept /etc/memcached.conf")
        restart(cache, "memcached")


KWARGS = {
    "unknown": (
        {"bucket": "example"},
        "ImproperlyConfigured: Invalid setting 'bucket'",
        "block_structure_storage_extra_kwargs has 'bucket', which django-storages of sumac refuses: no Django process",
    ),
    "unhashable": (
        {"object_parameters": {"CacheControl": "no-store"}},
        "TypeError: unhashable type: 'dict'",
        "block_structure_storage_extra_kwargs['object_parameters'] is a dictionary, which sumac cannot hash",
    ),
}


@pytest.mark.parametrize("kind", KWARGS)
@pytest.mark.usefixtures("deployed", "untouched")
def test_kwargs_that_stop_every_process_are_refused_by_name(lms: Host, playbooks, tmp_path, kind: str) -> None:
    kwargs, died_of, message = KWARGS[kind]
    lms.check_output("/edx/app/edxapp/venvs/edxapp/bin/python -c %s %s", WITH_KWARGS, json.dumps(kwargs))
    done = manage(lms, "lms", "--settings=production", "check", settings_file="/tmp/issue.yml")
    assert done.rc == 1
    assert died_of in done.stderr, done.stderr[-2000:]
    ended = deploy(playbooks, tmp_path, {**CURED, "block_structure_storage_extra_kwargs": kwargs})
    assert ended.exit_code == 2
    assert message in unwrapped(ended.output), ended.output[-3000:]
    assert ended.changed == []


@pytest.mark.usefixtures("deployed")
def test_an_entry_of_storages_that_takes_our_place_is_refused(lms: Host, playbooks, tmp_path) -> None:
    switch_release("verawood")
    entry = {
        name: {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": f"/tmp/{name}"}}
        for name in ("default", "staticfiles", "block_structures_settings")
    }
    for file in SETTINGS:
        lms.check_output(f"printf 'STORAGES: %%s\\n' %s >> {file}", json.dumps(entry))
    before = lms.check_output(f"sha256sum {' '.join(SETTINGS)}")
    variables = {"block_structure_release": "verawood"}
    ended = deploy(playbooks, tmp_path, variables)
    assert ended.exit_code == 2, ended.output[-3000:]
    assert (
        "STORAGES['block_structures_settings'] is set: the platform takes the storage of block structures from there, "
        "and STORAGE_CLASS and STORAGE_KWARGS of BLOCK_STRUCTURES_SETTINGS have no effect. Remedy: "
        "remove that entry"
    ) in unwrapped(ended.output), ended.output[-3000:]
    assert lms.check_output(f"sha256sum {' '.join(SETTINGS)}") == before
    # The issue itself: whatever STORAGE_CLASS says, the LMS keeps structures there.
    program = (
        "from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel as Model; "
        "print('KEPT', Model._meta.get_field('data').storage.location)"
    )
    assert "KEPT /tmp/block_structures_settings" in manage(lms, "lms", "--settings=production", "shell", "-c", program).stdout
