"""LMS hosts that would differ after a deploy are refused before any change: by Ansible, on two hosts that are this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import plays

STEP = [
    plays.facts(__block_structure_desired="{{ desired }}", __block_structure_survey="{{ survey }}"),
    plays.step("common/compare_hosts"),
]


def host(release: str = "teak", bucket: str = "one", cache: str = "cache1:11211", active: str = "old") -> dict[str, Any]:
    """Return the facts of a host: what it runs, what it is to get, and what it has."""
    return {
        "desired": {"release": {"name": release}, "settings": {"STORAGE_KWARGS": {"bucket_name": bucket}}},
        "survey": {"settings": {"caches": {"default": {"locations": [cache]}}, "sessions": {}, "block_structures": active}},
    }


def compare(folder: Path, *arguments: str, **hosts: dict[str, Any]) -> tuple[int, str]:
    """Return exit code and output of the comparison."""
    code, output = plays.run(folder / "play.yml", STEP, *arguments, hosts=hosts)
    return code, " ".join(output.replace("\\n", " ").split())


def test_hosts_that_a_stopped_rollout_left_different_are_compared_by_what_they_will_be(tmp_path: Path):
    code, output = compare(tmp_path, lms1=host(active="new"), lms2=host(active="old"))
    assert code == 0, output


def test_a_host_with_another_bucket_or_cache_is_refused_and_named(tmp_path: Path):
    code, output = compare(tmp_path, lms1=host(), lms2=host(bucket="two", cache="cache2:11211"))
    assert code == 2
    assert (
        "lms2 would have other settings than lms1 after this run: STORAGE_KWARGS.bucket_name, caches.default.locations. "
        "Remedy: give every LMS host the same variables, and the same CACHES and sessions in its settings." in output
    )
    assert output.count("fatal: ") == 1


def test_a_rollback_restores_each_host_as_it_was(tmp_path: Path):
    code, output = compare(tmp_path, "-e", '{"__block_structure_restores": true}', lms1=host(), lms2=host(bucket="two"))
    assert code == 0, output


def test_a_host_without_the_first_one_is_compared_with_nothing(tmp_path: Path):
    code, output = compare(tmp_path, "--limit=lms2", lms1=host(), lms2=host(bucket="two"))
    assert code == 0, output


def test_a_host_of_another_release_is_refused(tmp_path: Path):
    code, output = compare(tmp_path, lms1=host(), lms2=host(release="sumac"))
    assert code == 2
    assert "lms2 runs sumac, and lms1 runs teak. Remedy: finish the upgrade on every LMS host first." in output
