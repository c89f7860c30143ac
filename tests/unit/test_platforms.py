"""The platform of Open edX: detected, compared with the inventory, and mismatches reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import desired, platforms
from block_structure.plugin_utils import role_variables

from . import modules
from .conftest import PLUGINS

NOTHING: dict[str, str | None] = {"native": None, "tutor_local": None, "tutor_k8s": None}
NATIVE = {**NOTHING, "native": "/edx/app/edxapp/edx-platform/manage.py exists"}
LOCAL = {**NOTHING, "tutor_local": "`tutor local exec lms` works"}
K8S = {**NOTHING, "tutor_k8s": "kubectl finds deployment/lms in the namespace openedx"}


@pytest.mark.parametrize(
    ("named", "evidence", "platform"),
    [
        ("auto", NATIVE, "native"),
        ("auto", LOCAL, "tutor_local"),
        ("auto", K8S, "tutor_k8s"),
        ("native", NATIVE, "native"),
        ("tutor_local", {**LOCAL, "native": NATIVE["native"]}, "tutor_local"),
        ("tutor_local", NOTHING, "tutor_local"),
    ],
)
def test_platform_is_detected_from_the_host(named, evidence, platform):
    assert platforms.decide(named, evidence) == platform


@pytest.mark.parametrize(
    ("named", "evidence", "text"),
    [
        (
            "native",
            LOCAL,
            (
                "block_structure_platform is 'native', and this host runs tutor_local "
                "(`tutor local exec lms` works).\n"
                "Remedy: set block_structure_platform to the installed platform or to auto; if it is native, correct the "
                "block_structure_native_ or block_structure_tutor_ variables that locate it."
            ),
        ),
        (
            "auto",
            NOTHING,
            (
                "No Open edX was found on this host: no native installation at the block_structure_native_ paths, and no "
                "LMS that Tutor or kubectl can reach as block_structure_tutor_user.\n"
                "Remedy: start the site; or set block_structure_platform, and the next run reports what is missing."
            ),
        ),
        (
            "auto",
            {**NATIVE, "tutor_k8s": K8S["tutor_k8s"]},
            (
                "This host has more than one Open edX: native (/edx/app/edxapp/edx-platform/manage.py exists) and "
                "tutor_k8s (kubectl finds deployment/lms in the namespace openedx).\n"
                "Remedy: set block_structure_platform to the one to manage."
            ),
        ),
    ],
)
def test_what_does_not_agree_is_reported_with_both_sides(named, evidence, text):
    with pytest.raises(BlockStructureError) as refused:
        platforms.decide(named, evidence)
    assert str(refused.value) == text


def test_every_platform_with_a_row_is_looked_for():
    source = (PLUGINS / "modules/platform_info.py").read_text()
    assert [name for name in role_variables.platforms() if f'"{name}": lambda' not in source] == []


def test_nothing_is_refused_while_the_platform_is_undetected(variables, table):
    given = {**variables, "block_structure_platform": "auto", "block_structure_runtime_collector": "out_of_band"}
    wanted = desired.resolve(given, table, platforms=role_variables.platforms(), memcached_hosts=["cache1"])
    assert (wanted.errors, wanted.desired.platform) == ((), "auto")


@pytest.mark.parametrize(
    ("task_vars", "found"),
    [
        ({}, None),
        ({"__block_structure_detected": {"platform": "tutor_k8s"}}, "tutor_k8s"),
        (
            {
                "groups": {"block_structure_lms": ["lms1", "lms2"]},
                "hostvars": {"lms1": {"__block_structure_detected": {"platform": "native"}}},
            },
            "native",
        ),
        ({"groups": {"block_structure_lms": ["lms1"]}, "hostvars": {"lms1": {}}}, None),
    ],
)
def test_memcached_host_has_the_platform_of_the_first_lms(task_vars: dict[str, Any], found: str | None):
    assert role_variables.detected_platform(task_vars) == found


def inspect(tmp_path: Path, named: str, files: list[str], tutor: str, kubectl: str) -> dict[str, Any]:
    """Run the real module; tutor and kubectl are shell scripts."""
    arguments = {
        "named": named,
        "native_files": files,
        "tutor_argv": ["/bin/sh", "-c", f'echo "$@" >> {tmp_path}/asked; {tutor}', "tutor"],
        "kubectl_argv": ["/bin/sh", "-c", kubectl, "kubectl"],
    }
    return modules.run("platform_info", arguments)


WORKS = 'case "$*" in "local exec -T lms true") exit 0;; *printvalue*) echo openedx;; *) exit 1;; esac'
K8S_ONLY = 'case "$*" in *printvalue*) echo courses;; *) exit 1;; esac'


def test_module_detects_each_platform(tmp_path):
    own = tmp_path / "manage.py"
    own.touch()
    assert inspect(tmp_path, "auto", [str(own)], "exit 1", "exit 1")["platform"] == "native"
    assert inspect(tmp_path, "auto", [str(own), f"{own}.not"], WORKS, "exit 1")["platform"] == "tutor_local"
    in_cluster = 'test "$*" = "get --namespace=courses deployment/lms"'
    assert inspect(tmp_path, "auto", ["/no/such"], K8S_ONLY, in_cluster)["platform"] == "tutor_k8s"
    both = inspect(tmp_path, "auto", [str(own)], WORKS, "exit 1")
    assert both["failed"]
    assert both["error"]["id"] == "platform-ambiguous"


def test_a_named_platform_that_is_seen_is_all_that_is_looked_for(tmp_path):
    own = tmp_path / "manage.py"
    own.touch()
    assert inspect(tmp_path, "native", [str(own)], WORKS, "exit 1")["platform"] == "native"
    assert not (tmp_path / "asked").exists()
