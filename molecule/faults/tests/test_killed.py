"""One deploy at a time; and a deploy dies between the settings and the restart: verify sees it, the next one heals it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import ROOT, Playbook, wait_until

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
DELAYED = {**SETTINGS, "block_structure_native_reload": "never", "block_structure_native_restart_commands": [["sleep", PAUSE]]}
# Those that hold settings: workers of gunicorn, main processes of Celery.
HOLDERS = (
    "pgrep --delimiter ' ' --parent $(/edx/bin/supervisorctl pid lms),$(/edx/bin/supervisorctl pid cms);"
    " /edx/bin/supervisorctl pid edxapp_worker:lms_default_1 edxapp_worker:cms_default_1"
)


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


@dataclass(frozen=True)
class Killed:
    """pid: of the killed deploy. second: what one said that came meanwhile. holders: the processes, which still run."""

    pid: int
    second: Playbook
    holders: list[str]


@pytest.fixture(scope="module")
def killed(lms: Host, playbooks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """Kill a deploy after it wrote the settings; another one came before that."""
    folder = tmp_path_factory.mktemp("killed")
    assert playbooks.run("deploy").exit_code == 0
    holders = lms.check_output(HOLDERS).split()
    process = deploy(folder, DELAYED)
    try:

        def paused() -> list[str]:
            return lms.run("pgrep --full %s", f"^sleep {PAUSE}").stdout.split()

        sleeping = wait_until(paused)
        assert sleeping, (folder / "output").read_text()[-3000:]
        second = playbooks.run("deploy", "-e", json.dumps({"block_structure_num_versions_to_keep": 4}))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lms.check_output("kill %s", sleeping[0])
    assert "COURSE_PUBLISH_TASK_DELAY: 31" in lms.file("/edx/etc/studio.yml").content_string
    yield Killed(process.pid, second, holders)
    assert playbooks.run("deploy").exit_code == 0


def test_a_second_deploy_is_refused_before_any_change_and_names_the_first(killed) -> None:
    output = " ".join(killed.second.output.split())
    assert (killed.second.exit_code, killed.second.changed) == (2, []), output
    assert re.search(rf"A deploy from \S+ \(process {killed.pid}\) has been changing this site since 20\S+ \S+ UTC", output)
    assert "Remedy: wait until it has ended. If it was killed, the site is free at 20" in output


def test_verify_fails_on_the_processes_with_older_settings(killed, lms: Host, playbooks) -> None:
    verified = playbooks.run("verify", "-e", json.dumps(SETTINGS))
    output = " ".join(verified.output.split())
    assert verified.exit_code == 2, output
    assert "2 gunicorn process(es) of the LMS started before /edx/etc/lms.yml was last written" in output
    assert "1 celery process(es) of Studio started before /edx/etc/studio.yml was last written" in output
    assert lms.check_output(HOLDERS).split() == killed.holders


def test_the_next_deploy_restarts_them_although_it_writes_nothing(killed, lms: Host, playbooks) -> None:
    predicted = playbooks.run("deploy", "--check", "-e", json.dumps(SETTINGS))
    assert predicted.exit_code == 0, predicted.output
    assert lms.check_output(HOLDERS).split() == killed.holders
    deployed = playbooks.run("deploy", "-e", json.dumps(SETTINGS))
    assert deployed.exit_code == 0, deployed.output
    for ended in (predicted, deployed):
        fields = {field["field"].partition(":")[0] for change in ended.changed for field in change["changes"]}
        # The variables of the configuration playbooks come after the restart, so the killed run had not written them either.
        assert fields == {"processes", "/edx/etc/block_structure/edxapp_vars.yml"}
    assert not set(lms.check_output(HOLDERS).split()) & set(killed.holders)
    assert playbooks.run("verify", "-e", json.dumps(SETTINGS)).exit_code == 0


@pytest.mark.usefixtures("killed")
def test_after_that_there_is_nothing_to_do(playbooks) -> None:
    again = playbooks.run("deploy", "-e", json.dumps(SETTINGS))
    assert (again.exit_code, again.changed) == (0, []), again.output
