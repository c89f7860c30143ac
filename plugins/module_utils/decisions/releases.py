"""One Open edX release: a row of vars/releases.yml."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Callable

from ..common.errors import BlockStructureError
from ..probe.protocol import EVIDENCE


@dataclass(frozen=True)
class Release:
    """A row of the release table; the head of vars/releases.yml documents each column."""

    name: str
    support: str
    branch: str
    django: str
    python: str
    config_format: str
    config_env: dict[str, str]
    config_files: dict[str, str]
    studio_reads_settings: bool
    switches: list[str]
    storage_switch: str | None
    inert_switches: list[str]
    switch_api: str
    publish_needs_row: bool
    command_options: list[str]
    with_storage_option: bool
    pruning_active_honoured: bool
    course_index: str
    cache_cap_bytes: int | None
    cache_client: str
    client_item_limit_bytes: int | None
    cache_key_hash: str
    blake2b_feature: bool
    storage_resolver: str
    storages_setting: bool
    storage_class: str
    storage_classes: list[str]
    storage_kwargs_valid: list[str]
    storage_kwargs_refused: list[str]
    unknown_kwargs: str
    unhashable_kwargs: bool
    tutor_major: int | None
    tutor_cache: str | None
    # Not a column: the later release that the settings must also fit, see prepare().
    prepares: str | None = None

    def probe_row(self) -> dict[str, Any]:
        """Return the columns that the probe needs; it never gets the release's name."""
        return {
            "switches": self.switches,
            "inert_switches": self.inert_switches,
            "storage_switch": self.storage_switch,
            "with_storage_option": self.with_storage_option,
            "pruning_active_honoured": self.pruning_active_honoured,
            "cache_cap_bytes": self.cache_cap_bytes,
            "client_item_limit_bytes": self.client_item_limit_bytes,
        }

    @property
    def label(self) -> str:
        """The name for messages, with the release that an upgrade is prepared to."""
        return f"{self.name} and {self.prepares}" if self.prepares else self.name

    def identify_row(self) -> dict[str, Any]:
        """Return the data by which probe/operations/identify.py recognises this release and continues with it."""
        # Code of no named release reports its branch as release line.
        line = self.branch if self.branch == "master" else self.name
        evidence = {column: getattr(self, column) for column in EVIDENCE}
        return {"name": self.name, "line": line, "python": self.python, "probe": self.probe_row(), **evidence}


def columns() -> set[str]:
    """Return the columns that every row has."""
    return {field.name for field in fields(Release)} - {"name", "prepares"}


# Annotation of a column -> whether a cell fits. As text: the oldest Python here cannot evaluate them.
_FITS: dict[str, Callable[[Any], bool]] = {
    "bool": lambda cell: isinstance(cell, bool),
    "str": lambda cell: isinstance(cell, str),
    "str | None": lambda cell: cell is None or isinstance(cell, str),
    "int | None": lambda cell: cell is None or (isinstance(cell, int) and not isinstance(cell, bool)),
    "list[str]": lambda cell: isinstance(cell, list) and all(isinstance(item, str) for item in cell),
    "dict[str, str]": lambda cell: isinstance(cell, dict) and all(isinstance(item, str) for item in cell.values()),
}


def _check_cells(name: str, row: dict[str, Any]) -> None:
    """Raise BlockStructureError `release-row-mistyped` for the cells that are not of their column's type."""
    wrong = [field.name for field in fields(Release) if field.name in row and not _FITS[str(field.type)](row[field.name])]
    if wrong:
        raise BlockStructureError(
            "release-row-mistyped",
            f"The release row '{name}' has values of another type than the table in {', '.join(wrong)}.",
            "give them as vars/releases.yml does, in block_structure_release_overrides.",
            "block_structure_release_overrides",
        )


def from_row(name: str, row: dict[str, Any]) -> Release:
    """Return the release of a row. Raises BlockStructureError `release-row-incomplete` for a missing or unknown column."""
    missing, unknown = columns() - set(row), set(row) - columns()
    if missing or unknown:
        text = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        text += [f"has unknown {', '.join(sorted(unknown))}"] if unknown else []
        raise BlockStructureError(
            "release-row-incomplete",
            f"The release row '{name}' {' and '.join(text)}.",
            "give every column of vars/releases.yml, and no other, in the row and in block_structure_release_overrides.",
            "block_structure_release_overrides",
        )
    _check_cells(name, row)
    return Release(name=name, **row)


def from_named_row(row: dict[str, Any]) -> Release:
    """Return the release of a row that includes its name, the form in which modules and filters get it."""
    plain = {column: value for column, value in row.items() if column not in ("name", "prepares")}
    return replace(from_row(str(row["name"]), plain), prepares=row.get("prepares"))


def as_named_row(release: Release) -> dict[str, Any]:
    """Return a release as data for from_named_row."""
    return {field.name: getattr(release, field.name) for field in fields(Release)}


def pick(table: dict[str, dict[str, Any]], name: str, overrides: dict[str, Any] | None = None) -> Release:
    """Return one release of the table with the operator's column overrides applied.

    Raises BlockStructureError `release-unknown` when the table has no such row.
    """
    if name not in table:
        raise BlockStructureError(
            "release-unknown",
            f"block_structure_release is '{name}', which is not an Open edX release that this role knows.",
            f"set it to one of {', '.join(table)}.",
            "block_structure_release",
        )
    return from_row(name, {**table[name], **(overrides or {})})


def identify_rows(
    table: dict[str, dict[str, Any]],
    name: str | None,
    overrides: dict[str, Any] | None,
    as_installed: Callable[[Release], Release] = lambda release: release,
) -> list[dict[str, Any]]:
    """Return the rows to compare an installed platform with; overrides apply to the release that the operator named.

    as_installed: adapts a release to the way it is installed.
    """
    return [as_installed(pick(table, row, overrides if row == name else None)).identify_row() for row in table]


def _describe_installed(identified: dict[str, Any]) -> str:
    """Return the release line and the evidence of the installed platform as text."""
    found = identified["installed"]
    shown = [
        f"reports release line '{found['release_line']}'",
        f"has {len(found['switches'])} block structure switches",
        f"has {'' if '--with_storage' in found['command_options'] else 'no '}--with_storage",
        f"creates its storage with {found['storage_resolver']}",
        f"keeps its course index in {found['course_index']}",
    ]
    return ", ".join(shown)


def _any_of(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def refusal(identified: dict[str, Any], named: str | None, order: list[str]) -> BlockStructureError:
    """Return why the release cannot be resolved: no row matches, several match, or another one was named.

    identified: result of the probe's `identify`. order: names of the table's rows.
    """
    candidates = identified["candidates"]
    text = _describe_installed(identified)
    variable = "block_structure_release"
    if not candidates:
        message = f"block_structure_release is '{named}', and the" if named else "The"
        return BlockStructureError(
            "release-undetected",
            f"{message} installed platform matches no release that this role knows: it {text}.",
            "name the nearest release, and correct its row in block_structure_release_overrides.",
            variable,
        )
    if named is None:
        return BlockStructureError(
            "release-ambiguous",
            f"The installed platform may be {_any_of(candidates)}: it {text}.",
            "set block_structure_release to the installed one.",
            variable,
        )
    later = order.index(named) > max(order.index(name) for name in candidates)
    hint = "; to prepare an upgrade to it set block_structure_prepare_upgrade to true" if later else ""
    return BlockStructureError(
        "release-differs",
        f"block_structure_release is '{named}', and the installed platform is {_any_of(candidates)}: it {text}.",
        f"name the installed release, or leave block_structure_release unset{hint}.",
        variable,
    )


def resolve_release(
    table: dict[str, dict[str, Any]],
    identified: dict[str, Any],
    named: str | None = None,
    overrides: dict[str, Any] | None = None,
    *,
    prepares: bool = False,
) -> Release:
    """Return the release to use, from the installed and the named one; they must agree.

    identified: result of the probe's `identify`. prepares: the named release may be later than the installed one; the result
    then fits both (prepare). Raises BlockStructureError: those of refusal() and prepare(), `upgrade-backwards`.
    """
    candidates = identified["candidates"]
    if named in candidates or (named is None and len(candidates) == 1):
        return pick(table, named or candidates[0], overrides)
    order = list(table)
    if not (candidates and named and prepares):
        raise refusal(identified, named, order)
    if order.index(named) < max(order.index(name) for name in candidates):
        raise BlockStructureError(
            "upgrade-backwards",
            f"block_structure_release is '{named}', which is not later than the installed {_any_of(candidates)}.",
            "name the release that the site will be upgraded to, or set block_structure_prepare_upgrade to false.",
            "block_structure_release",
        )
    # All candidates have the same evidence; take the newest.
    return prepare(pick(table, candidates[-1]), pick(table, named, overrides))


def wanted_release(
    variables: dict[str, Any],
    table: dict[str, dict[str, Any]],
    identified: dict[str, Any] | None,
) -> Release | None:
    """Return the release to use: the installed one, or the named one as long as the installed one is unknown."""
    named, overrides = variables["block_structure_release"], variables["block_structure_release_overrides"]
    prepares = variables["block_structure_prepare_upgrade"]
    if prepares and not named:
        raise BlockStructureError(
            "upgrade-to-nowhere",
            "block_structure_prepare_upgrade is true, and block_structure_release is not set.",
            "set block_structure_release to the release that the site will be upgraded to.",
            "block_structure_release",
        )
    if identified:
        return resolve_release(table, identified, named, overrides, prepares=prepares)
    return pick(table, named, overrides) if named else None


def prepare(installed: Release, target: Release) -> Release:
    """Return the installed platform's row, restricted to settings that also work on the target after the upgrade.

    Raises BlockStructureError `upgrade-no-class` when no storage class imports on both.
    """
    classes = [path for path in installed.storage_classes if path in target.storage_classes]
    if not classes:
        raise BlockStructureError(
            "upgrade-no-class",
            f"No storage class imports on {installed.name} and on {target.name}, so no settings work on both.",
            "upgrade first, and run the deploy before learners return.",
            "block_structure_release",
        )
    valid = [name for name in installed.storage_kwargs_valid if name in target.storage_kwargs_valid]
    lost = set(installed.storage_kwargs_valid) - set(valid)
    return replace(
        installed,
        prepares=target.name,
        storage_class=target.storage_class if target.storage_class in classes else classes[0],
        storage_classes=classes,
        storage_kwargs_valid=valid,
        storage_kwargs_refused=sorted({*installed.storage_kwargs_refused, *target.storage_kwargs_refused, *lost} - set(valid)),
        unknown_kwargs="refused" if "refused" in (installed.unknown_kwargs, target.unknown_kwargs) else "ignored",
        unhashable_kwargs=installed.unhashable_kwargs and target.unhashable_kwargs,
        # The installed platform ignores a feature that it does not know.
        blake2b_feature=installed.blake2b_feature or target.blake2b_feature,
    )
