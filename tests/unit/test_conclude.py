"""What a playbook alone ends with: the lines of the command, and its outcome by set_stats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from block_structure.filter.block_structure import site_result
from block_structure.plugin_utils.reports import generation, layout, outcome, screen
from measured import SECRET, diagnosis, site_in_need

from .conftest import COLLECTIONS, ROOT

# Without a terminal Ansible writes 79 columns.
LOG = layout.Medium(79, more="ansible-playbook -v")
PLAYBOOK = """
- name: Show what was found
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Show
      openedx_operators.block_structure.conclude: "{{ given }}"
      register: concluded

    - name: Fail on what needs attention
      ansible.builtin.fail:
        msg: "{{ concluded.msg }}"
      when: concluded.msg | length > 0
"""


def concluded(folder: Path, *options: str, **given: Any) -> tuple[int, str, dict[str, Any]]:
    """Run the action in a play of its own; return exit code, output, and the statistics that the run hands on."""
    playbook, variables = folder / "play.yml", folder / "given.json"
    playbook.write_text(PLAYBOOK)
    variables.write_text(json.dumps({"given": given}))
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), playbook, "-e", f"@{variables}", *options],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_SHOW_CUSTOM_STATS": "yes",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_NOCOLOR": "1",
        },
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    _, _, stats = ended.stdout.partition("RUN: ")
    return ended.returncode, ended.stdout, json.JSONDecoder().raw_decode(stats.strip())[0]["block_structure_outcome"]


def test_a_playbook_prints_what_the_command_prints_and_hands_its_outcome_on(tmp_path):
    report = {**site_in_need(), "settings": diagnosis()["settings"], "site": "learn.example.com"}
    given = {"operation": "diagnose", "report": report, "attention": ["error", "warning"], "report_path": "/srv/d.json"}
    code, shown, kept = concluded(tmp_path, **given)
    assert "".join(f"{line}\n" for line, _ in screen.site(report, LOG, everything=False)) in shown
    assert "  Remedy: run openedx_operators.block_structure.deploy, which generates it.\n" in shown
    assert code == 2
    assert "Needs action: 1 error, 1 warning, 4 notes.\\nRemedy: do what is printed above for each finding." in shown
    assert kept == {
        "operation": "diagnose",
        "site": "learn.example.com",
        "release": "palm",
        "platform": "native",
        "verdict": "Needs action: 1 error, 1 warning, 4 notes.",
        "exit_code": 1,
        "findings": {"error": 1, "warning": 1, "info": 4},
        "needs": ["course-not-stored", "memcached-small"],
        "courses": {"all": 42, "cache": 39, "storage": 2, "modulestore": 1, "stale": 1},
        "worst_course": {"course": "course-v1:SandboxX+HUGE8K+2026", "blocks": 8000, "tier": "modulestore", "ms": 12345.6},
        "run": None,
        "report_path": "/srv/d.json",
    }
    assert SECRET not in shown


def test_a_playbook_shows_everything_to_those_who_ask_for_it(tmp_path):
    report = diagnosis("info") | {"platform": "native", "host": "lms1"}
    code, shown, kept = concluded(tmp_path, "-v", operation="verify", report=report)
    assert "".join(f"{line}\n" for line, _ in screen.site(report, LOG, everything=True)) in shown
    assert (code, kept["exit_code"], kept["needs"]) == (0, 0, [])


def run_report(**result: Any) -> dict[str, Any]:
    course = {"key": "course-v1:A+B+C", "status": "failed", "type": "ValueError", "message": "broken"}
    ended = {"ended": "done", "left": [], "planned": 1, "skipped": {}, "seconds": 2.0, **result}
    return generation.report({"run": "r1", "results": [ended], "courses": [course], "resumed": None})


def test_a_generation_prints_its_totals_and_hands_them_on(tmp_path):
    code, shown, kept = concluded(tmp_path, operation="regenerate", report=run_report())
    assert code == 0  # the role fails with the courses' own messages
    assert "\n0 generated, 1 failed, 0 gone, 0 left; run r1\n" in shown
    assert kept == {
        "operation": "regenerate",
        "verdict": "0 generated, 1 failed, 0 gone, 0 left; run r1",
        "exit_code": 1,
        "failed": 1,
        "run": "r1",
        "report_path": None,
    }


def test_an_outcome_of_a_stopped_run_is_its_error():
    stopped = outcome.of_run("regenerate", run_report(ended="stopped", left=["course-v1:A+B+C"]))
    assert (stopped["verdict"], stopped["exit_code"]) == ("The run was stopped; 1 courses are left.", 130)


@pytest.mark.parametrize(("attention", "code"), [([], 0), (["error"], 0), (["error", "warning"], 1)])
def test_only_the_severities_that_fail_the_play_set_the_exit_code(attention, code):
    report = diagnosis("warning") | {"platform": "native"}
    assert outcome.of_site("deploy", report, attention)["exit_code"] == code


def test_the_result_of_a_site_has_the_findings_of_every_host_once():
    def finding(name: str) -> dict[str, str]:
        return {"id": name, "severity": "error", "message": f"{name} is so."}

    hosts = [
        {"courses": ["a"], "findings": [finding("shared")]},
        {"courses": [], "findings": [finding("shared"), finding("own")]},
    ]
    assert site_result(hosts) == {"courses": ["a"], "findings": [finding("shared"), finding("own")]}


def test_the_outcome_of_one_job_is_accepted_as_a_variable_of_the_next(tmp_path):
    """AWX gives the artifacts of a job to the next one of a workflow as extra variables; the role refuses unknown ones."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {children: {block_structure_lms: {hosts: {lms1: {ansible_connection: local}}}}}\n")
    given = [
        f"ansible_python_interpreter={sys.executable}",
        *("block_structure_storage_bucket=example-block-structures", "block_structure_native_code_dir=/nonexistent"),
        *("block_structure_tutor_command=/nonexistent", "block_structure_tutor_kubectl=/nonexistent"),
        '{"block_structure_outcome": {"operation": "diagnose"}}',
    ]
    ended = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), "-i", inventory, ROOT / "playbooks" / "verify.yml"),
            *(word for value in given for word in ("-e", value)),
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join(ended.stdout.split())
    assert "No Open edX was found on this host" in said, ended.stdout
    assert "block_structure_outcome" not in said
