"""What an operator sees in a terminal: captured screens of a diagnosis of 42 courses, and what holds at every width.

After a wanted change: `BLOCK_STRUCTURE_NEW_SCREENS=yes pytest tests/unit/test_screens.py`, then read the files that changed.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios
from typing import Any

import pytest
from block_structure.plugin_utils.diagnosis import summary
from block_structure.plugin_utils.reports import layout, screen
from block_structure_cli import output
from hypothesis import given
from hypothesis import strategies as st
from measured import diagnosis, site_in_need

from .commands import ROOT

SCREENS = ROOT / "tests" / "samples" / "screens"
WIDTHS = (60, 80, 120, 200)
COLOUR = re.compile(r"\x1b\[([0-9;]*)m")


def in_terminal(columns: int, *argv: str, typed: str = "", **environment: str) -> tuple[int, str]:
    """Run the command in a real terminal; return its exit code and what it wrote. typed: when it asks for a password."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        # In a session of its own that the terminal controls, so that Ctrl-C is a signal.
        ["setsid", "--ctty", str(ROOT / "scripts/block-structure"), *argv],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**own, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
        if typed and b"assword" in part:  # not before: what is typed ahead is thrown away
            os.write(ours, typed.encode())
            typed = ""
    os.close(ours)
    return process.wait(), b"".join(parts).decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A saved diagnosis of a site that needs something."""
    path = tmp_path_factory.mktemp("diagnosis") / "diagnosis.json"
    path.write_text(json.dumps(site_in_need()))
    return str(path)


def same_as_kept(name: str, screen: str) -> None:
    """Hold a screen against the kept one."""
    path = SCREENS / f"{name}.txt"
    if os.environ.get("BLOCK_STRUCTURE_NEW_SCREENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(screen)
    assert screen == path.read_text()


@pytest.mark.parametrize("everything", [False, True], ids=["", "all"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_screen_of_a_diagnosis_is_the_kept_one(saved, width, everything):
    code, screen = in_terminal(width, "diagnose", "--report", saved, *(["--all"] if everything else []), NO_COLOR="1")
    assert code == 1
    same_as_kept(f"diagnose-{width}{'-all' if everything else ''}", screen)
    lines = screen.splitlines()
    assert max(map(len, lines)) <= width
    # The verdict, the slowest course in milliseconds and what to set are before the first finding.
    assert lines[0] == "Needs action: 1 error, 1 warning, 4 notes."
    start = lines.index("Errors")
    above = " ".join(" ".join(lines[:start]).split())
    assert "Slowest course: 12,346 ms for a rebuild: course-v1:SandboxX+HUGE8K+2026, 8,000 blocks." in above
    assert "block_structure_memcached_memory_mb: 128" in above
    # No word and no number is broken.
    words = set(screen.split())
    courses = site_in_need()["courses"]
    shown = courses if everything else [course for course in courses if summary.needs_something(course)]
    assert {course["key"] for course in shown} <= words
    assert {f"{course['bytes']:,}" for course in shown} <= {word.rstrip(",") for word in words}
    if not everything:
        assert len(lines) <= 40
        assert "40 courses need nothing; --all shows them." in lines


# Red, green, yellow, blue, magenta, cyan of common terminals as they come (code: Visual Studio Code).
PALETTES = {
    "xterm": "cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd",
    "console": "aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa",
    "gnome": "c01c28 26a269 a2734c 12488b a347ba 2aa1b3",
    "macos": "c23621 25bc24 adad27 492ee1 d338d3 33bbc8",
    "windows": "c50f1f 13a10e c19c00 0037da 881798 3a96dd",
    "code": "cd3131 0dbc79 e5e510 2472c8 bc3fbc 11a8cd",
}
LEGIBLE = 2.5  # contrast: magenta of Windows on black has 2.6, yellow of xterm on white 1.7, its green 2.2


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("background", ["ffffff", "000000"], ids=["light", "dark"])
@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_colours_are_legible_on_light_and_on_dark(palette, background):
    names = dict(zip(("red", "green", "yellow", "blue", "magenta", "cyan"), palette.split(), strict=True))
    for name in output.COLOURS.values():
        darker, lighter = sorted((luminance(names[name]), luminance(background)))
        assert (lighter + 0.05) / (darker + 0.05) >= LEGIBLE, name


def test_colours_are_those_of_the_terminals_palette_and_never_bold(saved):
    """Some terminals show bold as the bright colour, which nobody reads on white."""
    _, screen = in_terminal(80, "diagnose", "--report", saved)
    used = [
        [part for part in codes if part not in ("", "0")] for codes in (found.split(";") for found in COLOUR.findall(screen))
    ]
    assert {tuple(codes) for codes in used if codes} == {("1",), ("31",), ("35",)}
    assert not re.search(r"\x1b\[3[0-9]m\x1b\[1m", screen)


def test_a_progress_bar_has_no_colour_that_is_lost_on_light_or_dark(tmp_path):
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {children: {block_structure_lms: {hosts: {lms1: {ansible_connection: local}}}}}\n")
    _, screen = in_terminal(80, "verify", "-i", str(inventory))
    used = {part for codes in COLOUR.findall(screen) for part in codes.split(";")}
    assert "━" in screen
    assert used <= {"", "0", "1", "2", "31", "35"}


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_none_are_wanted(saved, environment):
    assert "\x1b" not in in_terminal(80, "diagnose", "--report", saved, **environment)[1]


def test_no_colours_without_a_terminal(saved):
    argv = [str(ROOT / "scripts/block-structure"), "diagnose", "--report", saved]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "TERM": "xterm-256color"})
    assert ended.returncode == 1
    assert "\x1b" not in ended.stdout + ended.stderr


def test_csv_has_each_course_with_its_raw_figures(saved):
    argv = [str(ROOT / "scripts/block-structure"), "diagnose", "--report", saved, "--format", "csv"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert len(rows) == 42
    huge = next(row for row in rows if row["key"] == "course-v1:SandboxX+HUGE8K+2026")
    assert (huge["bytes"], huge["rebuild_ms"], huge["cache_ms"]) == ("417844", "12345.6", "")
    assert next(row for row in rows if row["key"] == "course-v1:SandboxX+M04+2026")["fresh"] == "false"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_terminal_shows_what_is_waited_for(tmp_path, width):
    inventory = tmp_path / "hosts.yml"
    host = "{lms1: {ansible_connection: local, ansible_python_interpreter: /nowhere}}"
    inventory.write_text(f"all: {{children: {{block_structure_lms: {{hosts: {host}}}}}}}\n")
    code, screen = in_terminal(width, "deploy", "-i", str(inventory), NO_COLOR="1")
    assert code == 3
    assert "Traceback" not in screen
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", screen))
    bars = [line for line in lines if "step " in line]
    assert any("step 2/" in line for line in bars)
    assert max(map(len, bars)) <= width
    assert any(line.startswith("lms1: ") for line in bars)


def test_a_password_is_asked_for_once_and_is_not_shown(tmp_path):
    """Ansible asks for it in its turn, and gets the answer."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {children: {block_structure_lms: {hosts: {lms1: {ansible_connection: local}}}}}\n")
    code, screen = in_terminal(80, "verify", "-i", str(inventory), "-K", typed="example-password\n")
    assert code == 3
    assert screen.count("Sudo password of the hosts: ") == 1
    assert "example-password" not in screen
    assert screen.endswith("lms1: block_structure_storage_bucket is not set.\nRemedy: set it to your S3 bucket.\n")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_refusal_breaks_no_word(width):
    code, screen = in_terminal(width, "verify", "-i", "no-such-inventory")
    assert code == 2
    assert max(map(len, screen.splitlines())) <= width
    assert " ".join(screen.split()).endswith(
        "Remedy: name the site's inventory with -i; a path is relative to where you stand."
    )


# What does not fit, each with what it is about.
MISTAKES = (
    "diagnoze",
    "--verbos",
    "diagnose --formt json",
    "diagnose -i",
    "diagnose --rebuild=yes",
    "diagnose --format xml",
    "diagnose extra",
    "diagnose --vault-password-file absent",
    "benchmark --users 900",
    "benchmark --nav-depth none",
    "benchmark --url ftp://learn.example.com",
    "profile",
    "trend",
    "spool empty",
    "watch",
    "watch --textfile block_structure.txt",
    "regenerate --force --only stale",
    "regenerate --routing-key example",
    "move --report absent.json",
)


@pytest.mark.parametrize("width", WIDTHS[:3])
def test_a_command_line_that_does_not_fit_has_a_cause_and_a_remedy(width):
    parts = []
    for mistake in MISTAKES:
        code, screen = in_terminal(width, *mistake.split())
        assert code == 2, screen
        assert max(map(len, screen.splitlines())) <= width
        cause, remedy = re.sub(r"\n  ", " ", screen).splitlines()
        assert cause.endswith(".")
        assert remedy.startswith("Remedy: ")
        assert {word for word in cause.split() if "'" in word} <= set(screen.split())  # what was given is not broken
        parts.append(f"$ block-structure {mistake}\n{screen}")
    same_as_kept(f"usage-{width}", "\n".join(parts))


def test_ctrl_c_at_a_question_is_an_interruption(tmp_path):
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {children: {block_structure_lms: {hosts: {lms1: {ansible_connection: local}}}}}\n")
    code, screen = in_terminal(80, "verify", "-i", str(inventory), "-K", typed="\x03")
    assert code == 130
    assert screen.endswith("Stopped.\nRemedy: run it again; finished work is kept.\n")


def test_a_command_in_a_message_stays_whole():
    text = "It is missing.\nRemedy: run `ansible-galaxy collection install 'amazon.aws:>=10.1.0'`, and start again."
    assert layout.message(text, 60).splitlines() == [
        "It is missing.",
        "Remedy: run",
        "  `ansible-galaxy collection install 'amazon.aws:>=10.1.0'`,",
        "  and start again.",
    ]


# What a table does at any width


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.text("abc -", max_size=60)), min_size=1, max_size=4),
    st.integers(20, 200),
)
def test_a_table_breaks_no_cell_at_any_width(rows, width):
    grid = layout.Grid.of(
        ("course", "bytes", "reason"), [(f"key-{number}", *row) for number, row in enumerate(rows)], ["bytes"]
    )
    lines = [line for line, _ in (grid.table(width) if grid.fit(width) else grid.cards(width))]
    words = " ".join(lines).replace(",  ", " ").split()
    assert {f"{number:,}" for number, _ in rows} <= {word.rstrip(",") for word in words}
    assert {word for _, text in rows for word in text.split()} <= {*words, "-"}
    longest = max((len(word) for _, text in rows for word in text.split()), default=0)
    assert max(map(len, lines)) <= max(width, 4 + longest)


def test_an_empty_table_is_a_sentence(capsys):
    output.print_table("Objects that wait for S3", ("host", "object"), [], empty="No object waits for S3.")
    assert capsys.readouterr().out == "No object waits for S3.\n"


def test_a_column_that_is_empty_in_every_row_is_left_out(capsys):
    output.print_table("t", ("course", "reason", "blocks"), [["a", None, 1200], ["b", None, None]], right=("blocks",))
    assert capsys.readouterr().out.split() == ["t", "course", "blocks", "──────", "──────", "a", "1,200", "b", "-"]


# The summary


def of(*severities: str, **more: Any) -> summary.Summary:
    return summary.of({**diagnosis(*severities), **more})


@pytest.mark.parametrize(
    ("severities", "line"),
    [
        ((), "Nothing needs attention: no findings."),
        (("info", "info"), "Nothing needs attention: 2 notes."),
        (("warning", "info"), "Works, and something needs attention: 1 warning, 1 note."),
        (("warning", "error"), "Needs action: 1 error, 1 warning."),
    ],
)
def test_the_verdict_is_that_of_the_most_urgent_finding(severities, line):
    assert summary.verdict(of(*severities)) == line


def course(tier: str, key: str = "a", blocks: int = 10, **times: float) -> dict[str, Any]:
    return {"key": key, "blocks": blocks, "bytes": 1, "tier": tier, "tier_when_cold": tier, "reason": "", **times}


@pytest.mark.parametrize(
    ("courses", "sentence"),
    [
        ([course("cache", cache_ms=1.0, unpickle_ms=9.0)], "10 ms from cache: a, 10 blocks."),
        (
            [course("cache", cache_ms=1.0, unpickle_ms=99.0), course("storage", "b", storage_ms=40.0, unpickle_ms=5.0)],
            "100 ms from cache: a, 10 blocks.",
        ),
        (
            [course("cache", cache_ms=1.0, unpickle_ms=99.0), course("modulestore", "b", rebuild_ms=2000.0)],
            "2,000 ms for a rebuild: b, 10 blocks.",
        ),
        (
            [course("cache", cache_ms=1.0, unpickle_ms=99.0), course("modulestore", "b", blocks=7)],
            "rebuilt in the request, not measured (`block-structure diagnose --rebuild` does): b, 7 blocks.",
        ),
    ],
)
def test_the_slowest_course_is_named_with_its_time(courses, sentence):
    assert ("Slowest course", sentence) in summary.lines(of(courses=courses))


def test_a_site_without_measured_courses_names_no_slowest_one():
    assert of(courses=[course("cache")]).worst is None
    assert summary.lines(of(courses=[])) == [("", "No course is published.")]


def test_notes_of_one_kind_are_one_message():
    lines = screen.findings(site_in_need()["findings"], layout.Medium(160), everything=True)
    shown = "".join(f"{line}\n" for line, _ in lines)
    assert shown.count("This release no longer reads") == 1
    assert "switch-inert (4)\n" in shown
    assert "  The same for switch_two, switch_three, switch_four.\n" in shown


def test_findings_of_one_kind_that_differ_are_all_shown():
    found = [{**one, "id": "x", "cause": f"cause {n}"} for n, one in enumerate(site_in_need()["findings"][-2:])]
    (group,) = summary.groups(found)
    assert (len(group.findings), group.same) == (2, ())


def test_only_a_course_that_somebody_must_act_on_needs_something():
    assert not summary.needs_something(course("storage"))
    assert summary.needs_something(course("modulestore"))
    assert summary.needs_something({**course("cache"), "tier_when_cold": "modulestore"})
    assert summary.needs_something({**course("cache"), "fresh": False})
    assert not summary.needs_something({**course("cache"), "fresh": None})
