"""Variables have their specified type from every source: text of an INI inventory, of `-e name=value`, of a survey."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from block_structure.plugin_utils import role_variables

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {
    "block_structure_invalidate_cache_on_publish": ("false", False),
    "block_structure_raise_error_when_not_found": ("no", False),
    "block_structure_manage_bucket": ("False", False),
    "block_structure_generation_force": ("yes", True),
    "block_structure_num_versions_to_keep": ("3", 3),
    "block_structure_cache_timeout_seconds": ("600", 600),
    "block_structure_memcached_growth_percent": ("45", 45),
}


def test_text_becomes_what_the_specification_says() -> None:
    values, errors = role_variables.typed({name: text for name, (text, _) in TEXTS.items()})
    assert errors == []
    assert values == {name: value for name, (_, value) in TEXTS.items()}
    assert all(type(values[name]) is type(value) for name, (_, value) in TEXTS.items())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("block_structure_manage_bucket", None, "is null."),
        ("block_structure_num_versions_to_keep", "inf", "cannot be read as int."),
        ("block_structure_num_versions_to_keep", 10**30, "is no number up to 2147483647."),
        ("block_structure_task_settings", False, "is refused: "),
        ("block_structure_task_settings", {1: 2}, "is not text but int."),
        ("block_structure_storage_secret_key", "example\n", "has a line break or another unprintable character."),
        ("block_structure_bucket_tags", {"a": {"b": "\x1b"}}, "has a line break or another unprintable character."),
    ],
)
def test_what_cannot_become_it_is_refused_by_name(name: str, value: object, problem: str) -> None:
    _, (error,) = role_variables.typed({name: value})
    assert error.variable == name
    assert problem in error.cause
    assert error.remedy


@pytest.mark.parametrize("source", ["-e", "ini"])
def test_tasks_see_the_same_from_every_source(tmp_path: Path, source: str) -> None:
    texts = {**{name: text for name, (text, _) in TEXTS.items()}, "block_structure_release": "palm"}
    texts["block_structure_storage_bucket"] = "example-block-structures"
    pairs = [f"{name}={value}" for name, value in texts.items()]
    inventory = tmp_path / "hosts.ini"
    of_host = pairs if source == "ini" else []
    inventory.write_text("[block_structure_lms]\nlms1.example.com\n[block_structure_lms:vars]\n" + "\n".join(of_host) + "\n")
    seen = tmp_path / "seen.json"
    play = tmp_path / "play.yml"
    play.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.import_role:\n"
        "        {name: openedx_operators.block_structure.block_structure, tasks_from: common/validate}\n"
        "    - ansible.builtin.copy:\n"
        f"        {{content: '{{{{ [__block_structure_values, __block_structure_desired] | to_json }}}}', dest: {seen}}}\n"
        "      delegate_to: localhost\n"
    )
    more = [word for pair in pairs for word in ("-e", pair)] if source == "-e" else []
    done = subprocess.run(
        ["ansible-playbook", "-i", str(inventory), str(play), *more], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    values, desired = json.loads(seen.read_text())
    assert {f"block_structure_{name}": value for name, value in values.items() if f"block_structure_{name}" in TEXTS} == {
        name: value for name, (_, value) in TEXTS.items()
    }
    assert desired["switches"]["block_structure.invalidate_cache_on_publish"] is False
    assert desired["switches_if_clean"] == {}
    assert desired["row"] == {"num_versions_to_keep": 3, "cache_timeout_in_seconds": 600}
