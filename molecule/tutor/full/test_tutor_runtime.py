"""What the LMS's workers on Tutor run with, as each live process reports it: uWSGI's and Celery's, not Studio's."""

from __future__ import annotations

from testinfra.host import Host

from ...conftest import wait_until

REPORTS = "/tmp/block_structure_runtime/reports"


def children(lms: Host, service: str) -> set[int]:
    """The processes that a service has started."""
    return {int(pid) for pid in lms.run(f"pgrep --parent $(supervisorctl pid {service})").stdout.split()}


def test_verify_returns_every_worker_with_what_it_runs_with(verify, lms: Host) -> None:
    workers = verify()["workers"]
    assert sorted({worker["service"] for worker in workers}) == ["lms", "lms worker"]
    for worker in workers:
        report = worker["report"]
        assert (report["collector"]["mode"], report["keys"]["mode"]) == ("out_of_band", "hash_once"), worker
        assert (report["thresholds"][0], report["enabled"]) == (report["collector"]["bound"], True)
        assert report["frozen"] > 50_000
        assert worker["resident_kb"] > 10_000
    served = {worker["pid"] for worker in workers if worker["service"] == "lms"}
    assert len(served) == 2
    assert served < children(lms, "lms")
    assert not children(lms, "cms") & {worker["pid"] for worker in workers}


def test_a_worker_that_is_started_later_is_tuned_too(verify, lms: Host) -> None:
    previous = {worker["pid"] for worker in verify()["workers"] if worker["service"] == "lms"}
    lms.check_output("kill -9 %s", str(min(previous)))

    def workers() -> set[int]:
        return {worker["pid"] for worker in verify()["workers"] if worker["service"] == "lms"}

    assert wait_until(lambda: len(workers()) == 2 and workers() != previous)


def test_a_worker_that_runs_otherwise_is_found_and_restarted(playbooks, message, lms: Host, boots) -> None:
    """Its report is made to say so, since no worker of Tutor's can be started on anything but what Tutor rendered."""
    pid = min(children(lms, "lms"))
    lms.check_output("sed -i %s %s/%s.json", 's/"mode": "out_of_band"/"mode": "stock"/', REPORTS, str(pid))
    verified = playbooks.run("verify")
    assert verified.exit_code != 0
    assert f"Worker {pid} of lms runs with collector stock, wanted is out_of_band." in message(verified)
    before = boots.count()
    fixed = playbooks.run("deploy", "--tags", "block_structure_runtime")
    assert fixed.exit_code == 0, fixed.output
    assert pid not in children(lms, "lms")
    # The inspection of the site; services are not started by manage.py.
    assert boots.count() - before == 1
