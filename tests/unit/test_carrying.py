"""What each host of a cluster runs, and what its hosts must have in common."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from block_structure.filter.block_structure import first_lms
from block_structure.module_utils.decisions import carrying
from block_structure.plugin_utils import role_variables

from .conftest import ROLE

CLUSTER = {
    "all": ["studio1", "lms1", "lms2", "worker1", "cache1"],
    "block_structure_lms": ["studio1", "lms1", "lms2", "worker1"],
    "block_structure_run_lms": ["lms2", "lms1"],
    "block_structure_run_studio": ["studio1"],
    "block_structure_run_workers": ["worker1", "studio1"],
}


def test_a_host_runs_what_its_groups_say():
    parts = {host: carrying.parts_of(host, CLUSTER) for host in CLUSTER["all"]}
    assert parts == {
        "studio1": ["studio", "workers"],
        "lms1": ["lms"],
        "lms2": ["lms"],
        "worker1": ["workers"],
        # Not deployed to by these groups.
        "cache1": ["lms", "studio", "workers"],
    }
    assert carrying.errors(CLUSTER) == []


def test_without_such_groups_every_host_runs_everything():
    groups = {"block_structure_lms": ["lms1", "lms2"], "block_structure_run_studio": []}
    assert carrying.parts_of("lms2", groups) == ["lms", "studio", "workers"]
    assert carrying.first_lms(groups) == "lms1"
    assert carrying.first_lms({}) is None


def test_a_host_with_an_lms_acts_for_the_site_and_not_the_first_of_the_inventory():
    assert carrying.first_lms(CLUSTER) == "lms1"
    assert first_lms(CLUSTER) == "lms1"
    # Of those that --limit leaves; with none of them, another host; without any, a pattern that matches none.
    assert first_lms(CLUSTER, ["worker1", "lms2"]) == "lms2"
    assert first_lms(CLUSTER, ["worker1", "studio1"]) == "studio1"
    assert first_lms({}) == "block_structure_lms"


@pytest.mark.parametrize(
    ("parts", "restarts", "heartbeats", "workers"),
    [
        (["lms", "studio", "workers"], [["/edx/bin/supervisorctl", "restart", "lms", "cms"]], [8000, 8010], 1),
        (["lms"], [["/edx/bin/supervisorctl", "restart", "lms"]], [8000], 0),
        (["studio", "workers"], [["/edx/bin/supervisorctl", "restart", "cms"]], [8010], 1),
        (["workers"], [], [], 1),
    ],
)
def test_defaults_follow_what_a_host_runs(parts: list[str], restarts: list[Any], heartbeats: list[int], workers: int):
    defaults = role_variables.defaults()
    found = carrying.narrowed(defaults, defaults, parts)
    assert found["block_structure_native_restart_commands"] == restarts
    assert found["block_structure_native_heartbeat_urls"] == [f"http://127.0.0.1:{port}/heartbeat" for port in heartbeats]
    assert len(found["block_structure_native_worker_restart_commands"]) == workers


@pytest.mark.parametrize(("parts", "waited_for"), [(["lms"], ["lms"]), (["studio", "workers"], ["lms worker"])])
def test_only_the_workers_of_what_a_host_runs_are_waited_for(parts: list[str], waited_for: list[str]):
    shown = "{{ __block_structure_runtime_services | map(attribute='name') | to_json }}"
    given = ["-e", f"@{ROLE / 'vars' / 'platform_native.yml'}", "-e", json.dumps({"__block_structure_parts": parts})]
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", "debug", "-a", f"msg={shown}", *given]
    unset = json.dumps({"block_structure_native_lms_gunicorn_config": "", "__block_structure_runtime_settings": {}})
    ended = subprocess.run([*command, "-e", unset], capture_output=True, text=True, check=True)
    assert all(f'"{name}"' in ended.stdout.replace("\\", "") for name in waited_for)
    assert ended.stdout.count("lms") == len(waited_for)


def test_commands_of_the_operator_stay():
    defaults = role_variables.defaults()
    own = {**defaults, "block_structure_native_restart_commands": [["systemctl", "restart", "lms", "cms"]]}
    assert carrying.narrowed(own, defaults, ["workers"])["block_structure_native_restart_commands"] == [
        ["systemctl", "restart", "lms", "cms"]
    ]


def test_groups_that_cannot_be_meant_so_are_refused():
    groups = {
        "block_structure_lms": ["lms1", "studio1", "spare1"],
        "block_structure_run_lms": ["lms1"],
        "block_structure_run_studio": ["studio1"],
        "block_structure_run_workers": ["worker1", "lms1"],
    }
    assert "\n".join(map(str, carrying.errors(groups))) == (
        "worker1 is in the group block_structure_run_workers, and not in block_structure_lms, whose hosts are deployed to.\n"
        "Remedy: put it into block_structure_lms too, or take it out of block_structure_run_workers.\n"
        "spare1 is in the group block_structure_lms, and runs neither LMS nor Studio nor workers.\n"
        "Remedy: put it into one of block_structure_run_lms, block_structure_run_studio, block_structure_run_workers."
    )


def active(location: str, kwargs: str = "old") -> dict[str, Any]:
    """Return settings of a survey."""
    return {
        "caches": {"default": {"locations": [location], "key_prefix": "default"}},
        "sessions": {"locations": [location]},
        "block_structures": {"STORAGE_CLASS": kwargs},
    }


def wanted(bucket: str, folder: str = "/edx/var/a") -> dict[str, Any]:
    """Return settings that a host is to get."""
    return {"STORAGE_KWARGS": {"bucket_name": bucket, "local_directory": folder}}


def test_hosts_are_unlike_by_what_they_would_have_and_not_by_what_a_stopped_rollout_left():
    first = {"wanted": wanted("one"), "active": active("cache1:11211")}
    assert carrying.different(wanted("one", "/edx/var/b"), active("cache1:11211", kwargs="new"), first) == []
    assert carrying.different(wanted("two"), active("cache2:11211"), first) == [
        "STORAGE_KWARGS.bucket_name",
        "caches.default.locations",
        "sessions.locations",
    ]
