"""The defaults agree with the argument specification in keys, types and values."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .conftest import PLUGINS, ROLE

SPECIFICATION = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]
OPTIONS = {name: option for entry in SPECIFICATION.values() for name, option in entry["options"].items()}
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
TYPES = {"str": str, "path": str, "int": int, "float": float, "bool": bool, "dict": dict, "list": list}


def test_every_entry_point_exists_and_has_options_of_its_own():
    assert sum(len(entry["options"]) for entry in SPECIFICATION.values()) == len(OPTIONS)
    for entry in SPECIFICATION:
        assert (ROLE / "tasks" / f"{entry}.yml").exists()


def test_every_verb_is_specified():
    verbs = {f"operate/{path.stem}" for path in (ROLE / "tasks" / "operate").glob("*.yml")}
    assert verbs <= set(SPECIFICATION)


def test_specification_and_defaults_have_the_same_keys():
    assert sorted(DEFAULTS) == sorted(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_value_type_and_description_agree(name):
    option = OPTIONS[name]
    assert name.startswith("block_structure_")
    assert DEFAULTS[name] == option["default"]
    assert DEFAULTS[name] is None or type(DEFAULTS[name]) is TYPES[option["type"]]
    assert option["description"].endswith((".", ")."))
    if name.endswith("_seconds"):
        assert "Seconds" in option["description"]


def test_defaults_pass_their_own_specification():
    spec = {
        name: {key: option[key] for key in ("type", "elements", "choices") if key in option} for name, option in OPTIONS.items()
    }
    known = {name: value for name, value in DEFAULTS.items() if value is not None}
    assert ArgumentSpecValidator(spec).validate(known).error_messages == []


def test_secrets_are_marked():
    marked = {name for name, option in OPTIONS.items() if option.get("no_log")}
    assert {name for name in OPTIONS if re.search("access_key|secret_key|session_token", name)} <= marked


def test_every_variable_is_read_somewhere():
    sources = "".join(
        path.read_text()
        for folder in (ROLE, PLUGINS)
        for path in folder.rglob("*")
        if path.suffix in (".yml", ".py") and path.parent.name != "meta"
    )
    sources = sources.replace((ROLE / "defaults" / "main.yml").read_text(), "")
    # Settings and bucket options are read by fields of dataclasses, and tasks read typed values: both lack the prefix.
    unread = []
    for name in OPTIONS:
        stem = name.removeprefix("block_structure_")
        field = re.sub("^(storage|bucket)_", "", stem)
        read = name in sources or f"__block_structure_values['{stem}']" in sources
        if not read and not re.search(rf"^    ({stem}|{field}): ", sources, flags=re.MULTILINE):
            unread.append(name)
    assert unread == []
