"""What a playbook's events say: problems with their exit codes, changes, and when a signal ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure_cli import apply, exits, runner
from block_structure_cli.options import Site
from measured import diagnosis


def event(kind: str, host: str = "lms1", **result: Any) -> dict[str, Any]:
    return {"event": f"runner_on_{kind}", "event_data": {"host": host, "task": "deploy | x | Replace the file", "res": result}}


def error(identifier: str) -> dict[str, Any]:
    return BlockStructureError(identifier, "It is wrong.", "put it right.").as_dict()


@pytest.mark.parametrize(
    ("seen", "cause", "remedy", "code"),
    [
        (event("failed", error=error("course-unknown"), msg="x"), "It is wrong.", "put it right.", exits.USAGE),
        (event("failed", error=error("run-held"), msg="x"), "It is wrong.", "put it right.", exits.REFUSED),
        (event("failed", error=error("lms-does-not-start")), "It is wrong.", "put it right.", exits.ENVIRONMENT),
        (event("failed", msg="No.\nRemedy: yes."), "No.", "yes.", exits.ENVIRONMENT),
        (
            event("failed", msg="No.\nRemedy: run openedx_operators.block_structure.deploy without --limit."),
            "No.",
            "run `block-structure deploy` without --limit.",
            exits.ENVIRONMENT,
        ),
        (event("failed"), "failed without a message", "run it again with -v to see every task.", exits.ENVIRONMENT),
        (
            event("failed", results=[{"msg": "fine"}, {"failed": True, "msg": "item"}]),
            "item",
            "run it again",
            exits.ENVIRONMENT,
        ),
        (event("unreachable", msg="Task failed: ssh:\n  no"), "ssh: no", "make it reachable", exits.ENVIRONMENT),
    ],
)
def test_a_problem_has_the_words_and_the_code_of_its_message(seen, cause, remedy, code):
    found = runner._problem(seen)
    assert (found.cause, found.code) == (cause, code)
    assert found.remedy.startswith(remedy)


def test_an_ignored_failure_and_success_are_no_problem():
    ignored = event("failed", msg="x")
    ignored["event_data"]["ignore_errors"] = True
    assert runner._problem(ignored) is None
    assert runner._problem(event("ok")) is None


def test_a_host_that_does_not_answer_is_one_problem():
    """Ansible says why, and the role then stops for it (tasks/common/check_reachable.yml)."""
    assert runner._problem(event("unreachable", msg="ssh: no")).cause == "ssh: no"
    assert runner._problem(event("failed", error=error("host-unreachable"), msg="x")) is None


def test_only_a_changed_task_is_a_change():
    assert runner._change(event("ok", changed=True)) == runner.Change("lms1", "Replace the file")
    assert runner._change(event("ok", changed=False)) is None
    assert runner._change(event("failed", changed=True)) is None


def test_one_problem_of_several_hosts_is_one_message_with_its_code():
    played = runner.PlayResult(rc=2, problems={runner.Problem("No.", "yes.", exits.USAGE): ["lms1", "lms2"]})
    assert (played.failure().message, played.failure().exit_code) == ("lms1, lms2: No.\nRemedy: yes.", exits.USAGE)


def test_several_problems_are_all_named():
    problems = {runner.Problem("One.", "a."): ["lms1"], runner.Problem("Two.", "b.", exits.USAGE): ["localhost"]}
    failure = runner.PlayResult(rc=2, problems=problems).failure()
    assert failure.message == "lms1: One.\nRemedy: a.\nTwo.\nRemedy: b."
    assert failure.exit_code == exits.ENVIRONMENT


@pytest.mark.parametrize(
    ("asks", "cancelled_after"),
    [(None, 1), (lambda: False, 1), (lambda: True, 2)],
    ids=["nothing to ask", "no run on the host", "the run on the host stops itself"],
)
def test_the_first_signal_ends_a_playbook_unless_its_run_was_asked_to_stop(asks, cancelled_after):
    signals = [0]
    cancel = runner._canceller(signals, asks)
    assert not cancel()
    for number in (1, 2):
        signals[0] = number
        assert cancel() == (number >= cancelled_after)


@pytest.mark.parametrize(
    ("printed", "site", "cause", "code"),
    [
        ("[WARNING]: x\nERROR! no\n  such file", Site(), "ansible-playbook ended: no such file", exits.ENVIRONMENT),
        ("", Site(), "ansible-playbook ended: it printed nothing", exits.ENVIRONMENT),
        ("[ERROR]: … no hosts to target.", Site(limit="x"), "--limit x matches no host of the inventory.", exits.USAGE),
    ],
)
def test_what_ansible_says_before_the_first_task_is_the_cause(printed, site, cause, code):
    found = runner._said(printed, site)
    assert (found.cause, found.code) == (cause, code)


# What a deploy shows in the end

CHANGES = [
    runner.Change("lms1", "Replace the file"),
    runner.Change("lms2", "Replace the file"),
    runner.Change("lms1", "Restart"),
]


def result(*severities: str) -> dict[str, Any]:
    return {**diagnosis(*severities), "platform": "native"}


def shown(
    played: runner.PlayResult, capsys: pytest.CaptureFixture[str], form: str = "table", show: Any = apply.show, **site: Any
) -> tuple[int, str]:
    """Return the exit code and the output of a deploy with this outcome, or of what `show` is for."""
    code = 0
    try:
        show(played, Site(**site), form)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except exits.Failure as failure:
        failure.show()
        code = failure.exit_code
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_a_deploy_shows_the_state_of_the_site_and_each_change_with_its_hosts(capsys):
    code, text = shown(runner.PlayResult(0, result("warning"), changes=CHANGES), capsys)
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == "Works, and something needs attention: 1 warning."
    changed = lines[lines.index("Changed") :]
    assert [line.split() for line in changed[3:5]] == [["Replace", "the", "file", "lms1,", "lms2"], ["Restart", "lms1"]]


@pytest.mark.parametrize(("check", "sentence"), [(False, "Nothing had to change."), (True, "Nothing would change.")])
def test_a_deploy_without_changes_says_so(capsys, check, sentence):
    code, text = shown(runner.PlayResult(0, result()), capsys, check=check)
    assert (code, sentence in text.splitlines()) == (0, True)


def test_a_deploy_that_ends_with_errors_of_the_site_shows_them_as_findings(capsys):
    problems = {runner.Problem("<b>cause</b>", "do it"): ["lms1"]}
    code, text = shown(runner.PlayResult(2, result("error"), problems, CHANGES), capsys)
    assert code == exits.ATTENTION
    assert text.startswith("Needs action: 1 error.\n")
    assert text.count("Remedy: do it") == 1


def test_a_deploy_that_stopped_says_what_it_had_changed(capsys):
    problems = {runner.Problem("The new settings could not be applied.", "read the log."): ["lms1"]}
    code, text = shown(runner.PlayResult(2, None, problems, CHANGES[2:]), capsys)
    assert code == exits.ENVIRONMENT
    assert "Changed, until it stopped\n" in text
    assert text.endswith("lms1: The new settings could not be applied.\nRemedy: read the log.\n")


def test_a_rollback_shows_what_it_changed_and_what_stays(capsys):
    """Its report is what it leaves, and no state of the site."""
    left = {"rebuilt": ["course-v1:A+B+C"], "backups": [], "files": ["/edx/etc/block_structure/runs"]}
    code, text = shown(runner.PlayResult(0, left, changes=CHANGES[2:]), capsys, show=apply.show_left)
    assert code == 0
    assert text.splitlines()[1:6] == ["Changed", "task     hosts", "───────  ─────", "Restart  lms1", ""]
    assert text.splitlines()[6:8] == [
        "stays: /edx/etc/block_structure/runs",
        (
            "courses that are rebuilt in the request of the learner who next opens them, once the cache does not have them "
            "(1): course-v1:A+B+C. To spare learners that, run `block-structure regenerate` now."
        ),
    ]
    problems = {runner.Problem("No record.", "deploy first."): ["lms1"]}
    code, text = shown(runner.PlayResult(2, None, problems), capsys, show=apply.show_left)
    assert (code, text) == (exits.ENVIRONMENT, "Nothing was changed.\nlms1: No record.\nRemedy: deploy first.\n")


def test_a_host_that_goes_away_after_the_report_is_a_failure(capsys):
    problems = {runner.Problem("ssh: no", "make it reachable."): ["lms2"]}
    code, text = shown(runner.PlayResult(4, result("error"), problems, unreachable=True), capsys)
    assert (code, "lms2: ssh: no\nRemedy: make it reachable." in text) == (exits.ENVIRONMENT, True)


def test_the_outcome_of_a_deploy_as_data(capsys):
    problems = {runner.Problem("No.", "yes."): ["lms1"]}
    code, text = shown(runner.PlayResult(2, None, problems, CHANGES[:1]), capsys, "json")
    data, _ = json.JSONDecoder().raw_decode(text)
    assert code == exits.ENVIRONMENT
    assert data["changes"] == [{"host": "lms1", "what": "Replace the file"}]
    assert data["problems"] == [{"hosts": ["lms1"], "cause": "No.", "remedy": "yes."}]
    assert shown(runner.PlayResult(0, result(), changes=CHANGES[:1]), capsys, "csv")[1] == "host,what\nlms1,Replace the file\n"
