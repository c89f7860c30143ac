"""Many objects are read by several threads; what one of them raises is raised to the caller and never waited for."""

from __future__ import annotations

import threading

import pytest
from block_structure.probe.fetching import concurrently


@pytest.mark.parametrize("threads", [1, 3, 20])
def test_every_item_is_answered_once(threads):
    assert sorted(concurrently(str, range(10), threads)) == [(number, str(number)) for number in range(10)]


def test_no_item_no_answer():
    assert list(concurrently(str, [], 4)) == []


def test_items_are_worked_on_side_by_side():
    meeting = threading.Barrier(2, timeout=10)
    assert len(list(concurrently(lambda _: meeting.wait(), ["one", "other"], 2))) == 2


def test_what_a_thread_raises_is_raised_to_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(concurrently(lambda number: 1 // number, [1, 0, 2], 2))
