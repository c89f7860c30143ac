"""The report: verdict, limits, evictions, configuration without secrets, refusals."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re

import pytest
from block_structure_cli import charts, collector, exits, report, runs
from block_structure_cli.main import main
from block_structure_cli.version import documentation
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
    assert not re.findall(r'src="', page)
    links = {link for link in re.findall(r'href="([^"#][^"]*)"', page) if not link.startswith("data:")}
    assert {link.partition("#")[0] for link in links} <= {f"{documentation()}/diagnose.md"}
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_only_the_script_of_the_page_may_run():
    page = report.html(report.Sources(diagnoses=[diagnosis("error")]), "</script><script>alert(1)</script>")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    allowed = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}';" in page


def test_contents_list_every_part_and_only_those():
    page = report.html(report.Sources(diagnoses=[diagnosis()]), "Title")
    headings = re.findall(r'<h2 id="([^"]+)">', page)
    assert headings == ["findings", "sizes", "evictions", "configuration"]
    assert re.findall(r'<li><a href="#([^"]+)">', page) == headings


def test_findings_of_one_kind_are_one_entry_with_a_link_and_what_to_copy():
    found = diagnosis("error", "warning", "warning")["findings"]
    found[2].update(id=found[1]["id"], variable="block_structure_memcached_item_size", value="3m")
    first, second = report.grouped(found)
    assert (first["id"], len(first["each"]), len(second["each"])) == ("finding-0", 1, 2)
    assert second["link"] == f"{documentation()}/diagnose.md#finding-1"
    assert [entry["setting"] for entry in second["each"]] == [None, 'block_structure_memcached_item_size: "3m"']


def test_findings_that_differ_only_in_their_variable_are_told_once():
    found = diagnosis("error", "info", "info", "info")["findings"]
    for number, one in enumerate(found[1:]):
        name = f"block_structure_name_{number}"
        one.update(id="plain", variable=name, cause=f"{name} is plain.", remedy=f"encrypt {name}.")
    _, second = report.grouped(found)
    assert [entry["cause"] for entry in second["each"]] == ["block_structure_name_0 is plain."]
    assert second["same"] == ("block_structure_name_1", "block_structure_name_2")
    page = report.html(report.Sources(diagnoses=[{**diagnosis(), "findings": found}]), "Title")
    assert "The same for <code>block_structure_name_1</code>, <code>block_structure_name_2</code>.</p>" in page


def test_one_run_is_neither_before_nor_after():
    shown = report.parts(report.Sources(after={**AFTER, "label": "first look"}), None)
    assert [meaning for _, meaning in shown["pages"]["chart"].legend] == ["first look"]
    assert [series.name for series in shown["tiers"]["chart"].series] == ["cold cache", "warm cache"]


def test_what_became_slower_is_in_the_verdict():
    slow = run([course("A", 5000, storage=[20.0], unpickle=[80.0]), course("B", 50, storage=[90.0])], [sample("cold", [900.0])])
    fast = run(
        [course("A", 5000, rebuild=[9000.0]), course("B", 50, rebuild=[20.0])], [sample("cold", [9500.0])], storage=False
    )
    reported = report.summary(report.Sources(fast, slow, diagnoses=[diagnosis()]))
    # Without a cache, a warm read is a cold one.
    assert (reported["state"], reported["line"]) == ("attention", "Works, with 2 measurements slower than before")
    assert "Slower than before: reading B, cold cache (20 ms → 90 ms); reading B, warm cache" in reported["text"]
    pages = [run([], [sample("warm", times)]) for times in ([100.0, 101.0, 102.0] * 5, [200.0, 201.0, 202.0] * 5)]
    assert report.slower(runs.compare(*pages)) == ["outline, warm cache (101 ms → 201 ms)"]


def test_the_same_time_is_no_gain():
    reported = report.summary(report.Sources(AFTER, AFTER))
    assert "takes 100 ms now: no difference." in reported["text"]


RUNTIME = {
    "objects": 490_000,
    "keys_why": None,
    "page_problem": None,
    "offer": {"collector": "out_of_band", "keys": "hash_once"},
    "tuned": "both",
    "complete": True,
    "courses": [
        {
            "key": "A",
            "blocks": 5000,
            "bytes": 1500000,
            "ms": {"stock": 80.0, "out_of_band": 40.0, "hash_once": 70.0, "both": 30.0},
            "page_ms": {"stock": 3510.0, "out_of_band": 1900.0, "hash_once": 2800.0, "both": 1130.0},
            "of": "outline",
            "saved_ms": 2380.0,
            "saved_percent": 67.8,
        }
    ],
    "variants": {
        name: {"worst_pause_ms": pause, "collect_ms": 0.0, "resident_mb": memory}
        for name, pause, memory in (
            ("stock", 10.0, 405),
            ("out_of_band", 0.0, 378),
            ("hash_once", 9.0, 404),
            ("both", 0.0, 377),
        )
    },
}


def test_each_choice_has_a_bar_after_rebuild_storage_and_cache():
    page = report.html(report.Sources(BEFORE, {**AFTER, "runtime": RUNTIME}), "Title")
    described = re.search('id="ways-text">([^<]*)</p>', page)
    assert described
    assert described[1].split("; ") == [
        "A, 5,000 blocks, rebuild: 9 s",
        "A, 5,000 blocks, storage: 100 ms",
        "A, 5,000 blocks, cache: 81 ms",
        "A, 5,000 blocks, cache, out of band: 41 ms",
        "A, 5,000 blocks, cache, with key hashes: 31 ms",
        "A, 5,000 blocks, outline: 3.51 s",
        "A, 5,000 blocks, outline, out of band: 1.9 s",
        "A, 5,000 blocks, outline, with key hashes: 1.13 s",
    ]
    assert "resident memory 405 -&gt; 377 MiB, longest pause in a read 10 -&gt; 0 ms" in page


def test_diagnosis_alone_also_shows_the_bars_of_each_choice():
    """Without a page, and on a site that cannot keep hashes."""
    course = {**RUNTIME["courses"][0], "ms": {"stock": 80.0, "out_of_band": 40.0}, "page_ms": None}
    found = {**diagnosis(), "runtime": {**RUNTIME, "tuned": "out_of_band", "keys_why": "unknown", "courses": [course]}}
    found["courses"][0].update(cache_ms=2.0, storage_ms=20.0, rebuild_ms=None)
    page = report.html(report.Sources(diagnoses=[found]), "Title")
    described = re.search('id="ways-text">([^<]*)</p>', page)
    assert described
    assert described[1].endswith("A, 5,000 blocks, cache: 82 ms; A, 5,000 blocks, cache, out of band: 42 ms")


def system(choice: str, factor: float):
    pages = [
        {"page": page, "blocks": blocks, "ms": [100.0 * factor, 100.0 * factor, 200.0 * factor], "cpu_ms": [90.0 * factor]}
        for page in ("outline", "blocks")
        for blocks in (5000, 10000)
    ]
    return {
        "choice": choice,
        "errors": 0,
        "pages": pages,
        "rss_kb": 100 * 1024 if choice == "stock" else 95 * 1024,
        "pss_kb": 90 * 1024,
        "peak_kb": 120 * 1024,
        "worst_pause_ms": 60.0 if choice == "stock" else 0.0,
        "collections": [3, 2, 1],
    }


BENCH = {
    "release": "teak",
    "objects": 490_000,
    "identical": True,
    "systems": [system("stock", 3), system("out_of_band", 2), system("both", 1)],
}


def test_runtime_benchmark_ends_with_its_ratios():
    assert collector.line(BENCH) == {
        **{f"{page}_ratio_{blocks}_blocks": 3.0 for page in ("outline", "blocks") for blocks in (5000, 10000)},
        "rss_ratio": 0.95,
        "worst_pause_ms": {"stock": 60.0, "out_of_band": 0.0, "both": 0.0},
        "identical": True,
        "errors": 0,
    }


def test_runtime_benchmark_is_shown_with_gain_and_cost():
    page = report.html(report.Sources(BEFORE, AFTER, bench=BENCH), "Title")
    described = re.search('id="bench-text">([^<]*)</p>', page)
    assert described
    assert described[1].split("; ")[0] == "outline, 5,000 blocks: stock 300 ms, out of band 200 ms, with key hashes 100 ms"
    assert collector.pages(BENCH).cells()[0] == [
        *("outline", "5,000", "300", "200", "100", "600", "400", "200", "270", "180", "90.0", "3.00", "9")
    ]
    assert collector.workers(BENCH).cells()[1] == [*("out of band", "95", "90", "120", "0.0", "3/2/1", "0")]


def test_other_bytes_are_said_in_the_title():
    assert collector.pages({**BENCH, "identical": False}).title.endswith("; NOT the same bytes from each")


def test_runtime_benchmark_alone_makes_a_page(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(BENCH))
    ended = invoke("--collector", str(tmp_path / "b.json"), "-o", str(tmp_path / "r.html"))
    assert ended.exit_code == 0, ended.output
    assert "The runtime under load: gain and cost" in (tmp_path / "r.html").read_text()


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
        ("{}", "--collector", "is not a measurement of the runtime: it has no release, objects, systems, identical."),
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
    assert "r.html cannot be written: its folder does not exist." in ended.stderr


def test_bars_begin_at_zero_and_end_with_their_own_value():
    drawn = charts.pages([("outline", {"before": (100.0, 400.0), "after": (50.0, 200.0)})])
    (group,) = drawn.groups
    assert [(bar.percent, bar.label, bar.slim) for bar in group.bars] == [
        (25.0, "100 ms", False),
        (100.0, "95 %: 400 ms", True),
        (12.5, "50 ms", False),
        (50.0, "95 %: 200 ms", True),
    ]


def test_limits_stand_among_the_structures():
    drawn = charts.sizes([("A", 2_000_000), ("B", 1000)], [("item size", 1_000_000)])
    assert [group.name for group in drawn.groups] == ["A", "item size", "B"]
    assert [group.bars[0].percent for group in drawn.groups] == [100, 50, 0.05]


@pytest.mark.parametrize(
    "points", [[(50, 1.5), (8000, 4000.0)], [(50, 3.0)], [(1, 0.4), (1, 0.4)]], ids=["many", "one", "same"]
)
def test_logarithmic_axes_say_so_and_hold_every_point(points):
    drawn = charts.tiers_by_size([("cold cache", "after", points)])
    assert drawn.x_name.endswith("(logarithmic)")
    assert drawn.y_name.endswith("(logarithmic)")
    for drawing in drawn.drawings:
        ((_, _, places),) = drawing.lines
        assert all(drawing.left <= x <= drawing.right and drawing.top <= y <= drawing.bottom for x, y in places)
        across = [place for place, _ in drawing.x_ticks]
        assert len(across) >= 2
        assert min(b - a for a, b in itertools.pairwise(across)) > 20


def test_evictions_begin_at_zero():
    drawn = charts.counters({"cache1": [("2026-11-24T12:00:00+00:00", 90), ("2026-11-25T18:00:00+00:00", 130)]})
    for drawing in drawn.drawings:
        assert sorted(text for _, text in drawing.y_ticks)[0] == "0"
        assert all(text.count(":") == 1 for _, text in drawing.x_ticks)
