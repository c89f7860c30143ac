"""Run files: refusals, and the statistics of one run and of two."""

from __future__ import annotations

import json

import pytest
from block_structure.plugin_utils.reports import benchmark
from block_structure_cli import exits, runs, tables
from hypothesis import given
from hypothesis import strategies as st
from measured import course, run, sample

TIMES = st.lists(st.floats(min_value=0.1, max_value=1e5), min_size=1, max_size=30)


def test_run_file_round_trip(tmp_path):
    written = run([course("A", cache=[1.0], storage=[20.0, 30.0], unpickle=[5.0])], [sample("cold", [120.5])])
    runs.save(written, tmp_path / "run.json")
    assert runs.load(tmp_path / "run.json") == written


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("not json", "is not a run file: Expecting value"),
        ("[]", 'is not a run file: it has no "schema": "block-structure-run".'),
        ('{"schema": "block-structure-run", "version": 9}', "is a run file of version 9; this tool reads version 1."),
        ('{"schema": "block-structure-run", "version": 1}', "is damaged: $: 'started' is a required property."),
    ],
)
def test_invalid_run_file_is_refused_with_a_remedy(tmp_path, text, cause):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(exits.Failure) as refused:
        runs.load(path)
    assert cause in refused.value.message
    assert "\nRemedy: " in refused.value.message
    assert refused.value.exit_code == exits.USAGE


def worker(service, pid, resident, **reported):
    return {"service": service, "pid": pid, "resident_kb": resident, "peak_kb": resident * 2, **reported}


SILENT = {"collector": None, "keys": None, "worst_pause_ms": None}
TUNED = {"collector": "out_of_band", "keys": "hash_once"}


def test_workers_are_grouped_by_service_with_memory_and_worst_pause():
    tuned = [
        worker("lms", 1, 100 * 1024, **TUNED, worst_pause_ms=30.0),
        worker("lms", 2, 200 * 1024, **TUNED, worst_pause_ms=90.0),
        worker("lms worker", 3, 80 * 1024, **SILENT),
    ]
    before = {**run([]), "label": "before", "workers_after": [worker("lms", 9, 120 * 1024, **SILENT)]}
    table = tables.workers([before, {**run([]), "label": "after", "workers_after": tuned}])
    assert table.cells() == [
        ["before", "lms", "1", "120", "240", "stock", "stock", "-"],
        ["after", "lms", "2", "150", "400", "out of band", "hash once", "90.0"],
        ["after", "lms worker", "1", "80", "160", "stock", "stock", "-"],
    ]
    assert tables.workers([run([])]).cells() == []


def test_reports_of_workers_are_in_the_run_file(tmp_path):
    modes = {"collector": {"mode": "out_of_band"}, "keys": {"mode": "stock"}}
    report = {**modes, "worst_pause_ms": [1.0, 30.0, 0.0], "pid": 7}
    found = [
        {"service": "lms", "pid": 7, "resident_kb": 5, "peak_kb": 6, "report": report},
        {"service": "lms", "pid": 8, "resident_kb": 7, "peak_kb": 8, "report": None},
    ]
    reported = benchmark.workers(found)
    assert [(one["collector"], one["keys"], one["worst_pause_ms"]) for one in reported] == [
        ("out_of_band", "stock", 30.0),
        (None, None, None),
    ]
    runs.save({**run([]), "workers_after": reported}, tmp_path / "run.json")
    assert runs.load(tmp_path / "run.json")["workers_after"] == reported


def test_a_negative_time_is_damage(tmp_path):
    damaged = run([course("A", cache=[-1.0])])
    (tmp_path / "run.json").write_text(json.dumps(damaged))
    with pytest.raises(exits.Failure, match=r"is damaged: \$\.courses\[0\]\.cache_ms\[0\]: -1\.0 is less than the minimum"):
        runs.load(tmp_path / "run.json")


def test_missing_directory_is_reported(tmp_path):
    with pytest.raises(exits.Failure, match="cannot be written: No such file or directory"):
        runs.save(run([]), tmp_path / "nowhere" / "run.json")


@pytest.mark.parametrize(
    ("storage", "times", "warm", "cold"),
    [
        (True, {"cache": [1], "storage": [20], "unpickle": [5]}, (6, "cache"), (25, "storage")),
        (True, {"storage": [20], "unpickle": [5]}, (25, "storage"), (25, "storage")),
        (False, {"cache": [1], "storage": [20], "unpickle": [5], "rebuild": [900]}, (6, "cache"), (900, "modulestore")),
        (True, {"rebuild": [900]}, (900, "modulestore"), (900, "modulestore")),
        (True, {}, (None, "modulestore"), (None, "modulestore")),
    ],
)
def test_read_time_is_that_of_the_serving_tier(storage, times, warm, cold):
    reported = runs.tiers(course("A", **times), storage)
    assert (reported["warm"], reported["warm_from"]) == warm
    assert (reported["cold"], reported["cold_from"]) == cold


def test_pages_are_aggregated_over_all_courses_with_errors():
    samples = [sample("warm", [10, 20], key="A"), sample("warm", [30], key="B", errors=2), sample("cold", [500], key="A")]
    cold, warm = runs.pages(run([], samples))
    assert (cold["state"], cold["n"], cold["p50"]) == ("cold", 1, 500)
    assert (warm["n"], warm["p50"], warm["errors"], warm["first_error"]) == (3, 20, 2, "HTTP 500")


def test_comparison_counts_only_courses_of_both_runs():
    before = run(
        [course("A", rebuild=[1000])], [sample("cold", [1000], key="A"), sample("cold", [9000], key="B")], storage=False
    )
    after = run([course("A", storage=[90], unpickle=[10]), course("C")], [sample("cold", [100], key="A")])
    reported = runs.compare(before, after)
    assert [(row["key"], row["cold"], row["warm"]) for row in reported["courses"]] == [("A", 10, 10)]
    assert [(row["before"]["n"], row["ratio"]["times_faster"]) for row in reported["pages"]] == [(1, 10)]


@given(TIMES, TIMES)
def test_interval_contains_the_ratio_and_inverts_with_it(before, after):
    there, back = runs.ratio(before, after), runs.ratio(after, before)
    assert there["times_faster"] == pytest.approx(1 / back["times_faster"])
    assert there["low"] <= there["high"]
    assert min(before) / max(after) <= there["low"] * (1 + 1e-9)
    assert there["high"] <= max(before) / min(after) * (1 + 1e-9)


@given(TIMES)
def test_the_same_times_are_neither_faster_nor_slower(times):
    reported = runs.ratio(times, times)
    assert reported["times_faster"] == 1
    assert reported["low"] <= 1 <= reported["high"]


def test_ratio_without_times_is_none():
    assert runs.ratio([], [1.0]) is None
    assert runs.median([]) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, None),
        (12.34, "12.3x faster"),
        (1.04, "the same"),
        (1.0, "the same"),
        (0.96, "the same"),
        (0.9, "1.1x slower"),
        (0.0268, "37.3x slower"),
    ],
)
def test_a_ratio_says_its_direction_and_never_one(value, message):
    assert tables.times(value) == message


def test_no_difference_is_said_as_such():
    assert [tables.in_words(value) for value in (90.0, 1.01, 0.5)] == ["90.0 times faster", "no difference", "2.0 times slower"]
