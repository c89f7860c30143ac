"""The garbage collector of the LMS's workers, as each live process reports it: tuned where the scenario asks for it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from ...conftest import restart, wait_until

THRESHOLDS = json.loads(os.environ.get("BLOCK_STRUCTURE_SANDBOX_GC_THRESHOLDS", "null"))
REPORTS = "/edx/app/edxapp/block_structure/reports"
tuned = pytest.mark.skipif(THRESHOLDS is None, reason="this scenario leaves the garbage collector alone")
untouched = pytest.mark.skipif(THRESHOLDS is not None, reason="this scenario tunes the garbage collector")


def gunicorn_workers(lms: Host) -> list[int]:
    """The pids of the LMS's gunicorn workers: children of the process that supervisor started."""
    master = lms.check_output("/edx/bin/supervisorctl pid lms")
    return [int(pid) for pid in lms.check_output("pgrep --parent %s", master).split()]


def answer(lms: Host, pid: int) -> dict[str, Any]:
    """Ask a live worker, and return what it says then."""
    asked = float(lms.check_output("date +%s.%N"))
    lms.check_output("kill -USR1 %s", str(pid))

    def report() -> dict[str, Any] | None:
        found: dict[str, Any] = json.loads(lms.check_output(f"cat {REPORTS}/{pid}.json"))
        return found if found["time"] >= asked else None

    answered: dict[str, Any] | None = wait_until(report)
    assert answered, f"worker {pid} did not answer"
    return answered


@tuned
def test_each_gunicorn_worker_says_that_it_runs_with_the_thresholds(lms: Host) -> None:
    workers = gunicorn_workers(lms)
    assert len(workers) == 2
    for report in [answer(lms, pid) for pid in workers]:
        assert (report["thresholds"], report["enabled"]) == (THRESHOLDS, True)
        assert report["frozen"] > 50_000
        stat = lms.check_output("cat /proc/%s/stat", str(report["pid"]))
        assert report["started"] == int(stat.rsplit(")", 1)[1].split()[19])


@tuned
def test_the_pool_of_the_lmss_celery_worker_runs_with_them_and_studios_does_not(lms: Host) -> None:
    pools = {
        system: lms.check_output("pgrep --parent $(/edx/bin/supervisorctl pid edxapp_worker:%s)", f"{system}_default_1").split()
        for system in ("lms", "cms")
    }
    report = json.loads(lms.check_output(f"cat {REPORTS}/{pools['lms'][0]}.json"))
    assert (report["kind"], report["thresholds"]) == ("celery", THRESHOLDS)
    assert report["frozen"] > 50_000
    assert not lms.file(f"{REPORTS}/{pools['cms'][0]}.json").exists


@tuned
def test_verify_returns_every_worker_with_its_memory(verified) -> None:
    workers = verified["workers"]
    assert sorted({worker["service"] for worker in workers}) == ["lms", "lms worker"]
    assert all(worker["report"]["thresholds"] == THRESHOLDS and worker["resident_kb"] > 10_000 for worker in workers)


@tuned
def test_a_worker_that_was_started_on_other_hooks_is_found_and_restarted(lms: Host, playbooks, boots) -> None:
    """As after a run that was stopped between the file and the restart."""
    configuration = "/edx/app/edxapp/lms_gunicorn.py"
    lms.check_output("cp --archive %s /tmp/kept && sed -i s/50000/60000/ %s", configuration, configuration)
    restart(lms, "lms")
    lms.check_output("cp --archive /tmp/kept %s", configuration)
    verified = playbooks.run("verify")
    assert verified.exit_code != 0
    assert "runs with [60000, 20, 100], wanted is [50000, 20, 100]." in " ".join(verified.output.split())
    before = boots.count()
    assert playbooks.run("deploy", "--tags", "block_structure_runtime").exit_code == 0
    assert boots.count() - before == 1
    assert {tuple(answer(lms, pid)["thresholds"]) for pid in gunicorn_workers(lms)} == {tuple(THRESHOLDS)}


@tuned
def test_a_gunicorn_of_the_configuration_playbooks_runs_with_the_variable_that_is_kept_in_step(lms: Host) -> None:
    """They write the file anew and put the variable at its end (roles/edxapp/templates/lms_gunicorn.py.j2)."""
    kept = yaml.safe_load(lms.check_output("cat /edx/etc/block_structure/edxapp_vars.yml"))
    stock = lms.check_output("cat $(ls -tr /edx/app/edxapp/lms_gunicorn.py.*~ | head -n 1)")
    folder = "/edx/var/edxapp/rewritten"
    lms.check_output("install --directory --owner=www-data %s", folder)
    lms.check_output("printf '%%s\n' %s > %s/gunicorn.py", f"{stock}\n{kept['EDXAPP_LMS_GUNICORN_EXTRA_CONF']}", folder)
    serve = f"gunicorn --daemon --pid={folder}/pid --config={folder}/gunicorn.py --bind=127.0.0.1:8099 --workers=1 lms.wsgi"
    system = "env SERVICE_VARIANT=lms DJANGO_SETTINGS_MODULE=lms.envs.production /edx/app/edxapp/run.sh"
    lms.check_output(f"runuser -u www-data -- {system} {serve}")
    try:
        heartbeat = "curl --silent --fail --output /dev/null http://127.0.0.1:8099/heartbeat"
        assert wait_until(lambda: lms.run(heartbeat).rc == 0)
        report = answer(lms, int(lms.check_output(f"pgrep --parent $(cat {folder}/pid)")))
        assert (report["thresholds"], report["frozen"] > 50_000) == (THRESHOLDS, True)
    finally:
        lms.check_output(f"kill $(cat {folder}/pid) && rm -r {folder}")


@tuned
def test_diagnose_and_benchmark_measure_what_tuning_brings_here(playbooks, tmp_path) -> None:
    """Their figures are this site's own; whether they are worth it is not for a test to say."""
    path = tmp_path / "report.json"
    report = {}
    for name, more in (("diagnose", {}), ("benchmark", {"block_structure_benchmark_sample": 3})):
        ended = playbooks.run(name, "-e", json.dumps({"block_structure_report_path": str(path), **more}))
        assert ended.changed == [], ended.output
        report[name] = json.loads(path.read_text())
    for measured in (report["diagnose"]["runtime"], report["benchmark"]["runtime"]):
        assert (measured["thresholds"], measured["freeze"]) == (THRESHOLDS, True)
        assert measured["objects"] > 50_000
        assert measured["courses"]
        assert all(course["blocks"] >= 600 and course["stock_ms"] > 0 < course["tuned_ms"] for course in measured["courses"])
    # It is active already, so nothing is proposed.
    assert "runtime-collector" not in {finding["id"] for finding in report["diagnose"]["findings"]}
    workers = report["benchmark"]["workers"]
    assert sorted({worker["service"] for worker in workers}) == ["lms", "lms worker"]
    assert all(worker["resident_kb"] > 10_000 and worker["thresholds"] == THRESHOLDS for worker in workers)


@untouched
def test_nothing_is_installed_unless_it_was_asked_for(lms: Host) -> None:
    assert not lms.file(REPORTS).exists
    assert lms.run("ls /edx/app/edxapp/lms_gunicorn.py.*~ /edx/app/edxapp/edxapp_env.*~").stdout == ""
