"""Only one key of a JSON settings file changes."""

from __future__ import annotations

import json

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.plugin_utils.settings_files import json_edit
from hypothesis import given
from hypothesis import strategies as st

KEY = "BLOCK_STRUCTURES_SETTINGS"
FILE = """{
    "ALPHA": "a",
    "BLOCK_STRUCTURES_SETTINGS": {
        "COURSE_PUBLISH_TASK_DELAY": 30
    },
    "FEATURES": {"A": true,   "B": [1,2]},
    "ZETA": "\\u00e9 , } \\" { "
}
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FILES = st.builds(
    lambda content, indent, end: json.dumps(content, indent=indent) + end,
    st.dictionaries(st.text(max_size=6), VALUES, max_size=4),
    st.sampled_from([None, 2, 4, "\t"]),
    st.sampled_from(["", "\n", "\n\n"]),
)


def test_member_is_replaced_in_the_style_of_the_file():
    after = json_edit.set_key(FILE, KEY, {"STORAGE_CLASS": "x", "COURSE_PUBLISH_TASK_DELAY": 5})
    assert after == FILE.replace(
        '{\n        "COURSE_PUBLISH_TASK_DELAY": 30\n    }',
        '{\n        "COURSE_PUBLISH_TASK_DELAY": 5,\n        "STORAGE_CLASS": "x"\n    }',
    )


def test_equal_value_in_another_style_is_unchanged():
    assert json_edit.set_key(FILE, "FEATURES", {"B": [1, 2], "A": True}) == FILE


@given(FILES, VALUES)
def test_set_value_is_read_back_and_other_members_are_unchanged(text, value):
    before = json.loads(text)
    after = json_edit.set_key(text, KEY, value)
    assert json.loads(after) == {**before, KEY: value}
    for name in before:
        assert json_edit.get_raw(after, name) == json_edit.get_raw(text, name)


@given(FILES, VALUES)
def test_adding_and_removing_restores_the_file(text, value):
    added = json_edit.set_key(text, KEY, value)
    if json.loads(text):
        assert json_edit.set_raw(added, KEY, None) == text
    else:
        assert json.loads(json_edit.set_raw(added, KEY, None)) == {}


@given(FILES, VALUES, VALUES)
def test_previous_member_is_restored_exactly(text, previous, value):
    before = json_edit.set_key(text, KEY, previous)
    changed = json_edit.set_key(before, KEY, value)
    assert json_edit.set_raw(changed, KEY, json_edit.get_raw(before, KEY)) == before


def test_windows_line_endings_are_kept():
    after = json_edit.set_key(FILE.replace("\n", "\r\n"), KEY, {"A": {"B": 1}})
    assert "\n" not in after.replace("\r\n", "")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "The settings file is not JSON: expected { at line 1."),
        ("[]", "The settings file is not JSON: expected { at line 1."),
        ('{"a": 1,}', 'The settings file is not JSON: expected " at line 1.'),
        ('{\n"a" 1}', "The settings file is not JSON: expected : at line 2."),
        ('{"a": nope}', "The settings file is not JSON: Expecting value at line 1, column 7."),
        ('{"a": 1} {}', "The settings file holds more than one JSON value."),
        ('{"K": 1, "K": 2}', "The settings file has K 2 times at its top level."),
    ],
)
def test_invalid_file_is_refused_with_line_but_no_content(text, cause):
    with pytest.raises(BlockStructureError) as refused:
        json_edit.set_key(text, "K", 1)
    assert refused.value.cause == cause
    assert refused.value.remedy
