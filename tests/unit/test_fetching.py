"""Objects are read by several threads; an exception of one is raised to the caller at once."""

from __future__ import annotations

import io
import threading
import types

import pytest
from block_structure.module_utils.probe.engine import edxapp, fetching
from block_structure.module_utils.probe.engine.fetching import concurrently


@pytest.mark.parametrize("threads", [1, 3, 20])
def test_every_item_has_one_result(threads):
    assert sorted(concurrently(str, range(10), threads)) == [(number, str(number)) for number in range(10)]


def test_no_items_give_no_results():
    assert list(concurrently(str, [], 4)) == []


def test_items_are_processed_in_parallel():
    meeting = threading.Barrier(2, timeout=10)
    assert len(list(concurrently(lambda _: meeting.wait(), ["one", "other"], 2))) == 2


def test_exception_of_a_thread_is_raised_to_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(concurrently(lambda number: 1 // number, [1, 0, 2], 2))


class Spooling:
    """A storage with copies and spool, like the resilient class; S3 is empty."""

    def __init__(self):
        client = types.SimpleNamespace(get_object=self.get_object)
        self.bucket = types.SimpleNamespace(name="example", meta=types.SimpleNamespace(client=client))
        self.asked = 0

    def get_object(self, **given):
        raise FileNotFoundError(given["Key"])

    def _normalize_name(self, name):
        return f"location/{name}"

    def waiting(self):
        self.asked += 1
        return [{"name": "location/waits", "signature": "valid"}, {"name": None, "signature": None}]

    def open(self, name):
        return io.BytesIO(f"kept here: {name}".encode())


def test_spooled_object_is_read_locally_but_a_copy_is_not(monkeypatch):
    monkeypatch.setattr(edxapp, "storage", Spooling)
    store = fetching.Store()
    assert store.backend.asked == 0
    assert store.fetch("waits") == (b"kept here: waits", "valid")
    with pytest.raises(FileNotFoundError, match="location/gone"):
        store.fetch("gone")
    assert store.backend.asked == 1
