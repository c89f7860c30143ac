"""Settings in Tutor's configuration have the types that the role gives its variables, and the role leaves the site to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.plugin_utils import role_variables
from block_structure.plugin_utils.reports import layout, screen
from block_structure_tutor import settings
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from measured import site_in_need

from .conftest import ROOT

BUCKET = "block_structure_storage_bucket"
# The role's; one is of the plugin alone.
NAMES = sorted({name.lower() for name in settings.defaults()} - {"block_structure_redis_maxmemory_mb"})
# What `tutor config save --set NAME=VALUE` reads as YAML.
VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        7,
        -1,
        2.5,
        "",
        "7",
        "2.5",
        "yes",
        "off",
        "text",
        "stock",
        "plain",
        "resilient",
        [],
        ["a", 1],
        {},
        {"a": 1},
        {"pruning_active": False},
        {"attempts": "3"},
        {"attempts": 3, "budget_seconds": 1},
    ]
)


def converted(name: str, value: object) -> object:
    """Return a value as the plugin converts it, or that it is refused."""
    try:
        return settings.typed(name, settings.options()[name], value)
    except BlockStructureError as error:
        assert error.identifier == "variable-type"
        assert name.upper() in str(error)
        return "refused"


@limits(deadline=None, max_examples=400)
@given(st.sampled_from(NAMES), VALUES)
def test_a_value_is_converted_or_refused_as_by_the_role(name, value):
    """The plugin is stricter in one thing: it takes no text or number for a list or a dictionary."""
    ours = converted(name, value)
    kind = settings.options()[name].get("type", "str")
    if kind in ("list", "dict") and not isinstance(value, (list, dict, type(None))):
        assert ours == "refused"
        return
    values, errors = role_variables.typed({name: value})
    if ours == "refused":
        # Ansible takes whatever has a text for text.
        assert errors or isinstance(value, (list, dict, float, bool))
    else:
        assert not errors
        assert ours == values[name]


@pytest.mark.parametrize("version", ["20.0.5", "22.0.3", "15.3.9"])
def test_without_a_bucket_nothing_is_patched(version):
    wanted = settings.resolve({"PLUGINS": ["block-structure"]}, version)
    assert wanted.patches() == {}
    assert wanted.desired.identify["named"]


def test_a_diagnosis_names_what_a_tutor_user_can_set():
    """The same screen as that of the command, with other names."""
    report = site_in_need()
    report["findings"].append(
        {
            **report["findings"][1],
            "variable": BUCKET,
            "remedy": f"set {BUCKET} and run openedx_operators.block_structure.deploy.",
        }
    )
    report["cure"].append({"name": BUCKET, "value": "example", "findings": ["not-in-s3"], "note": None, "proposed": False})
    medium = layout.Medium(120, to_set="Set:")
    lines = [line for line, _ in screen.site(settings.of_tutor(report), medium, everything=True)]
    assert lines[lines.index("Set:") + 1 :][:2] == [f"  {BUCKET.upper()}: example", ""]
    assert f"  Remedy: set {BUCKET.upper()} and run `tutor config save`, restart, and run the job" in " ".join(lines)
    command = [line for line, _ in screen.site(report, medium, everything=True)]
    assert command[-42:] == lines[-42:]  # the table of courses


def test_redis_is_given_its_memory_where_that_is_asked_for():
    asked = {"BLOCK_STRUCTURE_STORAGE_BUCKET": "example-block-structures", "BLOCK_STRUCTURE_STORAGE_REGION": "eu-central-1"}
    assert "redis-conf" not in settings.resolve(asked, "20.0.5").patches()
    given = settings.resolve({**asked, "BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB": "6144"}, "20.0.5")
    text = "maxmemory 6144mb\nmaxmemory-policy allkeys-lru\n"
    assert given.patches()["redis-conf"] == text
    assert yaml.safe_load(given.plugin())["patches"]["redis-conf"] == text


@pytest.mark.parametrize(
    ("value", "version", "message"),
    [
        ("much", "20.0.5", "BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB is not of the type int."),
        (6144, "16.1.8", "BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB has no effect: Tutor 16.1.8 has no patch redis-conf."),
        (8, "20.0.5", "BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB is 8: a Redis that full evicts sessions and Celery's queues too."),
    ],
)
def test_a_redis_that_is_no_use_is_refused(value, version, message):
    with pytest.raises(settings.RefusedError) as refused:
        settings.resolve({"BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB": value}, version)
    assert str(refused.value).startswith(f"{message}\nRemedy: ")


def test_a_tutor_of_no_known_release_is_refused():
    with pytest.raises(settings.RefusedError) as refused:
        settings.resolve({}, "99.0.0")
    assert str(refused.value) == (
        "Tutor 99.0.0 installs no release that this plugin knows.\n"
        "Remedy: install the version of block-structure that supports it, or disable the plugin."
    )


def test_the_role_refuses_a_site_whose_settings_the_plugin_writes(tmp_path: Path):
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "__block_structure_values": {"manage_settings": True},
            "__block_structure_tutor": {"plugins": ["mfe", "block-structure"]},
        },
        "tasks": [
            {
                "ansible.builtin.include_role": {
                    "name": "openedx_operators.block_structure.block_structure",
                    "tasks_from": "deploy/signing_keys",
                }
            }
        ],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    playbook = Path(sys.executable).parent / "ansible-playbook"
    ended = subprocess.run(
        [playbook, "-i", "localhost,", tmp_path / "play.yml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "Tutor's plugin block-structure is enabled here, and sets what this role would set." in ended.stdout
    assert "Remedy: leave the settings to it (block_structure_manage_settings: false); or run `tutor plugins" in ended.stdout
