"""Processes that are older than their settings: real ones, started with what Open edX's services have in their environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.decisions.ages import outdated
from block_structure.module_utils.probe.engine import ages

from . import modules

# A server: it forks workers as gunicorn and Celery do, and says when they run.
SERVER = """
import os, sys, time
for _ in range(2):
    if os.fork() == 0:
        time.sleep(120)
        os._exit(0)
print("up", flush=True)
time.sleep(120)
"""


class Site:
    """A folder with settings files of LMS and Studio, and the servers that a test starts on them."""

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self.folder, self._started = folder, started
        for name in ("lms.yml", "studio.yml", "other.yml"):
            (folder / name).write_text("A: 1\n")
            self.write(name, -100)

    def write(self, name: str, seconds: float) -> None:
        """Let a settings file have been written this many seconds from now."""
        moment = time.time() + seconds
        os.utime(self.folder / name, (moment, moment))

    def start(self, kind: str, system: str, variable: str, file: str) -> int:
        """Start a server with two workers; return the process id of its main process."""
        program = self.folder / kind
        program.write_text(SERVER)
        environment = {**os.environ, "SERVICE_VARIANT": system, variable: str(self.folder / file)}
        command = [sys.executable, str(program), f"{system}.wsgi"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._started.callback(lambda: (os.killpg(process.pid, 9), process.wait()))
        assert process.stdout is not None
        self._started.enter_context(process.stdout)
        assert process.stdout.readline() == "up\n"
        return process.pid

    def ask(self, **more: Any) -> dict[str, Any]:
        """Return what the module says."""
        files = [{"name": name, "path": str(self.folder / file)} for name, file in (("lms", "lms.yml"), ("cms", "studio.yml"))]
        environment = ["env", f"LMS_CFG={self.folder}/lms.yml", f"CMS_CFG={self.folder}/studio.yml"]
        place = {"name": "host", "argv": [*environment, sys.executable, "-"]}
        return modules.run("process_info", {"places": [place], "settings_files": files, **more})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site without processes."""
    with ExitStack() as started:
        yield Site(tmp_path, started)


def by_kind(processes: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for process in processes:
        found[process["system"], process["kind"]] = found.get((process["system"], process["kind"]), 0) + 1
    return found


def test_a_process_counts_once_its_settings_are_newer_and_those_of_another_site_never_do(site: Site):
    """Workers of gunicorn load the settings themselves; those of Celery have what their parent loaded."""
    for kind in ("gunicorn", "celery"):
        site.start(kind, "lms", "LMS_CFG", "lms.yml")
        site.start(kind, "cms", "CMS_CFG", "studio.yml")
        site.start(kind, "lms", "LMS_CFG", "other.yml")
    before = site.ask()
    assert by_kind(before["processes"]) == {
        ("lms", "gunicorn"): 2,
        ("lms", "celery"): 1,
        ("cms", "gunicorn"): 2,
        ("cms", "celery"): 1,
    }
    assert (before["outdated"], before["changes"], before["changed"]) == ([], [], False)
    site.write("lms.yml", +5)
    site.write("other.yml", +5)
    after = site.ask()
    assert by_kind(after["outdated"]) == {("lms", "gunicorn"): 2, ("lms", "celery"): 1}
    assert {process["settings_file"] for process in after["outdated"]} == {str(site.folder / "lms.yml")}
    assert after["changes"] == [{"field": "processes", "before": "3 with older settings", "after": "restarted"}]


def test_a_process_with_another_environment_counts_although_its_settings_are_older(site: Site):
    """A run that was killed after it had exported the variable has restarted nothing."""
    site.start("gunicorn", "lms", "LMS_CFG", "lms.yml")
    named = [f"LMS_CFG={site.folder}/lms.yml", f"CMS_CFG={site.folder}/studio.yml"]
    argv = ["env", *named, "AWS_REQUEST_CHECKSUM_CALCULATION=when_required", sys.executable, "-"]
    assert site.ask()["outdated"] == []
    exported = site.ask(places=[{"name": "host", "argv": argv}])["outdated"]
    assert [one["environment_differs"] for one in exported] == [["AWS_REQUEST_CHECKSUM_CALCULATION"]] * 2


def test_in_containers_the_file_of_the_host_counts_also_once_it_is_gone(site: Site):
    site.start("celery", "lms", "LMS_CFG", "lms.yml")
    plugin = site.folder / "plugins" / "block_structure.yml"
    # A preview of the first deploy on a site of Tutor that has had no plugin.
    assert site.ask(written_by=str(plugin))["outdated"] == []
    plugin.parent.mkdir()
    plugin.write_text("name: block_structure\n")
    site.write("plugins/block_structure.yml", -100)
    # What Tutor renders is new after each `tutor config save`.
    site.write("lms.yml", +5)
    assert site.ask(written_by=str(plugin))["outdated"] == []
    plugin.unlink()
    site.write("plugins", +5)
    assert by_kind(site.ask(written_by=str(plugin))["outdated"]) == {("lms", "celery"): 1}


def test_a_place_takes_its_own_processes_and_one_that_does_not_answer_is_named(site: Site):
    site.start("gunicorn", "lms", "LMS_CFG", "lms.yml")
    site.start("celery", "lms", "LMS_CFG", "lms.yml")
    # Both, or those of another site on this machine count.
    argv = ["env", f"LMS_CFG={site.folder}/lms.yml", f"CMS_CFG={site.folder}/studio.yml", sys.executable, "-"]
    places = [
        {"name": "lms-worker", "system": "lms", "kinds": ["celery"], "argv": argv},
        {"name": "cms", "system": "cms", "argv": argv},
        {"name": "stopped", "argv": ["false"]},
    ]
    answer = site.ask(places=places)
    assert [(process["place"], process["kind"]) for process in answer["processes"]] == [("lms-worker", "celery")]
    assert answer["silent"] == ["stopped"]


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (["/venv/bin/python", "/venv/bin/gunicorn", "lms.wsgi"], {"SERVICE_VARIANT": "lms"}, ("gunicorn", "lms")),
        (["python", "-m", "celery", "--app=cms.celery:APP", "worker"], {}, ("celery", "cms")),
        (["python", "manage.py", "lms", "--settings=aws", "celery", "worker"], {"SERVICE_VARIANT": "lms"}, ("celery", "lms")),
        (["python", "-c", "import pyuwsgi; pyuwsgi.run()", "x.ini"], {"SERVICE_VARIANT": "cms"}, ("uwsgi", "cms")),
        # A title takes the place of words and environment.
        (["gunicorn: worker [lms.wsgi]"], {}, ("gunicorn", "lms")),
        (["[celeryd: edx.lms.core.default@lms1:MainProcess] -active-"], {}, ("celery", "lms")),
        (["vim", "/edx/app/edxapp/lms_gunicorn.py"], {"SERVICE_VARIANT": "lms"}, (None, "lms")),
        # Tutor's worker of Studio names the LMS's queues to leave them out.
        (["celery", "--app=cms.celery", "worker", "--exclude-queues=edx.lms.core.default"], {}, ("celery", "cms")),
    ],
)
def test_processes_are_known_by_words_or_title(words, environment, expected):
    assert (ages._kind(words), ages._system(words, environment)) == expected


@pytest.mark.parametrize(("loaded", "holds"), [(40, True), (2, False)])
def test_a_gunicorn_that_preloads_gives_its_own_settings_to_its_workers(monkeypatch, loaded, holds):
    """Its workers are newer than the settings that they have."""
    libraries = {1: loaded, 2: 41, 3: 41}
    monkeypatch.setattr(ages, "_libraries", lambda pid: {f"{number}.so" for number in range(libraries[pid])})
    assert ages._preloaded({"pid": 1}, [{"pid": 2}, {"pid": 3}]) is holds


def test_a_process_of_the_second_before_is_not_older():
    """The start is known to the second, and a process loads its settings later."""
    process = {"started": 1000.0, "settings_written": 1000.9}
    assert outdated([process, {**process, "settings_written": 1001.1}]) == [{**process, "settings_written": 1001.1}]
    assert outdated(None) == []
