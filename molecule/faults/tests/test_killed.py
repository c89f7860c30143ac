"""A deploy dies between the settings and the restart: verify sees it, and the next one restarts what runs on older settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import ROOT, wait_until

# Other settings than the site has, and between settings and restart a command by whose length the test knows it.
PAUSE = "301.25"
SETTINGS = {
    "block_structure_task_settings": {
        "course_publish_task_delay_seconds": 31,
        "task_default_retry_delay_seconds": 30,
        "task_max_retries": 5,
        "pruning_active": True,
    }
}
DELAYED = {**SETTINGS, "block_structure_native_restart_commands": [["sleep", PAUSE]]}
MASTERS = "/edx/bin/supervisorctl pid lms cms edxapp_worker:lms_default_1 edxapp_worker:cms_default_1"


def deploy(folder: Path, variables: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start a deploy in a process group of its own."""
    return subprocess.Popen(
        ["ansible-playbook", "playbooks/deploy.yml", "-e", json.dumps(variables)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        stdin=subprocess.DEVNULL,
        stdout=(folder / "output").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def killed(lms: Host, playbooks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Kill a deploy after it wrote the settings; return the main processes of the services, which still run."""
    folder = tmp_path_factory.mktemp("killed")
    assert playbooks.run("deploy").exit_code == 0
    masters = lms.check_output(MASTERS).split()
    process = deploy(folder, DELAYED)
    try:

        def paused() -> list[str]:
            return lms.run("pgrep --full %s", f"^sleep {PAUSE}").stdout.split()

        sleeping = wait_until(paused)
        assert sleeping, (folder / "output").read_text()[-3000:]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lms.check_output("kill %s", sleeping[0])
    assert "COURSE_PUBLISH_TASK_DELAY: 31" in lms.file("/edx/etc/studio.yml").content_string
    yield masters
    assert playbooks.run("deploy").exit_code == 0


def test_verify_fails_on_the_processes_with_older_settings(killed, lms: Host, playbooks) -> None:
    verified = playbooks.run("verify", "-e", json.dumps(SETTINGS))
    output = " ".join(verified.output.split())
    assert verified.exit_code == 2, output
    assert "2 gunicorn process(es) of the LMS started before /edx/etc/lms.yml was last written" in output
    assert "1 celery process(es) of Studio started before /edx/etc/studio.yml was last written" in output
    assert lms.check_output(MASTERS).split() == killed


def test_the_next_deploy_restarts_them_although_it_writes_nothing(killed, lms: Host, playbooks) -> None:
    predicted = playbooks.run("deploy", "--check", "-e", json.dumps(SETTINGS))
    assert predicted.exit_code == 0, predicted.output
    assert lms.check_output(MASTERS).split() == killed
    deployed = playbooks.run("deploy", "-e", json.dumps(SETTINGS))
    assert deployed.exit_code == 0, deployed.output
    for ended in (predicted, deployed):
        [change] = ended.changed
        assert [field["field"] for field in change["changes"]] == ["processes"]
    assert not set(lms.check_output(MASTERS).split()) & set(killed)
    assert playbooks.run("verify", "-e", json.dumps(SETTINGS)).exit_code == 0


@pytest.mark.usefixtures("killed")
def test_after_that_there_is_nothing_to_do(playbooks) -> None:
    again = playbooks.run("deploy", "-e", json.dumps(SETTINGS))
    assert (again.exit_code, again.changed) == (0, []), again.output
