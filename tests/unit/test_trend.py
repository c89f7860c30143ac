"""The history of a site: what a diagnosis adds to it, what is read back, and what an operator sees of it."""

from __future__ import annotations

import copy
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from block_structure.plugin_utils.diagnosis import trend
from block_structure_cli import charts, exits, history, report
from block_structure_cli.main import main
from click.testing import CliRunner
from measured import diagnosis, site_in_need

from .test_screens import WIDTHS, in_terminal, same_as_kept


def cured(moment: str) -> dict[str, Any]:
    """Return the diagnosis of the site in need after its cure."""
    site = copy.deepcopy(site_in_need())
    site["generated"] = moment
    site["findings"] = [finding for finding in site["findings"] if finding["severity"] == "info"]
    for course in site["courses"]:
        course["fresh"] = True
        if course["tier"] == "modulestore":
            course.update(tier="storage", tier_when_cold="storage", storage_ms=100.0)
    return site


def needing(moment: str) -> dict[str, Any]:
    return {**site_in_need(), "generated": moment}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with a history, whose third line a full disk cut off, a diagnosis, and a file of something else."""
    path = tmp_path / "history.jsonl"
    for day in (1, 2, 3):
        history.append(path, needing(f"2026-11-0{day}T03:00:00Z"))
    path.write_text(path.read_text()[:-20])
    history.append(path, cured("2026-11-04T03:00:00Z"))
    (tmp_path / "newest.json").write_text(json.dumps(cured("2026-11-05T03:00:00Z")))
    (tmp_path / "other.json").write_text("[]")
    return tmp_path


def invoke(*argv: str | Path) -> Any:
    return CliRunner().invoke(main, [str(word) for word in argv])


def test_a_record_has_what_a_reader_compares():
    assert trend.record(site_in_need() | {"generated": "2026-11-01T03:00:00Z", "site": "learn.example.com"}) == {
        "when": "2026-11-01T03:00:00Z",
        "site": "learn.example.com",
        "errors": 1,
        "warnings": 1,
        "courses": 42,
        "rebuilt": 1,
        "missing": 1,
        "stale": 1,
        "worst_ms": 12345.6,
        "p95_ms": trend.record(needing("2026-11-01T03:00:00Z"))["p95_ms"],
    }


@pytest.mark.parametrize(
    ("tiers", "worst", "p95"),
    [
        (["storage"] * 40, 50.0, 50.0),
        # One rebuild in forty is beyond the 95th percentile; three are not.
        (["storage"] * 39 + ["modulestore"], None, 50.0),
        (["storage"] * 37 + ["modulestore"] * 3, None, None),
        ([], None, None),
    ],
)
def test_a_rebuild_that_nobody_measured_is_slower_than_every_read(tiers, worst, p95):
    site = diagnosis()
    site["courses"] = [{**site["courses"][0], "tier": tier, "storage_ms": 40.0, "unpickle_ms": 10.0} for tier in tiers]
    made = trend.record(site)
    assert (made["worst_ms"], made["p95_ms"]) == (worst, p95)


def test_a_history_is_read_in_the_order_of_its_times_without_what_is_damaged(kept):
    records, damaged = history.load([kept, kept / "newest.json"])
    assert [record["when"][:10] for record in records] == ["2026-11-01", "2026-11-02", "2026-11-04", "2026-11-05"]
    assert damaged == [f"{kept / 'history.jsonl'}, line 3", str(kept / "other.json")]


@pytest.mark.parametrize("wrong", [{"when": "yesterday"}, {"errors": "1"}, {"stale": -1}, {"worst_ms": "fast"}, {"site": 7}])
def test_a_record_of_other_types_is_damaged(wrong):
    made = trend.record(needing("2026-11-01T03:00:00Z"))
    assert trend.is_record(made)
    assert not trend.is_record({**made, **wrong})
    assert not trend.is_record({name: value for name, value in made.items() if name not in wrong})


@pytest.mark.parametrize("width", WIDTHS)
def test_the_screen_of_a_trend_is_the_kept_one(kept, width, monkeypatch):
    monkeypatch.chdir(kept)
    code, screen = in_terminal(width, "trend", "history.jsonl", "newest.json", NO_COLOR="1")
    assert code == exits.OK
    same_as_kept(f"trend-{width}", screen)
    assert max(map(len, screen.splitlines())) <= width
    assert "history.jsonl, line 3 is not a diagnosis and is left out.\n" in screen


def test_a_trend_as_csv_has_every_diagnosis(kept):
    ended = invoke("trend", kept, "--format", "csv", "--last", "1")
    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert [(row["when"], row["rebuilt"]) for row in rows][::3] == [
        ("2026-11-01T03:00:00Z", "1"),
        ("2026-11-05T03:00:00Z", "0"),
    ]


def test_a_table_has_the_newest_and_says_how_many_are_older(kept):
    ended = invoke("trend", kept, "--last", "1")
    assert "2026-11-05 03:00" in ended.stdout
    assert "2026-11-04 03:00" not in ended.stdout
    assert "\n3 older ones; --last shows more.\n" in ended.stdout


def test_the_exit_code_is_that_of_the_newest_diagnosis(tmp_path):
    for day in (1, 2):
        (tmp_path / f"{day}.json").write_text(json.dumps(needing(f"2026-11-0{day}T03:00:00Z")))
    assert invoke("trend", tmp_path).exit_code == exits.ATTENTION
    (tmp_path / "3.json").write_text(json.dumps(cured("2026-11-03T03:00:00Z")))
    assert invoke("trend", tmp_path).exit_code == exits.OK


def test_a_folder_without_a_diagnosis_is_refused_in_two_lines(tmp_path):
    ended = invoke("trend", tmp_path)
    assert ended.exit_code == exits.USAGE
    assert ended.output == (
        f"There is no diagnosis in {tmp_path}.\n"
        "Remedy: keep one with `block-structure watch --history FILE`, or with `block-structure diagnose -o FILE.json`.\n"
    )


def test_a_history_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(exits.Failure, match="cannot be written: Is a directory") as caught:
        history.append(tmp_path, needing("2026-11-01T03:00:00Z"))
    assert "Remedy: name a file in a folder that you can write to." in str(caught.value)


def test_two_sites_in_one_history_are_told_apart(tmp_path):
    for name in ("a.example.com", "b.example.com"):
        history.append(tmp_path / "h.jsonl", {**needing("2026-11-01T03:00:00Z"), "site": name})
    assert [word for word in invoke("trend", tmp_path / "h.jsonl").stdout.split() if word.endswith(".example.com")] == [
        "a.example.com",
        "b.example.com",
    ]


def test_the_report_shows_the_site_over_time(kept):
    newest = kept / "newest.json"
    ended = invoke("report", "--diagnosis", newest, "--history", kept / "history.jsonl", "-o", kept / "page.html")
    assert ended.exit_code == exits.OK, ended.output
    assert "history.jsonl, line 3 is not a diagnosis and is left out." in ended.output
    page = (kept / "page.html").read_text()
    assert 'id="trend-title"' in page
    assert "4 diagnoses from 2026-11-01 to 2026-11-05, the last one: good; courses rebuilt for learners 1 → 0" in page


def test_a_report_of_one_diagnosis_shows_no_time():
    assert report.Sources(diagnoses=[needing("2026-11-01T03:00:00Z")]).over_time != []
    assert report.parts(report.Sources(diagnoses=[needing("2026-11-01T03:00:00Z")]), None)["trend"] is None


def test_the_chart_begins_where_something_was_measured():
    records = [trend.record(needing(f"2026-11-0{day}T03:00:00Z")) for day in (1, 2, 3)]
    records[0].update(worst_ms=None, p95_ms=None)
    drawn = charts.over_time(records)
    assert drawn is not None
    assert [len(series.points) for series in drawn.series] == [2, 2]
    assert charts.over_time(records[:2]) is None
