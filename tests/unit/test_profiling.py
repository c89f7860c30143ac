"""Profiles: parts of the request, apps, graphs; and the probe's sampler on this process."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree

import pytest
from block_structure.module_utils.probe.operations import profile as probe
from block_structure.plugin_utils.reports import profiling
from block_structure_cli import pictures
from block_structure_cli.main import main
from click.testing import CliRunner
from measured import COLLECT, FOLDER, VIEW, WRITE, profile

UNPICKLE = (FOLDER + "store.py", "_deserialize")
SOCKET = ("botocore/httpsession.py", "send")


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        ([VIEW], "rest"),
        ([VIEW, COLLECT, ("xmodule/x_module.py", "parse")], "collection"),
        ([VIEW, COLLECT, WRITE, SOCKET], "storage"),
        ([VIEW, UNPICKLE], "unpickle"),
        ([VIEW, (FOLDER + "transformers.py", "transform"), ("milestones/api.py", "get")], "transformers"),
        ([VIEW, (FOLDER + "store.py", "_get_from_cache"), ("pymemcache/client/base.py", "get")], "cache"),
        ([("django/core/cache/backends/memcached.py", "get")], "rest"),
    ],
)
def test_stack_belongs_to_the_part_of_its_innermost_known_function(stack, part):
    assert profiling.part_of_stack(stack) == part


@pytest.fixture
def seen():
    """A profile: half of the samples are collection, a quarter writing the object, a quarter the view."""
    return profile()


def test_parts_are_milliseconds_of_one_request(seen):
    report = {entry["part"]: (entry["share"], entry["ms"]) for entry in profiling.parts(seen)}
    assert report["collection"] == (0.5, 500)
    assert report["storage"] == report["rest"] == (0.25, 250)
    assert sum(share for share, _ in report.values()) == 1


HANDLERS = [
    ("django/core/handlers/base.py", "get_response"),
    ("django/core/handlers/exception.py", "inner"),
    ("django/utils/deprecation.py", "__call__"),
]
DISPATCH = [("django/core/handlers/base.py", "_get_response"), ("rest_framework/views.py", "dispatch")]


@pytest.mark.parametrize(
    ("stack", "left"),
    [
        ([*HANDLERS, *HANDLERS, *DISPATCH, VIEW, COLLECT], [VIEW, COLLECT]),
        ([*HANDLERS, *DISPATCH, ("contextlib.py", "inner"), VIEW], [VIEW]),
        ([("corsheaders/middleware.py", "__call__"), *HANDLERS, ("waffle/mixin.py", "ask")], [("waffle/mixin.py", "ask")]),
        ([*HANDLERS, *DISPATCH], [profiling.MIDDLEWARE]),
        ([VIEW, COLLECT], [VIEW, COLLECT]),
    ],
    ids=["view", "decorated view", "middleware", "nothing left", "without handlers"],
)
def test_wrappers_before_the_view_are_dropped(stack, left):
    assert profiling.from_view(stack) == left


@pytest.mark.parametrize(
    ("filename", "app"),
    [
        ("openedx/core/djangoapps/content/block_structure/store.py", "openedx.core.djangoapps.content.block_structure"),
        ("lms/djangoapps/course_blocks/transformers/visibility.py", "lms.djangoapps.course_blocks"),
        ("xmodule/modulestore/split_mongo/split.py", "xmodule.modulestore"),
        ("django/db/models/query.py", "django.db"),
        ("pymysql/cursors.py", "pymysql"),
        ("socket.py", None),
        ("<frozen importlib._bootstrap>", None),
    ],
)
def test_frames_are_grouped_by_app_and_python_s_library_by_its_caller(filename, app):
    assert profiling.app_of((filename, "do")) == app


def test_apps_have_their_own_time_and_that_of_their_calls(seen):
    seen["frames"] += [list(frame) for frame in HANDLERS] + [["pickle.py", "dumps"]]
    seen["stacks"] = [[[3, 4, 5, *stack, *([6] if stack[-1] == 1 else [])], count] for stack, count in seen["stacks"]]
    seen["stacks"][0] = [[3, 4, 5], seen["stacks"][0][1]]  # a quarter of the samples never reaches the view
    report = {row["app"]: row for row in profiling.apps(seen)}
    structures = report.pop("openedx.core.djangoapps.content.block_structure")
    assert (structures["own_ms"], structures["total_ms"], structures["share"]) == (750, 750, 0.75)
    assert structures["parts"] == ["collection", "storage"]
    view = report.pop("lms.djangoapps.course_home_api")
    assert (view["own_ms"], view["total_ms"]) == (0, 750)
    assert {name: row["own_ms"] for name, row in report.items()} == {"middleware and dispatch": 250}


def test_speedscope_file_weighs_to_one_request(seen):
    drawn = pictures.speedscope(seen)
    (sampled,) = drawn["profiles"]
    assert sum(sampled["weights"]) == sampled["endValue"] == 1000
    assert len(sampled["samples"]) == len(sampled["weights"])
    assert {index for stack in sampled["samples"] for index in stack} <= set(range(len(drawn["shared"]["frames"])))
    assert all({"name", "file"} == set(frame) for frame in drawn["shared"]["frames"])


def test_a_page_that_reads_no_structure_is_reported_from_one_that_does(seen):
    assert profiling.reads_structure(seen)
    seen["functions"] = seen["functions"][:1]
    assert not profiling.reads_structure(seen)


def test_command_reports_it_and_exits_with_attention(seen, tmp_path, monkeypatch):
    seen["functions"], seen["edges"] = seen["functions"][:1], []
    monkeypatch.setattr("block_structure_cli.commands.profile.play_for_report", lambda *_words, **_more: seen)
    ended = CliRunner().invoke(main, ["profile", "--course", seen["course"], "-o", str(tmp_path)])
    assert ended.exit_code == 1, ended.output
    assert {path.name for path in tmp_path.iterdir()} >= {"flamegraph.svg", "speedscope.json", "profile.json"}


def test_a_refused_page_is_reported_with_a_remedy(seen, tmp_path, monkeypatch):
    seen["request"] = {**seen["request"], "status": 403, "body": "no access"}
    monkeypatch.setattr("block_structure_cli.commands.profile.play_for_report", lambda *_words, **_more: seen)
    ended = CliRunner().invoke(main, ["profile", "--course", seen["course"], "-o", str(tmp_path / "new")])
    assert ended.exit_code == 3
    assert ended.stderr.splitlines()[0] == "The outline answered HTTP 403: no access"
    assert ended.stderr.splitlines()[1].startswith("Remedy: name an existing course with --course")
    assert not (tmp_path / "new").exists()


def test_flame_graph_has_text_and_marked_parts(seen):
    drawn = ElementTree.fromstring(pictures.flamegraph(seen))
    space = "{http://www.w3.org/2000/svg}"
    assert drawn.find(f"{space}desc").text == "1,000 ms per request: collection 50%, storage 25%, rest 25%."
    boxes = {group.find(f"{space}title").text: group.find(f"{space}rect") for group in drawn.iter(f"{space}g")}
    assert [(title.split(": ")[1], float(box.get("width"))) for title, box in boxes.items()] == [
        ("1000.0 ms, 100.0%, rest", 1000),
        ("750.0 ms, 75.0%, collection", 750),
        ("250.0 ms, 25.0%, storage", 250),
    ]
    assert len({box.get("fill") for box in boxes.values()}) == 3


def test_call_graph_marks_parts(seen):
    drawn = pictures.dot(seen)
    assert "_update_collected [collection]" in drawn
    assert "views:10:get" in drawn


def test_a_call_graph_fits_the_window():
    drawn = pictures._fitted(
        '<svg width="1785pt" height="4564pt"\n viewBox="0 0 1785 4564"><path width="2pt" height="2pt"/></svg>'
    )
    assert drawn.startswith('<svg style="width: 100%; max-width: 1785pt; height: auto"\n viewBox="0 0 1785 4564">')
    assert drawn.endswith('<path width="2pt" height="2pt"/></svg>')


def test_without_graphviz_there_is_no_call_graph_image(seen, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert pictures.callgraph(seen) is None


def test_sampler_sees_the_running_function():
    def slow():
        time.sleep(0.2)

    def ask():
        slow()

    with probe.Sampler() as sampler:
        ask()
        time.sleep(0.1)  # no request is under way: not counted
    frames, stacks = probe._stacks(sampler.counts, [])
    assert {frames[indices[0]][1] for indices, _ in stacks} == {"slow"}
    assert sum(count for _, count in stacks) > 10
