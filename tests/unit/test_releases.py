"""The release table: whole, sourced, consistent, and the only place that knows a release's name."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest
import yaml
from block_structure import releases
from block_structure.errors import BlockStructureError

ROOT = Path(__file__).resolve().parents[2]
TABLE = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())
ROWS, SOURCES = TABLE["__block_structure_releases"], TABLE["__block_structure_release_sources"]
NAMES = ["ironwood", "juniper", "koa", "lilac", "maple", "nutmeg", "olive", "palm", "quince"]
NAMES += ["redwood", "sumac", "teak", "ulmo", "verawood", "main"]
PRODUCT = [*ROOT.glob("roles/block_structure/**/*.py"), *ROOT.glob("scripts/**/*.py")]
TASKS = sorted(path for path in ROOT.glob("roles/block_structure/**/*.yml") if path.parent.name not in ("vars", "meta"))


def test_the_table_has_every_release_in_order_and_each_row_is_whole():
    assert list(ROWS) == NAMES
    for name in NAMES:
        assert set(ROWS[name]) == releases.columns(), name
        releases.pick(ROWS, name)


def test_each_cell_has_a_source_and_a_confidence():
    assert set(SOURCES) == releases.columns()
    for column, entry in SOURCES.items():
        assert set(entry) == {"source", "confidence", "except"}, column
        assert entry["source"], column
        assert {entry["confidence"], *entry["except"].values()} <= {"high", "medium", "low"}, column
        assert set(entry["except"]) <= set(NAMES), column


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("support", {"tested", "sandbox"}),
        ("config_format", {"json", "yaml"}),
        ("switch_api", {"namespace", "objects"}),
        ("course_index", {"mongo", "sql"}),
        ("unpickle_errors", {"raised", "rebuilt"}),
        ("cache_client", {"python-memcached", "pymemcache"}),
        ("cache_key_hash", {"md4", "blake2b"}),
        ("storage_resolver", {"get_storage", "resolve_storage_backend"}),
        ("unknown_kwargs", {"ignored", "refused"}),
        ("tutor_cache", {"memcached", "redis", None}),
    ],
)
def test_a_column_of_words_has_these_words(column, values):
    assert {row[column] for row in ROWS.values()} <= values


def test_what_is_gone_stays_gone():
    for earlier, later in itertools.pairwise(ROWS.values()):
        assert set(later["switches"]) <= set(earlier["switches"])
        assert set(earlier["inert_switches"]) <= set(later["inert_switches"])
        assert not set(later["switches"]) & set(later["inert_switches"])
        assert set(later["command_options"]) <= set(earlier["command_options"])
        assert not (earlier["cache_cap_bytes"] and not later["cache_cap_bytes"])
        assert not (earlier["unknown_kwargs"] == "refused" and later["unknown_kwargs"] == "ignored")


@pytest.mark.parametrize("name", NAMES)
def test_cells_of_a_row_agree_with_each_other(name):
    row = ROWS[name]
    assert row["storage_class"] in row["storage_classes"]
    kwargs = [set(row[f"storage_kwargs_{kind}"]) for kind in ("valid", "ignored", "refused")]
    assert not any(one & other for one, other in itertools.combinations(kwargs, 2))
    assert row["storage_switch"] is None or row["storage_switch"] in row["switches"]
    assert row["with_storage_option"] == ("--with_storage" in row["command_options"]) == bool(row["storage_switch"])
    assert row["unhashable_kwargs"] == row["storages_setting"] == (row["storage_resolver"] == "resolve_storage_backend")
    assert bool(row["client_item_limit_bytes"]) == (row["cache_client"] == "python-memcached")
    assert set(row["config_env"]) == set(row["config_files"]) == {"lms", "cms"}
    assert all(path.endswith((".json", ".yml")) for path in row["config_files"].values())
    assert not (row["blake2b_feature"] and row["cache_key_hash"] == "blake2b")


def test_every_class_that_the_role_writes_works_on_the_next_release_too_but_for_the_oldest():
    """One class from Juniper on is what lets an upgrade be prepared."""
    for earlier, later in itertools.pairwise(list(ROWS.values())[1:]):
        assert earlier["storage_class"] in later["storage_classes"]


def test_overrides_replace_single_columns_and_unknown_ones_are_refused():
    assert releases.pick(ROWS, "teak", {"cache_cap_bytes": None}).cache_cap_bytes is None
    with pytest.raises(BlockStructureError, match="has unknown cache_cup"):
        releases.pick(ROWS, "teak", {"cache_cup": 1})


def test_a_row_that_lacks_a_column_is_refused_by_name():
    row = {column: value for column, value in ROWS["teak"].items() if column != "django"}
    with pytest.raises(BlockStructureError, match="The release row 'teak' lacks django"):
        releases.from_row("teak", row)


def test_an_unknown_release_lists_the_known_ones():
    with pytest.raises(BlockStructureError) as refused:
        releases.pick(ROWS, "zebrawood")
    assert str(refused.value) == (
        "block_structure_release is 'zebrawood', which is no Open edX release that this role knows.\n"
        f"Remedy: set it to one of {', '.join(NAMES)}."
    )


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_program_compares_a_release_name(path):
    """Strings of the code, without its documentation, hold no name of a release."""
    tree = ast.parse(path.read_text(), type_comments=False)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    # A module's DOCUMENTATION and the like are documentation too.
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
            documentation.add(id(node.value))
    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in NAMES and node.value != "main" and id(node) not in documentation
    ]
    assert not found


@pytest.mark.parametrize("path", TASKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_task_names_a_release(path):
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    found = [line for line in lines for name in NAMES if name != "main" and (f"'{name}'" in line or f'"{name}"' in line)]
    assert not found
