"""Every row of the contract against every platform."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from block_structure.module_utils.decisions.releases import columns

from .releases import ContractRelease, contract_table, release_names, release_row
from .rows import COLUMNS, PROCESSES, ROWS, Row
from .target import Target

ABSENT = "course-v1:BlockStructureContract+Absent+2026"
COMMAND = "generate_course_blocks"
RETRY_KEYS = {"COURSE_PUBLISH_TASK_DELAY": 30, "TASK_DEFAULT_RETRY_DELAY": 30, "TASK_MAX_RETRIES": 5}


def check(row: Row, found: Any, target: Target) -> None:
    """Fail with the row's text unless it shows what it should."""
    expected = row.value(target.release)
    alternatives = expected if isinstance(expected, tuple) else (expected,)
    assert found in alternatives, f"{row.behaviour}\nSource: {row.source}\nFound: {found}\nExpected: {expected}"


def test_behaviour(
    release: str, row: Row, platform: Callable[[str], Target], observed: Callable[[str], dict[str, Any]]
) -> None:
    """A row that one running process shows."""
    outcome = observed(release)[row.id]
    assert "error" not in outcome, outcome["error"]
    check(row, outcome["value"], platform(release))


def test_process(release: str, row: Row, platform: Callable[[str], Target]) -> None:
    """A row that takes a process of its own."""
    target = platform(release)
    check(row, QUESTIONS[row.id](target), target)


def an_unknown_course(target: Target) -> dict[str, Any]:
    done = target.manage_lms(COMMAND, "--courses", ABSENT)
    return {"code": done.code, "said": done.says(f"An error occurred while generating course blocks for {ABSENT}")}


def a_key_that_is_none(target: Target) -> dict[str, Any]:
    done = target.manage_lms(COMMAND, "--courses", "nonsense")
    return {"code": done.code, "said": done.says("CommandError: Invalid key specified")}


def with_storage(target: Target) -> dict[str, Any]:
    done = target.manage_lms(COMMAND, "--with_storage", "--courses", ABSENT)
    return {"code": done.code, "said": done.says("unrecognized arguments: --with_storage")}


def settings_without_the_retry_keys(target: Target) -> dict[str, Any]:
    return starts(target, {"COURSE_PUBLISH_TASK_DELAY": 30}, "KeyError: 'TASK_DEFAULT_RETRY_DELAY'")


def settings_with_a_class_that_does_not_exist(target: Target) -> dict[str, Any]:
    return starts(target, {**RETRY_KEYS, "STORAGE_CLASS": "storages.backends.nowhere.Storage"}, "storages.backends.nowhere")


def starts(target: Target, settings: dict[str, Any], text: str) -> dict[str, Any]:
    """Return how a command ends with other settings, and whether it writes the text."""
    with target.with_settings({"BLOCK_STRUCTURES_SETTINGS": settings}) as path:
        done = target.manage_lms("shell", stdin="pass\n", lms_cfg=path)
    return {"code": done.code, "said": done.says(text)}


def a_global_acl_in_the_yaml(target: Target) -> Any:
    return observed_with(target, {"AWS_DEFAULT_ACL": "private"}, "a_global_acl_in_the_yaml")


def long_cache_keys_without_the_feature(target: Target) -> Any:
    return observed_with(target, {"FEATURES": {"ENABLE_BLAKE2B_HASHING": False}}, "long_cache_keys_are_hashed")["hash"]


def studio_reads_the_settings(target: Target) -> bool:
    if target.cms_cfg is None:
        pytest.skip("no Studio is named (BLOCK_STRUCTURE_CONTRACT_CMS_CFG)")
    changes = {"BLOCK_STRUCTURES_SETTINGS": {**RETRY_KEYS, "DIRECTORY_PREFIX": "studio/"}}
    program = "from django.conf import settings; print('PREFIX', settings.BLOCK_STRUCTURES_SETTINGS.get('DIRECTORY_PREFIX'))\n"
    with target.with_settings(changes, system="cms") as path:
        done = target.manage_cms("shell", stdin=program, named_by=[target.names_settings(path, "cms")])
    assert done.code == 0 and done.says("PREFIX"), done.err[-2000:]
    return done.says("PREFIX studio/")


def this_variable_names_studios_settings(target: Target) -> str:
    if target.cms_cfg is None:
        pytest.skip("no Studio is named (BLOCK_STRUCTURE_CONTRACT_CMS_CFG)")
    names = ("STUDIO_CFG", "CMS_CFG")
    program = "from django.conf import settings; print('READ', settings.EMAIL_SUBJECT_PREFIX)\n"
    with ExitStack() as copies:
        paths = [copies.enter_context(target.with_settings({"EMAIL_SUBJECT_PREFIX": name}, system="cms")) for name in names]
        both = [f"{name}={path}" for name, path in zip(names, paths, strict=True)]
        done = target.manage_cms("shell", stdin=program, named_by=both)
    assert done.code == 0, done.err[-2000:]
    (read,) = (name for name in names if done.says(f"READ {name}"))
    return read


def observed_with(target: Target, changes: dict[str, Any], name: str) -> Any:
    """Return what a row shows with other top-level keys in the YAML."""
    with target.with_settings(changes) as path:
        outcome = target.observe([name], lms_cfg=path)[name]
    assert "error" not in outcome, outcome["error"]
    return outcome["value"]


QUESTIONS: dict[str, Callable[[Target], Any]] = {
    question.__name__: question
    for question in (
        an_unknown_course,
        a_key_that_is_none,
        with_storage,
        settings_without_the_retry_keys,
        settings_with_a_class_that_does_not_exist,
        a_global_acl_in_the_yaml,
        studio_reads_the_settings,
        this_variable_names_studios_settings,
        long_cache_keys_without_the_feature,
    )
}


def test_every_row_has_a_source() -> None:
    """A behaviour without a source is a guess."""
    assert [row.id for row in ROWS + PROCESSES if not row.source or not row.behaviour.endswith(".")] == []


def test_every_column_of_the_release_table_is_held_by_a_row() -> None:
    """What two releases differ in is either a row, or it is said why it can be none."""
    assert set(COLUMNS) == columns() | set(contract_table()["sources"])
    named = {value for value in COLUMNS.values() if " " not in value}
    assert named <= {row.id for row in ROWS + PROCESSES}


@pytest.mark.parametrize("column", [column for column, row in COLUMNS.items() if " " not in row])
def test_a_wrong_cell_would_fail_its_row(column: str) -> None:
    """The row expects something else of each release whose cell another one's is put into, or it does not apply any more."""
    (row,) = (row for row in ROWS + PROCESSES if row.id == COLUMNS[column])
    releases = list(map(release_row, release_names()))

    def expected(release: ContractRelease) -> Any:
        return row.value(release) if row.applies(release) else "nothing"

    swaps = [(one, getattr(other, column)) for one in releases for other in releases if row.applies(one)]
    wrong = [(one, cell) for one, cell in swaps if cell != getattr(one, column)]
    assert wrong
    assert [(one.name, cell) for one, cell in wrong if expected(replace(one, **{column: cell})) == expected(one)] == []


def test_every_row_is_there_once() -> None:
    """Two rows of one name would hide each other."""
    names = [row.id for row in ROWS + PROCESSES]
    assert sorted(set(names)) == sorted(names)
