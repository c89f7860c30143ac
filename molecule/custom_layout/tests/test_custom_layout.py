"""The role knows of this site only what its variables say; what a native installation has where is not there."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

SETTINGS = ("/srv/openedx/etc/lms.env.yml", "/srv/openedx/etc/cms.env.yml")
PREVIOUS = "ls -tr %s.*~ | head -n 1"


def test_every_course_is_served_from_storage(verified, courses) -> None:
    assert len(verified["courses"]) == len(courses)
    assert {course["tier_when_cold"] for course in verified["courses"]} == {"storage"}


@pytest.mark.parametrize("path", SETTINGS)
def test_settings_are_active_and_keep_owner_and_mode(lms: Host, path: str) -> None:
    file = lms.file(path)
    assert "bucket_name: example-block-structures" in file.content_string.replace('"', "").replace("'", "")
    assert (file.user, file.group, file.mode) == ("openedx", "openedx", 0o640)


@pytest.mark.parametrize(("unit", "kind"), [("openedx-lms", "gunicorn"), ("openedx-lms-worker", "celery")])
def test_services_of_systemd_collect_out_of_band(lms: Host, unit: str, kind: str) -> None:
    main = lms.check_output("systemctl show --property MainPID --value %s", unit)
    worker = lms.check_output("pgrep --parent %s", main).split()[0]
    reported = json.loads(lms.check_output("cat /srv/openedx/block_structure/reports/%s.json", worker))
    assert (reported["kind"], reported["collector"]["mode"], reported["keys"]["mode"]) == (kind, "out_of_band", "stock")
    assert reported["thresholds"][0] == reported["collector"]["bound"]


def test_nothing_is_where_a_native_installation_has_it(lms: Host) -> None:
    for path in ("/edx/app", "/edx/bin", "/edx/etc"):
        assert not lms.file(path).exists


@pytest.mark.usefixtures("rollback")
def test_rollback_restores_what_was_found(lms: Host) -> None:
    for path in (*SETTINGS, "/srv/openedx/etc/gunicorn_lms.py", "/srv/openedx/etc/environment"):
        assert lms.run(f"cmp $({PREVIOUS}) %s", path, path).rc == 0
    assert not lms.file("/srv/openedx/block_structure").exists
    for port in (8100, 8110):
        url = f"http://127.0.0.1:{port}/heartbeat"
        assert lms.check_output("curl --silent --output /dev/null --write-out '%%{http_code}' %s", url) == "200"
