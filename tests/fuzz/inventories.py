"""Inventories that no operator means to write: values of wrong types, infinities, control characters, nested and huge ones."""

from __future__ import annotations

import datetime
from typing import Any

from block_structure.plugin_utils import role_variables
from hypothesis import strategies as st

OPTIONS = role_variables.options()
MARK = "EXAMPLEOFASECRET"
_ODD_TEXT = [
    "", " ", "\n", "a\nb", "\x00", "\x1b[31m", "\u2028", "\udcff", "é", "\uff11", "true", "No", "on", "None", "null", "~",
    "0", "-1", "1.5", "1e999", "inf", "-Infinity", "NaN", "0x10", "1_000", "9" * 400, "../..", "/", "//", "*/",
    "${aws:username}/", "a//b/", "%s", "{0}", "{{ x }}", "http://", "https://[::1", "http://[", "https://s3.example.com:99999",
    "s3://x", "3m", "2.5m", "1g", "[1, 2]", "{'a': 1}", '{"a": {"b": []}}', "a,b", "a=b", "=", "present\r\n",
]  # fmt: skip
_NUMBERS = [
    0,
    -1,
    1,
    2,
    7,
    2**31,
    2**31 - 1,
    2**63,
    10**30,
    10**400,
    -(10**30),
    0.5,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
]
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(_NUMBERS),
    st.integers(),
    st.floats(),
    st.sampled_from(_ODD_TEXT),
    st.text(max_size=12),
    st.just(datetime.date(2026, 11, 27)),
)
_KEYS = st.one_of(st.text(max_size=6), st.sampled_from(["acl", "verify", "gzip", "a\nb"]), st.integers(), st.none())
JUNK = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=6
)


def _of(option: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values near what an option takes, and far from it."""
    near = [st.sampled_from(option["choices"])] if "choices" in option else []
    near += [st.just(option["default"])] if "default" in option else []
    if "options" in option:
        inner = {name: _of(one) for name, one in option["options"].items()}
        near.append(st.fixed_dictionaries({}, optional={**inner, "unheard_of": JUNK}))
    if option["type"] == "list":
        near += [st.lists(_LEAVES, max_size=3), st.lists(st.lists(_LEAVES, max_size=2), max_size=2)]
    if option["type"] == "dict":
        near.append(st.dictionaries(_KEYS, _LEAVES, max_size=3))
    return st.one_of(*near, JUNK)


def _overrides(table: dict[str, dict[str, Any]]) -> st.SearchStrategy[Any]:
    """Return overrides of columns of the release table."""
    columns = sorted(next(iter(table.values())))
    return st.dictionaries(st.sampled_from([*columns, "unheard_of"]), JUNK, max_size=3)


def inventories(table: dict[str, dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return the variables of a host: valid ones, of which up to six are replaced."""
    values = {name: _of(option) for name, option in OPTIONS.items()}
    values["block_structure_release"] = st.one_of(st.sampled_from([*table, None]), JUNK)
    values["block_structure_platform"] = st.one_of(st.sampled_from(["native", "tutor_local", "tutor_k8s", "auto"]), JUNK)
    values["block_structure_release_overrides"] = st.one_of(_overrides(table), JUNK)
    values["block_structure_storage_class"] = st.one_of(st.sampled_from(["plain", "resilient", "a.b.C"]), JUNK)
    for name in ("access_key", "secret_key"):
        marked = st.sampled_from([MARK, MARK + "\n", [MARK], {"a": MARK}, {MARK: 1}])
        values[f"block_structure_storage_{name}"] = st.one_of(marked, st.none(), JUNK)
        values[f"block_structure_bucket_{name}"] = st.one_of(marked, st.none(), JUNK)
    secrets = st.dictionaries(st.sampled_from(["secret_key", "security_token"]), st.just(MARK), max_size=2)
    others = st.dictionaries(st.sampled_from(["verify", "object_parameters", "acl", "gzip", "x"]), JUNK, max_size=3)
    values["block_structure_storage_extra_kwargs"] = st.one_of(
        st.builds(lambda one, other: {**one, **other}, secrets, others), JUNK
    )
    values["block_structure_storage_buket"] = JUNK
    values["block_structure_\n"] = JUNK
    always = {**role_variables.defaults(), "block_structure_storage_bucket": "example-block-structures"}
    chosen = st.lists(st.sampled_from(sorted(values)), max_size=6, unique=True)
    release = st.sampled_from([*table, None])
    return st.tuples(release, chosen).flatmap(
        lambda given: st.fixed_dictionaries({name: values[name] for name in given[1]}).map(
            lambda replaced: {**always, "block_structure_release": given[0], **replaced}
        )
    )


def alone() -> list[tuple[str, Any]]:
    """Return each variable with each odd text and number, as it is and in a list and a dictionary."""
    odd = [*_ODD_TEXT, *_NUMBERS, None, True, False, [], {}, {1: 2}, datetime.date(2026, 11, 27)]
    return [(name, value) for name in OPTIONS for one in odd for value in (one, [one], {"a": one})]
