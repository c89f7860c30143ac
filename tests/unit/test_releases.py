"""The release table: complete, sourced, consistent, and the only place with release names."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest
import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import releases
from block_structure.module_utils.probe.operations import identify

ROOT = Path(__file__).resolve().parents[2]
TABLE = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())
ROWS, SOURCES = TABLE["__block_structure_releases"], TABLE["__block_structure_release_sources"]
# What only the contract tests ask of a release.
CONTRACT = yaml.safe_load((ROOT / "tests/contract/releases.yml").read_text())
NAMES = ["ironwood", "juniper", "koa", "lilac", "maple", "nutmeg", "olive", "palm", "quince"]
NAMES += ["redwood", "sumac", "teak", "ulmo", "verawood", "main"]
PRODUCT = [*ROOT.glob("roles/block_structure/**/*.py"), *ROOT.glob("scripts/**/*.py")]
# Files without a suffix, and the plays of the sandbox, which may name their release.
OTHERS = [path for path in (*ROOT.glob("scripts/*"), *ROOT.glob("scripts/dev/*")) if path.is_file() and not path.suffix]
OTHERS += [*ROOT.glob("molecule/**/*.yml"), *ROOT.glob("molecule/edxapp/**/*.py"), *ROOT.glob("molecule/edxapp/**/*.j2")]
TASKS = [
    *(
        path
        for path in ROOT.glob("roles/block_structure/**/*.yml")
        if path.name != "releases.yml" and path.parent.name != "meta"
    ),
    *ROOT.glob("roles/block_structure/**/*.j2"),
    *ROOT.glob("playbooks/*.yml"),
]
COMPARED = re.compile(rf"""(==|!=|=~|\bin\b)\s*[\[('"]*({"|".join(NAMES)})\b|\b({"|".join(NAMES)})['"]\s*(==|!=|\bin\b)""")


def test_table_has_every_release_in_order_with_complete_rows():
    assert list(ROWS) == NAMES
    for name in NAMES:
        assert set(ROWS[name]) == releases.columns(), name
        releases.pick(ROWS, name)


def test_each_cell_has_a_source_and_a_confidence():
    assert set(SOURCES) == releases.columns()
    assert list(CONTRACT["releases"]) == NAMES
    assert all(set(row) == set(CONTRACT["sources"]) for row in CONTRACT["releases"].values())
    for column, entry in {**SOURCES, **CONTRACT["sources"]}.items():
        assert set(entry) == {"source", "confidence", "except"}, column
        assert entry["source"], column
        assert {entry["confidence"], *entry["except"].values()} <= {"high", "medium", "low"}, column
        assert set(entry["except"]) <= set(NAMES), column


def test_what_becomes_of_a_corrupt_structure_is_known():
    assert {row["unpickle_errors"] for row in CONTRACT["releases"].values()} == {"raised", "rebuilt"}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("support", {"tested", "sandbox"}),
        ("config_format", {"json", "yaml"}),
        ("switch_api", {"namespace", "objects"}),
        ("course_index", {"mongo", "sql"}),
        ("cache_client", {"python-memcached", "pymemcache"}),
        ("cache_key_hash", {"md4", "blake2b"}),
        ("storage_resolver", {"get_storage", "resolve_storage_backend"}),
        ("unknown_kwargs", {"ignored", "refused"}),
        ("tutor_cache", {"memcached", "redis", None}),
    ],
)
def test_enumerated_column_has_only_known_values(column, values):
    assert {row[column] for row in ROWS.values()} <= values


def test_unread_switches_are_those_of_older_releases():
    older: set[str] = set()
    for row in ROWS.values():
        older |= set(row["switches"])
        assert set(row["inert_switches"]) == older - set(row["switches"])


def test_each_django_storages_argument_is_accepted_ignored_or_refused():
    kinds = ("valid", "ignored", "refused")
    rows = {name: {**row, **CONTRACT["releases"][name]} for name, row in ROWS.items()}
    known = {name for row in rows.values() for kind in kinds for name in row[f"storage_kwargs_{kind}"]}
    for name, row in rows.items():
        assert sorted(known) == sorted(word for kind in kinds for word in row[f"storage_kwargs_{kind}"]), name
        # Known and unknown names are treated alike.
        assert not row["storage_kwargs_ignored" if row["unknown_kwargs"] == "refused" else "storage_kwargs_refused"], name


def test_removed_features_do_not_return_in_later_releases():
    for earlier, later in itertools.pairwise(ROWS.values()):
        assert set(later["switches"]) <= set(earlier["switches"])
        assert set(later["command_options"]) <= set(earlier["command_options"])
        assert not (earlier["cache_cap_bytes"] and not later["cache_cap_bytes"])
        assert not (earlier["unknown_kwargs"] == "refused" and later["unknown_kwargs"] == "ignored")


@pytest.mark.parametrize("name", NAMES)
def test_cells_of_a_row_agree_with_each_other(name):
    row = ROWS[name]
    assert row["storage_class"] in row["storage_classes"]
    assert row["storage_switch"] is None or row["storage_switch"] in row["switches"]
    assert row["with_storage_option"] == ("--with_storage" in row["command_options"]) == bool(row["storage_switch"])
    assert row["unhashable_kwargs"] == row["storages_setting"] == (row["storage_resolver"] == "resolve_storage_backend")
    assert bool(row["client_item_limit_bytes"]) == (row["cache_client"] == "python-memcached")
    client = {"MemcachedCache": "python-memcached", "PyMemcacheCache": "pymemcache"}
    assert row["cache_client"] == client[CONTRACT["releases"][name]["cache_backend"].rpartition(".")[2]]
    assert set(row["config_env"]) == set(row["config_files"]) == {"lms", "cms"}
    assert all(path.endswith((".json", ".yml")) for path in row["config_files"].values())
    assert not (row["blake2b_feature"] and row["cache_key_hash"] == "blake2b")


def test_storage_class_also_works_on_the_next_release():
    """One class from Juniper on makes it possible to prepare an upgrade."""
    for earlier, later in itertools.pairwise(list(ROWS.values())[1:]):
        assert earlier["storage_class"] in later["storage_classes"]


def test_overrides_replace_single_columns_and_unknown_ones_are_refused():
    assert releases.pick(ROWS, "teak", {"cache_cap_bytes": None}).cache_cap_bytes is None
    with pytest.raises(BlockStructureError, match="has unknown cache_cup"):
        releases.pick(ROWS, "teak", {"cache_cup": 1})


def test_row_without_a_column_is_refused_by_name():
    row = {column: value for column, value in ROWS["teak"].items() if column != "django"}
    with pytest.raises(BlockStructureError, match="The release row 'teak' lacks django"):
        releases.from_row("teak", row)


def test_unknown_release_is_refused_with_the_known_ones():
    with pytest.raises(BlockStructureError) as refused:
        releases.pick(ROWS, "zebrawood")
    assert str(refused.value) == (
        "block_structure_release is 'zebrawood', which is not an Open edX release that this role knows.\n"
        f"Remedy: set it to one of {', '.join(NAMES)}."
    )


def platform(name: str, line: str | None = None) -> dict:
    """The facts that the probe finds on a platform of a release, with Django's own options."""
    row = releases.pick(ROWS, name).identify_row()
    shown = {column: row[column] for column in identify.EVIDENCE}
    options = ["--help", *reversed(row["command_options"])]
    return {**shown, "release_line": line or row["line"], "python": row["python"], "command_options": options}


def identified(name: str, line: str | None = None) -> dict:
    rows = releases.identify_rows(ROWS, None, None)
    return identify_result(platform(name, line), rows)


def identify_result(found: dict, rows: list, named: str | None = None) -> dict:
    names = identify.candidates(found, rows)
    return {"installed": found, "candidates": names, "release": named if named in names else None}


@pytest.mark.parametrize(
    ("names", "named", "prepares", "release"),
    [
        (["teak"], None, False, "teak"),
        (["teak"], "teak", False, "teak"),
        (["teak"], "palm", False, None),
        (["teak"], "verawood", True, "teak"),
        (["ulmo", "verawood"], None, False, None),
        (["ulmo", "verawood"], "ulmo", False, "ulmo"),
        (["ulmo", "verawood"], "main", True, "verawood"),
        ([], "teak", True, None),
    ],
)
def test_boot_continues_with_the_installed_and_named_release(names, named, prepares, release):
    assert identify.chosen(names, named, prepares) == release


@pytest.mark.parametrize("name", NAMES[:-1])
def test_installed_release_is_found_by_its_release_line(name):
    assert identified(name)["candidates"] == [name]
    assert releases.resolve_release(ROWS, identified(name)).name == name
    assert releases.resolve_release(ROWS, identified(name), name).name == name


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("ironwood", ["ironwood"]),
        ("koa", ["koa"]),
        ("lilac", ["lilac"]),
        ("maple", ["maple", "nutmeg", "olive"]),
        ("palm", ["palm"]),
        ("quince", ["quince"]),
        ("sumac", ["redwood", "sumac"]),
        ("teak", ["teak"]),
        ("ulmo", ["ulmo"]),
        ("main", ["verawood", "main"]),
    ],
)
def test_code_between_releases_has_candidates_and_is_never_guessed(name, candidates):
    found = identified(name, "master")
    assert found["candidates"] == candidates
    for named in candidates:
        assert releases.resolve_release(ROWS, found, named).name == named
    if len(candidates) > 1:
        with pytest.raises(
            BlockStructureError, match=f"The installed platform may be .* or {candidates[-1]}: it reports release line 'master'"
        ):
            releases.resolve_release(ROWS, found)


def test_on_a_python_of_no_candidate_every_one_remains():
    """Somebody runs a release on a newer Python than its own."""
    found = {**platform("sumac", "master"), "python": "3.13"}
    assert identify_result(found, releases.identify_rows(ROWS, None, None))["candidates"] == ["quince", "redwood", "sumac"]


def test_a_line_that_the_evidence_belies_is_no_release():
    """A fork of Palm's branch with Teak's code, for example."""
    found = identified("teak", "palm")
    assert found["candidates"] == []
    with pytest.raises(BlockStructureError) as refused:
        releases.resolve_release(ROWS, found)
    assert str(refused.value) == (
        "The installed platform matches no release that this role knows: it reports release line 'palm', has 0 block "
        "structure switches, has no --with_storage, creates its storage with get_storage, keeps its course index in sql.\n"
        "Remedy: name the nearest release, and correct its row in block_structure_release_overrides."
    )


def test_overrides_admit_a_site_that_differs_from_its_release():
    changed = {column: platform("teak")[column] for column in identify.EVIDENCE if column != "command_options"}
    overrides = {**changed, "command_options": ROWS["teak"]["command_options"]}
    rows = releases.identify_rows(ROWS, "palm", overrides)
    found = identify_result(platform("teak", "palm"), rows)
    assert found["candidates"] == ["palm"]
    assert releases.resolve_release(ROWS, found, "palm", overrides).with_storage_option == ROWS["palm"]["with_storage_option"]


def test_mismatch_names_inventory_and_installation():
    with pytest.raises(BlockStructureError) as refused:
        releases.resolve_release(ROWS, identified("teak"), "palm")
    assert refused.value.identifier == "release-differs"
    assert str(refused.value) == (
        "block_structure_release is 'palm', and the installed platform is teak: it reports release line 'teak', has 0 block "
        "structure switches, has no --with_storage, creates its storage with get_storage, keeps its course index in sql.\n"
        "Remedy: name the installed release, or leave block_structure_release unset."
    )


def test_later_release_is_refused_with_how_to_prepare_for_it():
    with pytest.raises(BlockStructureError) as refused:
        releases.resolve_release(ROWS, identified("sumac"), "teak")
    assert refused.value.remedy.endswith("; to prepare an upgrade to it set block_structure_prepare_upgrade to true.")


def test_an_upgrade_is_not_prepared_backwards():
    with pytest.raises(BlockStructureError, match="'palm', which is not later than the installed teak"):
        releases.resolve_release(ROWS, identified("teak"), "palm", prepares=True)


@pytest.mark.parametrize(("earlier", "later"), [*itertools.pairwise(NAMES), ("palm", "sumac"), ("juniper", "main")])
def test_settings_of_a_prepared_upgrade_are_valid_on_both(earlier, later):
    both = releases.resolve_release(ROWS, identified(earlier), later, prepares=True)
    assert (both.name, both.prepares) == (earlier, later)
    assert both.switches == ROWS[earlier]["switches"]
    for name in (earlier, later):
        assert both.storage_class in ROWS[name]["storage_classes"]
        assert set(both.storage_kwargs_valid) <= set(ROWS[name]["storage_kwargs_valid"])
        assert set(ROWS[name]["storage_kwargs_refused"]) <= set(both.storage_kwargs_refused)
    assert releases.from_named_row(releases.as_named_row(both)) == both


def test_upgrade_without_a_common_storage_class_is_refused():
    with pytest.raises(BlockStructureError, match="No storage class imports on ironwood and on quince"):
        releases.resolve_release(ROWS, identified("ironwood"), "quince", prepares=True)


def test_preparing_for_the_installed_release_is_an_ordinary_run():
    assert releases.resolve_release(ROWS, identified("teak"), "teak", prepares=True).prepares is None


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_compares_a_release_name(path):
    """String literals, apart from documentation, contain no release name."""
    tree = ast.parse(path.read_text(), type_comments=False)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    # DOCUMENTATION and similar variables of a module are documentation too.
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
    found = [line for line in lines for name in NAMES if name != "main" and re.search(rf"\b{name}\b", line)]
    assert not found


@pytest.mark.parametrize("path", [*PRODUCT, *TASKS, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_compares_a_release_name(path):
    """Not even main, which is an ordinary word elsewhere."""
    assert not [line for line in path.read_text().splitlines() if COMPARED.search(line)]
