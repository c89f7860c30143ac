"""Only one key changes and every other byte is kept, for files of any style."""

from __future__ import annotations

import pytest
import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.plugin_utils.settings_files import yaml_edit
from hypothesis import assume, given
from hypothesis import strategies as st

KEY = "BLOCK_STRUCTURES_SETTINGS"
VALUE = {"TASK_MAX_RETRIES": 5, "STORAGE_CLASS": None, "STORAGE_KWARGS": {"bucket_name": "ex: ample #1", "location": ""}}

# Styles of an entry that operators and the configuration playbooks write.
ENTRIES = st.sampled_from(
    [
        "PLAIN: value\n",
        "QUOTED: 'it''s: # no comment'\n",
        'DOUBLE: "tab\\t and \\u00e9"\n',
        "EMPTY:\n",
        "FLOW: {a: 1, b: [x, y]}  # trailing\n",
        "FLOW_LINES: {a: 1,\n  b: 2}\n",
        "BLOCK: |\n  BLOCK_STRUCTURES_SETTINGS: not a key\n\n  end\n",
        "KEEP: |+\n  text\n\n\n",
        "FOLDED: >-\n  long\n  text\n",
        "NESTED:\n  BLOCK_STRUCTURES_SETTINGS:\n    - 1\n",
        "LIST:\n- 1\n- {x: 2}\n",
        "# a comment\n",
        "# BLOCK_STRUCTURES_SETTINGS: {a: 1}\n",
        "\n",
        "UNICODE: größe ✓\n",
    ]
)
OURS = st.sampled_from(
    [
        "",
        f"{KEY}:\n  a: 1\n",
        f"{KEY}: {{a: 1}}  # ours\n",
        f"{KEY}:\n",
        f"'{KEY}':\n  # inner\n  a:\n    - b\n\n",
        f"{KEY}: |\n  text\n",
    ]
)


def unique(entries: list[str]) -> list[str]:
    """Drop entries with a duplicate key: YAML keys are unique, comments may repeat."""
    return [entry for number, entry in enumerate(entries) if entry[0] in "#\n" or entry not in entries[:number]]


def load(text: str) -> dict:
    """Return the mapping of a generated text; reject text that is not a mapping."""
    try:
        value = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        value = None
    assume(isinstance(value, dict))
    return value


@st.composite
def documents(draw):
    before, after = unique(draw(st.lists(ENTRIES))), draw(st.lists(ENTRIES))
    after = [entry for entry in unique(after) if entry[0] in "#\n" or entry not in before]
    text = "".join([*before, draw(OURS), *after])
    text = draw(st.sampled_from(["", "---\n", "%YAML 1.1\n---\n"])) + text
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text += "" if not text.endswith("\n") else "...\n"
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return text


@given(documents())
def test_only_the_set_key_changes(text):
    before = load(text)
    after = yaml_edit.set_key(text, KEY, VALUE)
    assert yaml.safe_load(after) == {**before, KEY: VALUE}


@given(documents())
def test_restoring_returns_every_byte(text):
    load(text)
    raw = yaml_edit.get_raw(text, KEY)
    assert yaml_edit.set_raw(yaml_edit.set_key(text, KEY, VALUE), KEY, raw) == text


@given(documents())
def test_text_outside_the_entry_is_kept(text):
    load(text)
    raw = yaml_edit.get_raw(text, KEY)
    after = yaml_edit.set_key(text, KEY, VALUE)
    if raw is not None:
        head, tail = text.split(raw, 1) if text.count(raw) == 1 else (None, None)
        assume(head is not None)
        assert after.startswith(head)
        assert after.endswith(tail)
    else:
        assert after.replace(yaml_edit.get_raw(after, KEY), "").strip("\r\n") == text.strip("\r\n")


@given(documents())
def test_setting_is_idempotent(text):
    load(text)
    once = yaml_edit.set_key(text, KEY, VALUE)
    assert yaml_edit.set_key(once, KEY, VALUE) == once


def test_equal_value_in_another_style_is_unchanged():
    text = f"{KEY}: {{a: 1}} # as the operator writes it\n"
    assert yaml_edit.set_key(text, KEY, {"a": 1}) == text


def test_byte_order_mark_and_indented_top_level():
    assert yaml_edit.set_key("\ufeffA: 1\n", KEY, {"a": 1}) == f"\ufeffA: 1\n{KEY}:\n  a: 1\n"
    assert yaml_edit.set_key("  A: 1\n  B: 2\n", KEY, {"a": 1}) == f"  A: 1\n  B: 2\n  {KEY}:\n    a: 1\n"


def test_last_line_without_newline_keeps_its_value():
    text = "A: 1\nBLOCK: |\n  end"
    assert yaml_edit.set_key(text, KEY, {"a": 1}) == f"{KEY}:\n  a: 1\n" + text


def test_alias_in_the_replaced_entry_is_removed_but_its_anchor_is_kept():
    text = f"BASE: &base {{a: 1}}\n{KEY}: *base\nC: 2\n"
    assert yaml_edit.set_key(text, KEY, {"b": 2}) == f"BASE: &base {{a: 1}}\n{KEY}:\n  b: 2\nC: 2\n"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("- a list\n", "The settings file is not a block of `KEY: value` lines at its top level."),
        ("{A: 1}\n", "The settings file is not a block of `KEY: value` lines at its top level."),
        ("A: 1\n---\nB: 2\n", "The settings file holds more than one YAML document."),
        (
            "A: 1\nB: [\n",
            "The settings file is not YAML: expected the node content, but found '<stream end>' at line 3, column 1.",
        ),
        (
            "A: 1\n\tB: 2\n",
            "The settings file is not YAML: found character ... that cannot start any token at line 2, column 1.",
        ),
        (f"{KEY}: 1\n{KEY}: 2\n", f"The settings file has {KEY} 2 times at its top level."),
        (
            f"{KEY}: &x {{a: 1}}\nB: *x\n",
            f"{KEY} in the settings file defines the anchor &x, which another key uses.",
        ),
    ],
)
def test_invalid_file_is_refused_without_its_content(text, cause):
    with pytest.raises(BlockStructureError) as refused:
        yaml_edit.set_key(text, KEY, VALUE)
    assert refused.value.cause.replace("did not find expected node content", "expected the node content") == cause
    assert refused.value.remedy


FEATURES = "# ours\nALPHA: 1\nFEATURES:  # what is on\n    # first\n    A: true\n    B: 'x # y'\nZETA: &z\n    A: 1\n"


def test_inner_key_is_added_and_removed_without_other_changes():
    added = yaml_edit.set_inner_key(FEATURES, "FEATURES", "C", True)
    assert added == FEATURES.replace("'x # y'\n", "'x # y'\n    C: true\n")
    assert yaml_edit.get_inner_raw(added, "FEATURES", "C") == "    C: true\n"
    assert yaml_edit.set_inner_raw(added, "FEATURES", "C", None) == FEATURES


def test_inner_key_is_replaced_and_restored_exactly():
    changed = yaml_edit.set_inner_key(FEATURES, "FEATURES", "A", False)
    assert changed == FEATURES.replace("    A: true\n", "    A: false\n")
    assert yaml_edit.set_inner_raw(changed, "FEATURES", "A", yaml_edit.get_inner_raw(FEATURES, "FEATURES", "A")) == FEATURES
    assert yaml_edit.set_inner_key(FEATURES, "FEATURES", "A", True) == FEATURES


def test_missing_parent_is_added_and_removed_with_its_only_key():
    added = yaml_edit.set_inner_key("ALPHA: 1\n", "FEATURES", "C", True)
    assert yaml.safe_load(added) == {"ALPHA": 1, "FEATURES": {"C": True}}
    assert yaml_edit.set_inner_raw(added, "FEATURES", "C", None) == "ALPHA: 1\n"


@pytest.mark.parametrize("written", ["FEATURES: {A: true}\n", "FEATURES:\n", "FEATURES: [A]\n"])
def test_parent_that_is_not_a_block_mapping_is_refused(written):
    with pytest.raises(BlockStructureError, match="FEATURES in the settings file is not a block of `KEY: value` lines"):
        yaml_edit.set_inner_key(written, "FEATURES", "C", True)
