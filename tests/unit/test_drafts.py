"""A row that Studio's worker wrote has a draft's version: found in the index of courses and its history."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import pytest
from block_structure.module_utils.probe.engine import edxapp, facts, running

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
    model.objects = Rows([])
    monkeypatch.setattr(edxapp, "course_index_model", lambda: model)
    assert facts.is_draft(types.SimpleNamespace(data_version="d3"), KEY) is None


class Modulestore:
    """The modulestore of a release before Maple, as far as its branches go: {branch: version of the course}."""

    def __init__(self, **versions: str | None) -> None:
        self.versions, self.branch = versions, ""

    @contextlib.contextmanager
    def branch_setting(self, branch: str, course_id: Any) -> Iterator[None]:
        assert course_id == KEY
        self.branch = branch.replace("-", "_")
        yield

    def get_item(self, _key: Any) -> Any:
        return types.SimpleNamespace(course_version=self.versions[self.branch])


@pytest.mark.parametrize(
    ("stored", "published", "draft", "is_draft"),
    [("d1", "p1", "d1", True), ("p1", "p1", "d1", False), ("p0", "p1", "d1", None), ("", None, None, None)],
)
def test_before_maple_the_present_draft_is_known_from_the_modulestore(
    monkeypatch: pytest.MonkeyPatch, stored: str, published: str | None, draft: str | None, is_draft: bool | None
) -> None:
    store = Modulestore(published_only=published, draft_preferred=draft)
    monkeypatch.setattr(edxapp, "course_index_model", lambda: None)
    monkeypatch.setattr(edxapp, "course_key", str)
    monkeypatch.setattr(edxapp, "root_usage_key", str)
    monkeypatch.setattr(edxapp, "modulestore", lambda: store)
    assert facts.is_draft(types.SimpleNamespace(data_version=stored), KEY) is is_draft


@pytest.mark.parametrize(
    ("conf", "routing"),
    [
        # As a worker of the platform reports: queues are a dictionary in the order of the settings.
        (
            {"QUEUE_VARIANT": "cms.", "CELERY_QUEUES": {"edx.cms.core.default": {}, "edx.lms.core.default": {}}},
            {"system": "cms", "queues": ["edx.cms.core.default", "edx.lms.core.default"], "eager": False},
        ),
        ({"QUEUE_VARIANT": "lms.", "CELERY_ALWAYS_EAGER": True}, {"system": "lms", "queues": [], "eager": True}),
        ({}, {"system": "", "queues": [], "eager": False}),
    ],
)
def test_a_worker_says_where_it_sends_tasks(conf: dict[str, Any], routing: dict[str, Any]) -> None:
    assert running._routing(conf) == routing
