"""The report: verdict, limits, evictions, configuration without secrets, refusals."""

from __future__ import annotations

import json
import re

import pytest
from block_structure_cli import collector, exits, report
from block_structure_cli.main import main
from click.testing import CliRunner
from measured import SECRET, course, diagnosis, run, sample

BEFORE = run([course("A", 5000, rebuild=[9000.0])], [sample("cold", [9500.0])], storage=False)
AFTER = run([course("A", 5000, cache=[1.0], storage=[20.0], unpickle=[80.0])], [sample("cold", [900.0])])


@pytest.mark.parametrize(
    ("found", "state", "line"),
    [
        ((), "good", "Nothing needs attention"),
        (("info",), "good", "Nothing needs attention"),
        (("info", "warning"), "attention", "Works, with 1 warning"),
        (("warning", "error", "error"), "bad", "Needs action: 2 errors, 1 warning"),
    ],
)
def test_verdict_follows_the_worst_finding(found, state, line):
    reported = report.summary(report.Sources(diagnoses=[diagnosis(*found)]))
    assert (reported["state"], reported["line"]) == (state, line)


def test_verdict_names_gain_and_rebuilt_courses():
    reported = report.summary(report.Sources(BEFORE, AFTER, diagnoses=[diagnosis(tier="modulestore")]))
    assert "the structure of A (5,000 blocks) took 9 s before and takes 100 ms now: 90.0 times faster." in reported["text"]
    assert "Rebuilt in a learner's request: 1 of 1 course." in reported["text"]


def test_measurements_alone_give_no_good_verdict():
    reported = report.summary(report.Sources(after=AFTER))
    assert reported["state"] == "attention"
    assert "No diagnosis was given" in reported["text"]


def test_sizes_are_compared_with_each_limit():
    source = diagnosis()
    table = report.size_table({"A": 1500000, "B": 900}, report.limits(source))
    assert [column.heading for column in table.columns][2:] == [
        "1 MiB, memcached's default item size",
        "cap of the release",
        "item size of memcached (-I)",
    ]
    assert table.cells() == [
        ["A", "1,500,000", "over by 441 KiB", "fits", "over by 441 KiB"],
        ["B", "900", "fits", "fits", "fits"],
    ]


def test_evictions_are_shown_over_time():
    later = diagnosis(moment="2026-11-25T13:00:00Z", evictions=9)
    points = report.eviction_points(report.Sources(BEFORE, diagnoses=[later]))
    assert points == {"cache1:11211": [("2026-11-24T12:00:00+00:00", 7), ("2026-11-25T13:00:00+00:00", 9)]}


@pytest.mark.parametrize(
    ("uptime", "later"), [(160, [("2026-11-24T12:01:00+00:00", 9)]), (3, [])], ids=["ran on", "was restarted"]
)
def test_run_with_load_has_evictions_before_and_after(uptime, later):
    (server,) = BEFORE["servers"]
    before = {**server, "counters": {"evictions": 7, "uptime": 100}}
    after = {**server, "counters": {"evictions": 9, "uptime": uptime}}
    points = report.eviction_points(report.Sources({**BEFORE, "servers": [before], "servers_after": [after]}))
    assert points == {"cache1:11211": [("2026-11-24T12:00:00+00:00", 7), *later]}


def test_page_has_no_secret_and_escapes_markup():
    page = report.html(report.Sources(BEFORE, AFTER, diagnoses=[diagnosis("error")]), "<i>Title</i>")
    assert SECRET not in page
    assert "settings.block_structures.STORAGE_KWARGS.secret_key" in page
    assert "(secret)" in page
    assert "<b>cause</b>" not in page
    assert "&lt;b&gt;cause&lt;/b&gt;" in page
    assert "<i>Title</i>" not in page


def test_ids_are_unique_and_no_url_is_external():
    page = report.html(
        report.Sources(BEFORE, AFTER, diagnoses=[diagnosis(), diagnosis(moment="2026-11-26T13:00:00Z")]), "Title"
    )
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    outside = set(re.findall(r'(?:href|src)="([^"#][^"]*)"', page)) - {"data:,"}
    assert not outside
    assert not re.search("#0[1-6]0[1-6]0[1-6]", page)  # every place of a colour was filled


COLLECTOR = {
    "objects": 490_000,
    "thresholds": [50000, 20, 100],
    "freeze": False,
    "worth_it": True,
    "courses": [
        {
            "key": "A",
            "blocks": 5000,
            "bytes": 1500000,
            "stock_ms": 80.0,
            "tuned_ms": 40.0,
            "frozen_ms": None,
            "floor_ms": 39.0,
            "saved_ms": 40.0,
            "saved_percent": 50.0,
        }
    ],
    "pause_ms": {"stock": 10.0, "tuned": 20.0},
    "peak_kb": {"stock": 1000, "tuned": 1200},
}


def test_tuned_gc_has_a_bar_after_rebuild_storage_and_cache():
    page = report.html(report.Sources(BEFORE, {**AFTER, "runtime": COLLECTOR}), "Title")
    described = re.search('<desc id="ways-text">([^<]*)</desc>', page)
    assert described
    assert described[1].split("; ") == [
        "A, 5,000 blocks, rebuild: 9 s",
        "A, 5,000 blocks, storage: 100 ms",
        "A, 5,000 blocks, cache: 81 ms",
        "A, 5,000 blocks, tuned gc: 41 ms",
    ]
    assert "Garbage collector tuned to [50000, 20, 100]: peak memory 1,000 -&gt; 1,200 KiB, worst pause 10 -&gt; 20 ms" in page


def test_diagnosis_alone_also_shows_the_tuned_gc_bar():
    found = {**diagnosis(), "runtime": COLLECTOR}
    found["courses"][0].update(cache_ms=2.0, storage_ms=20.0, rebuild_ms=None)
    page = report.html(report.Sources(diagnoses=[found]), "Title")
    assert "A, 5,000 blocks, cache: 82 ms; A, 5,000 blocks, tuned gc: 42 ms" in page


def system(*, tuned: bool, padded: bool):
    factor = (1 if tuned else 2) * (3 if padded else 1)
    times = {
        blocks: {"ms": [100.0 * factor, 100.0 * factor, 200.0 * factor], "cpu_ms": [90.0 * factor]}
        for blocks in ("5000", "10000")
    }
    return {
        "tuned": tuned,
        "padded": padded,
        "thresholds": [50000, 20, 100] if tuned else [700, 10, 10],
        "errors": 0,
        "courses": times,
        "rss_kb": 110 * 1024 if tuned else 100 * 1024,
        "pss_kb": 90 * 1024,
        "peak_kb": 120 * 1024,
        "worst_pause_ms": 30.0 if tuned else 60.0,
        "collections": [3, 2, 1],
    }


BENCH = {
    "release": "teak",
    "objects": 490_000,
    "systems": [system(tuned=tuned, padded=padded) for padded in (False, True) for tuned in (False, True)],
}


def test_gc_benchmark_ends_with_its_ratios():
    assert collector.line(BENCH) == {
        **{
            f"{kind}_ratio_{blocks}_blocks{heap}": 2.0
            for kind in ("read", "cpu")
            for blocks in (5000, 10000)
            for heap in ("", "_padded_heap")
        },
        **{f"rss_ratio{heap}": 1.1 for heap in ("", "_padded_heap")},
        **{f"worst_pause_ms{heap}": {"without": 60.0, "with": 30.0} for heap in ("", "_padded_heap")},
        "errors": 0,
    }


def test_gc_benchmark_is_shown_with_gain_and_cost():
    page = report.html(report.Sources(BEFORE, AFTER, bench=BENCH), "Title")
    described = re.search('<desc id="bench-text">([^<]*)</desc>', page)
    assert described
    assert described[1].split("; ")[0] == "5,000 blocks, heap the miniature's own: without 200 ms, with 100 ms"
    assert collector.pages(BENCH).cells()[3] == [
        *("padded to 490,000 objects", "10,000", "600", "300", "1,140", "570", "540", "270", "2.00", "6", "0")
    ]
    assert collector.workers(BENCH).cells()[1] == [
        *("the miniature's own", "tuned", "[50000, 20, 100]", "110", "90", "120", "30.0", "3/2/1")
    ]


def test_gc_benchmark_alone_makes_a_page(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(BENCH))
    ended = invoke("--collector", str(tmp_path / "b.json"), "-o", str(tmp_path / "r.html"))
    assert ended.exit_code == 0, ended.output
    assert "The garbage collector under load: gain and cost" in (tmp_path / "r.html").read_text()


def invoke(*text: str):
    return CliRunner().invoke(main, ["report", *text])


def test_command_writes_the_page_and_prints_the_verdict(tmp_path):
    (tmp_path / "d.json").write_text(json.dumps(diagnosis("error")))
    ended = invoke("--diagnosis", str(tmp_path / "d.json"), "-o", str(tmp_path / "r.html"))
    assert ended.exit_code == exits.ATTENTION, ended.output
    assert ended.stdout.startswith("Needs action: 1 error, 0 warnings")
    assert (tmp_path / "r.html").read_text().lstrip().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("content", "option", "message"),
    [
        ("{}", "--diagnosis", "is not a diagnosis: it has no release, courses, findings."),
        ("no json", "--profile", "is not a profile: Expecting value"),
        ("{}", "--before", "is not a run file"),
        ("{}", "--collector", "is not a measurement of the garbage collector: it has no release, objects, systems."),
    ],
)
def test_wrong_files_are_refused_with_a_remedy(tmp_path, content, option, message):
    (tmp_path / "x.json").write_text(content)
    ended = invoke(option, str(tmp_path / "x.json"), "-o", str(tmp_path / "r.html"))
    assert ended.exit_code == exits.USAGE
    assert message in ended.stderr
    assert "\nRemedy: name " in ended.stderr
    assert not (tmp_path / "r.html").exists()


def test_nothing_to_report_is_a_usage_error():
    ended = invoke()
    assert ended.exit_code == exits.USAGE
    assert ended.stderr.splitlines() == [
        "There is nothing to report.",
        "Remedy: name a file with --diagnosis, --before, --after or --collector.",
    ]


def test_unwritable_page_is_reported(tmp_path):
    (tmp_path / "d.json").write_text(json.dumps(diagnosis()))
    ended = invoke("--diagnosis", str(tmp_path / "d.json"), "-o", str(tmp_path / "nowhere" / "r.html"))
    assert ended.exit_code == exits.USAGE
    assert "r.html cannot be written: No such file or directory." in ended.stderr
