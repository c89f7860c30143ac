"""What the LMS's workers run with, as each live process reports it: the runtime package where the scenario asks for it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from ...conftest import restart, wait_until

COLLECTOR = os.environ.get("BLOCK_STRUCTURE_SANDBOX_RUNTIME_COLLECTOR")
KEYS = os.environ.get("BLOCK_STRUCTURE_SANDBOX_RUNTIME_KEYS", "stock")
REPORTS = "/edx/app/edxapp/block_structure/reports"
tuned = pytest.mark.skipif(COLLECTOR is None, reason="this scenario leaves the workers alone")
untouched = pytest.mark.skipif(COLLECTOR is not None, reason="this scenario uses the runtime package")


def check(report: dict[str, Any]) -> None:
    """The worker has what was asked for, has frozen its start, and collects again, only later."""
    modes = {name: (report[name]["mode"], report[name]["why"]) for name in ("collector", "keys")}
    assert modes == {"collector": (COLLECTOR, None), "keys": (KEYS, None)}
    assert (report["thresholds"][0], report["enabled"]) == (report["collector"]["bound"], True)
    assert report["frozen"] > 50_000


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
def test_each_gunicorn_worker_says_that_it_runs_with_what_was_asked_for(lms: Host) -> None:
    workers = gunicorn_workers(lms)
    assert len(workers) == 2
    for report in [answer(lms, pid) for pid in workers]:
        check(report)
        stat = lms.check_output("cat /proc/%s/stat", str(report["pid"]))
        assert report["started"] == int(stat.rsplit(")", 1)[1].split()[19])


@tuned
def test_the_pool_of_the_lmss_celery_worker_runs_with_them_and_studios_does_not(lms: Host) -> None:
    pools = {
        system: lms.check_output("pgrep --parent $(/edx/bin/supervisorctl pid edxapp_worker:%s)", f"{system}_default_1").split()
        for system in ("lms", "cms")
    }
    report = json.loads(lms.check_output(f"cat {REPORTS}/{pools['lms'][0]}.json"))
    assert report["kind"] == "celery"
    check(report)
    assert not lms.file(f"{REPORTS}/{pools['cms'][0]}.json").exists


@tuned
def test_verify_returns_every_worker_with_its_memory(verified) -> None:
    workers = verified["workers"]
    assert sorted({worker["service"] for worker in workers}) == ["lms", "lms worker"]
    assert all(worker["report"]["collector"]["mode"] == COLLECTOR for worker in workers)
    assert all(worker["resident_kb"] > 10_000 for worker in workers)


@tuned
def test_a_worker_that_was_started_on_other_hooks_is_found_and_restarted(lms: Host, playbooks, boots) -> None:
    """As after a run that was stopped between the file and the restart."""
    configuration = "/edx/app/edxapp/lms_gunicorn.py"
    lms.check_output("cp --archive %s /tmp/kept && sed -i s/out_of_band/stock/ %s", configuration, configuration)
    restart(lms, "lms")
    lms.check_output("cp --archive /tmp/kept %s", configuration)
    verified = playbooks.run("verify")
    assert verified.exit_code != 0
    assert "runs with collector stock, wanted is out_of_band." in " ".join(verified.output.split())
    before = boots.count()
    assert playbooks.run("deploy", "--tags", "block_structure_runtime").exit_code == 0
    assert boots.count() - before == 1
    for pid in gunicorn_workers(lms):
        check(answer(lms, pid))


@tuned
def test_workers_with_threads_are_left_alone_and_verify_says_so_once(lms: Host, playbooks, tmp_path) -> None:
    """Two workers, one cause: one finding, no error; a deploy neither fails nor takes the hooks back."""
    configuration = "/edx/app/edxapp/lms_gunicorn.py"
    lms.check_output("cp --archive %s /tmp/kept && sed -i '1i threads = 4' %s", configuration, configuration)
    try:
        restart(lms, "lms")
        deployed = playbooks.run("deploy", "--tags", "block_structure_runtime")
        assert deployed.exit_code == 0, deployed.output
        assert 'collector="out_of_band"' in lms.check_output("cat %s", configuration)
        path = tmp_path / "result.json"
        verified = playbooks.run("verify", "-e", f"block_structure_report_path={path}")
        assert verified.exit_code == 0, verified.output
        findings = [one for one in json.loads(path.read_text())["findings"] if one["id"].startswith("runtime-")]
        assert [(one["id"], one["severity"]) for one in findings] == [("runtime-left-alone", "warning")]
        assert "left as it is in 2 workers (lms): gunicorn's worker class" in findings[0]["message"]
        for pid in gunicorn_workers(lms):
            report = answer(lms, pid)
            assert (report["collector"]["mode"], report["thresholds"][0]) == ("stock", 700)
            assert "gthread" in report["collector"]["why"]
            assert report["keys"]["mode"] == KEYS
    finally:
        lms.check_output("cp --archive /tmp/kept %s", configuration)
        restart(lms, "lms")


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
        check(report)
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
        assert measured["objects"] > 50_000
        assert (measured["keys_why"], measured["page_problem"]) == (None, None)
        assert measured["courses"]
        assert all(course["blocks"] >= 600 for course in measured["courses"])
        # A structure that the cache does not hold has no page measured: opening it would write.
        pages = [course["page_ms"] for course in measured["courses"] if course["page_ms"]]
        assert pages
        for times in (*pages, *(course["ms"] for course in measured["courses"])):
            assert times.keys() == {"stock", "out_of_band", "hash_once", "both"}
            assert min(times.values()) > 0
    # They are active already, so nothing is proposed.
    proposed = {finding["id"] for finding in report["diagnose"]["findings"]} & {"runtime-collector", "runtime-keys"}
    assert proposed <= ({"runtime-keys"} if KEYS == "stock" else set())
    workers = report["benchmark"]["workers"]
    assert sorted({worker["service"] for worker in workers}) == ["lms", "lms worker"]
    assert all(worker["resident_kb"] > 10_000 for worker in workers)
    assert {(worker["collector"], worker["keys"]) for worker in workers} == {(COLLECTOR, KEYS)}


@untouched
def test_nothing_is_installed_unless_it_was_asked_for(lms: Host) -> None:
    assert not lms.file(REPORTS).exists
    assert lms.run("ls /edx/app/edxapp/lms_gunicorn.py.*~ /edx/app/edxapp/edxapp_env.*~").stdout == ""
