"""Files that others wrote or that a power cut damaged: every foreign byte stays, and damage is told, never a traceback.

BLOCK_STRUCTURE_FUZZ: how many of each (`make fuzz`: 30,000 inventories, and a sixth of it of each kind here).
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.edit import memcached_config
from block_structure.module_utils.host import probe_client, runs
from block_structure.module_utils.probe import protocol
from block_structure.plugin_utils.reports import generation
from block_structure.plugin_utils.reports.progress import Progress
from block_structure.plugin_utils.settings_files import json_edit, yaml_edit
from block_structure_cli.main import main
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
NUMBER = int(os.environ.get("BLOCK_STRUCTURE_FUZZ", "400")) // 6
SEEN: Counter[str] = Counter()
KEY = "BLOCK_STRUCTURES_SETTINGS"
VALUE = {"TASK_MAX_RETRIES": 5, "STORAGE_KWARGS": {"bucket_name": "ex: ample #1", "endpoint_url": None, "location": ""}}
fuzzed = settings(max_examples=max(NUMBER, 30), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[None]:
    """Say at the end what was met."""
    yield
    print(f"\nfiles: {dict(SEEN)}")  # noqa: T201


def refusal(error: BlockStructureError) -> None:
    """Hold a refusal to two lines."""
    assert error.cause and error.remedy and len(str(error).splitlines()) == 2, str(error)


# Settings files.

_LINES = st.sampled_from(
    [
        "A: 1", "A: &x {b: 1}", "B: *x", "C: |", "  text", "  # no comment", "D: >-", "'E': 'it''s'", '"F": "a\\tb"', "G:",
        "- 1", "  - {x: 2}", "# a comment", "", "   ", "\t", f"{KEY}:", f"{KEY}: {{a: 1}}  # ours", f"'{KEY}':",
        "  STORAGE_CLASS: x", f"  {KEY}: inner", f"# {KEY}: 1", "---", "...", "%YAML 1.1", "? complex", ": value", "{H: 1}",
        "I: größe ✓", "J: [1,", "  2]", "K: !!python/object:os.system x", "FEATURES:", "  ENABLE_BLAKE2B_HASHING: false",
        "A: 2", "\u2028", "L: 'open",
    ]
)  # fmt: skip
_BREAKS = st.sampled_from(["\n", "\r\n"])
YAML_FILES = st.builds(
    lambda mark, lines, line_break, ended: mark + line_break.join(lines) + (line_break if ended else ""),
    st.sampled_from(["", "\ufeff"]),
    st.lists(_LINES | st.text(max_size=8), max_size=9),
    _BREAKS,
    st.booleans(),
)
_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
JSON_FILES = st.builds(
    lambda value, indent, cut: (text := json.dumps(value, indent=indent))[: len(text) - cut],
    st.dictionaries(st.sampled_from([KEY, "A", "B", "é"]), _JSON_VALUES, max_size=4),
    st.sampled_from([None, 1, 4, "\t"]),
    st.sampled_from([0, 0, 0, 1, 5]),
)


def edited(editor: Any, text: str, load: Any) -> None:
    """Set our key in a file and restore it: nothing else changes, and in the end no byte has."""
    SEEN["settings files"] += 1
    try:
        raw = editor.get_raw(text, KEY)
        after = editor.set_key(text, KEY, VALUE)
    except BlockStructureError as error:
        SEEN["settings files refused"] += 1
        refusal(error)
        return
    assert editor.set_raw(after, KEY, raw) == text
    assert editor.set_key(after, KEY, VALUE) == after
    try:
        before, now = load(text), load(after)
    except (yaml.YAMLError, ValueError, TypeError):  # tags that a safe loader refuses, keys that cannot be hashed
        return
    assert now == {**(before or {}), KEY: VALUE}


@fuzzed
@given(YAML_FILES)
def test_a_yaml_file_keeps_every_other_byte(text: str) -> None:
    edited(yaml_edit, text, yaml.safe_load)


@fuzzed
@given(JSON_FILES)
def test_a_json_file_keeps_every_other_byte(text: str) -> None:
    edited(json_edit, text, json.loads)


# memcached's files.

_FLAGS = st.sampled_from(
    ["-d", "-m 64", "-m64", "-m", "64", "512M", "-I 2.5m", "-I", "--memory-limit=12", "--max-item-size", "# x", "#-m 1", "\\#",
     "-l 127.0.0.1", "-vv", "-vvm 3", "-u memcache", "logfile /var/log/x", "-h", "é", "-o slab_automove=1", "-c 1024", "\t", "",
     "CACHESIZE=\"64\"", "CACHESIZE=64", "OPTIONS=\"-l 127.0.0.1,::1\"", "OPTIONS='-I 2m'", "OPTIONS=", "PORT=11211", "\x00"]
)  # fmt: skip
MEMCACHED_FILES = st.builds(
    lambda lines, line_break, ended: line_break.join(" ".join(words) for words in lines) + (line_break if ended else ""),
    st.lists(st.lists(_FLAGS | st.text(max_size=4), max_size=3), max_size=6),
    _BREAKS,
    st.booleans(),
)


@fuzzed
@given(MEMCACHED_FILES, st.sampled_from([{"-m": "256"}, {"-I": "3m"}, {"-m": "256", "-I": "3m"}]))
def test_a_file_of_memcached_keeps_every_other_byte(text: str, wanted: dict[str, str]) -> None:
    SEEN["memcached files"] += 1
    before = memcached_config.flags(text)
    try:
        after = memcached_config.set_flags(text, wanted)
    except BlockStructureError as error:
        SEEN["memcached files refused"] += 1
        refusal(error)
        return
    now = memcached_config.flags(after)
    assert wanted.items() <= now.items()
    assert {flag: value for flag, value in now.items() if flag not in wanted} == {
        flag: value for flag, value in before.items() if flag not in wanted
    }
    assert memcached_config.set_flags(after, wanted) == after
    # Every character is still there, in its order; only the value of a wanted flag gave way.
    rest = iter(after)
    given_way = {before[flag] for flag in wanted if flag in before}
    kept = text
    for value in given_way:
        kept = kept.replace(value, "")
    assert all(letter in rest for letter in kept)


# Run directories and what the LMS prints.

_EVENTS = [
    {"event": "begin", "run": "x", "pid": 7},
    {"event": "boot", "pid": 7},
    {"event": "plan", "run": [{"key": "a", "why": "missing", "words": "x"}], "select": {"only": []}, "skipped": {}},
    {"event": "course", "key": "a", "status": "ok", "attempt": 1},
    {"event": "course", "key": "b", "status": "failed", "type": "X", "message": "m"},
    {"event": "progress", "operation": "generate", "done": 1, "total": 2, "failed": 0},
    {"event": "outage", "service": "storage", "over": False, "type": "X", "message": "m", "seconds": 1},
    {"event": "warning", "message": "m"},
    {"event": "error", "where": "survey", "type": "X", "message": "m"},
    {"event": "result", "results": [{"ended": "done", "left": []}], "seconds": 1.0},
    {"event": "end", "ended": "done"},
]
_ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([]), st.just({}))


@st.composite
def _event_lines(draw: Any) -> bytes:
    """Return the line of an event: whole, with other values, or damaged."""
    event = dict(draw(st.sampled_from(_EVENTS)))
    for name in draw(st.lists(st.sampled_from(sorted(event)), max_size=2)):
        if draw(st.booleans()):
            event.pop(name, None)
        else:
            event[name] = draw(_ODD)
    line = json.dumps(event).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(line)))
        line = (
            line[:at] + draw(st.sampled_from([b"", b"\xff\xfe", b"\x00", b"{", b"\xc3"])) + line[at + draw(st.integers(0, 3)) :]
        )
    return draw(st.sampled_from([b"", b"", b"words before "])) + draw(st.sampled_from([b"", b"[1]", b"5"])) * 0 + line


LINES = st.lists(_event_lines() | st.sampled_from([b"[]", b"5", b'"x"', b"null", b"\xff", b"", b"[" * 5000]), max_size=6)


@fuzzed
@given(LINES)
def test_a_damaged_run_is_read_as_far_as_it_is_whole(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    SEEN["run directories"] += 1
    root = tmp_path_factory.mktemp("runs")
    folder = root / "20261127T120000Z-0000"
    folder.mkdir()
    (folder / runs.EVENTS).write_bytes(b"\n".join(lines))
    run = runs.read(folder)
    json.dumps(run.as_dict())
    assert all(isinstance(key, str) for key in run.planned)
    progress = Progress()
    for line in lines:
        assert all(isinstance(text, str) for text in progress.lines(runs.event_of(line.decode(errors="replace"))))
    try:
        runs.to_resume(root, "latest")
    except BlockStructureError as error:
        refusal(error)


@fuzzed
@given(LINES, st.booleans())
def test_whatever_the_lms_prints_has_an_answer_or_a_remedy(lines: list[bytes], marked: bool) -> None:
    SEEN["probe outputs"] += 1
    mark = protocol.MARK.encode() if marked else b""
    text = b"\n".join(mark + line for line in lines).decode("utf-8", "replace")
    events = [event for event in map(probe_client.parse, text.splitlines()) if event]
    try:
        answer = probe_client._answer(events, text, [], None)
    except BlockStructureError as error:
        refusal(error)
        if protocol.MARK in text and not any(event["event"] == "error" for event in events[-1:]):
            assert error.identifier == "probe-interrupted"
    else:
        json.dumps(answer.results)
        generation.report({"results": [one for one in answer.results if isinstance(one, dict)], "courses": [], "ended": "done"})


GARBLED = {
    "invalid UTF-8": b"\xff\xfe\xc3(\n",
    "half a JSON line": protocol.MARK.encode() + b'{"event": "boot", "pi',
    "words before an event": b"Loading settings... " + protocol.MARK.encode() + b'{"event": "boot", "pid": 1}\n',
    "a list": protocol.MARK.encode() + b"[1, 2]\n",
}


@pytest.mark.parametrize("name", GARBLED)
def test_a_process_that_prints_garbage_and_ends_is_interrupted(name: str) -> None:
    """The real client on a real process."""
    output = GARBLED[name] if name != "invalid UTF-8" else GARBLED[name] + GARBLED["words before an event"]
    program = f"import sys; sys.stdin.read(); sys.stdout.buffer.write({output!r})"
    with pytest.raises(BlockStructureError) as refused:
        probe_client.run([sys.executable, "-c", program], None, [])
    assert refused.value.identifier == "probe-interrupted"
    assert refused.value.cause.startswith("The LMS's process ended unexpectedly: ")
    refusal(refused.value)


# Inputs of the report.

EXAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs/examples").glob("*.json"))}
OPTIONS = {"diagnosis": "--diagnosis", "before": "--before", "after": "--after", "profile": "--profile"}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


@st.composite
def _reports(draw: Any) -> dict[str, bytes]:
    """Return some of the files of a report, of which values are missing, of another type, or cut off."""
    names = draw(st.lists(st.sampled_from(sorted(OPTIONS)), min_size=1, max_size=3, unique=True))
    files = {}
    for name in names:
        document = json.loads(json.dumps(EXAMPLES[name]))
        places = [path for path in _places(document) if path]
        for path in draw(st.lists(st.sampled_from(places), max_size=2)):
            inner = document
            try:
                for key in path[:-1]:
                    inner = inner[key]
                if draw(st.booleans()):
                    del inner[path[-1]]
                else:
                    inner[path[-1]] = draw(_ODD)
            except (KeyError, IndexError, TypeError):  # an outer one is gone
                continue
        data = json.dumps(document).encode()
        files[name] = data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 7)) == 0 else data
    return files


@settings(fuzzed, max_examples=max(NUMBER // 10, 20))
@given(_reports())
def test_damaged_inputs_of_a_report_are_told(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    SEEN["report inputs"] += len(files)
    folder = tmp_path_factory.mktemp("report")
    arguments = ["report", "-o", str(folder / "report.html")]
    for name, data in files.items():
        (folder / f"{name}.json").write_bytes(data)
        arguments += [OPTIONS[name], str(folder / f"{name}.json")]
    done = CliRunner().invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code in (0, 1, 2), done.output
    if done.exit_code == 2:
        SEEN["report inputs refused"] += 1
        assert "Remedy: " in done.output
