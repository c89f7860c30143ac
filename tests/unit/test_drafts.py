"""A row that Studio's worker wrote has a draft's version: found in the index of courses and its history."""

from __future__ import annotations

import types
from typing import Any

import pytest
from block_structure.module_utils.probe.engine import edxapp, facts

KEY = "course-v1:ExampleX+1+2026"


class Rows:
    """The queries that the probe makes on a table, over dictionaries."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def filter(self, **wanted: Any) -> Rows:
        return Rows([row for row in self.rows if wanted.items() <= row.items()])

    def values_list(self, *names: str) -> Rows:
        return Rows([tuple(row[name] for name in names) for row in self.rows])  # type: ignore[misc]

    def first(self) -> Any:
        return self.rows[0] if self.rows else None

    def exists(self) -> bool:
        return bool(self.rows)


def version(published: str, draft: str) -> dict[str, Any]:
    return {"course_id": KEY, "published_version": published, "draft_version": draft}


HISTORY = [version("p1", "d1"), version("p1", "d2"), version("p2", "d3")]


@pytest.mark.parametrize(
    ("stored", "draft"),
    [("p2", False), ("d3", True), ("d2", True), ("p1", False), ("of another code", None)],
)
def test_a_draft_is_told_from_an_older_publish(monkeypatch: pytest.MonkeyPatch, stored: str, draft: bool | None) -> None:
    model = types.SimpleNamespace(objects=Rows(HISTORY[-1:]), history=Rows(HISTORY))
    monkeypatch.setattr(edxapp, "course_index_model", lambda: model)
    monkeypatch.setattr(edxapp, "course_key", str)
    assert facts.is_draft(types.SimpleNamespace(data_version=stored), KEY) is draft


def test_without_history_only_the_present_draft_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    model = types.SimpleNamespace(objects=Rows(HISTORY[-1:]))
    monkeypatch.setattr(edxapp, "course_index_model", lambda: model)
    monkeypatch.setattr(edxapp, "course_key", str)
    found = [facts.is_draft(types.SimpleNamespace(data_version=stored), KEY) for stored in ("d3", "d2")]
    assert found == [True, None]
    monkeypatch.setattr(edxapp, "course_index_model", lambda: None)
    assert facts.is_draft(types.SimpleNamespace(data_version="d3"), KEY) is None
    model.objects = Rows([])
    monkeypatch.setattr(edxapp, "course_index_model", lambda: model)
    assert facts.is_draft(types.SimpleNamespace(data_version="d3"), KEY) is None
