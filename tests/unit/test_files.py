"""Files of the host: links, attributes, encodings and power failures."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pwd
import re
import shlex
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.edit import memcached_config
from block_structure.module_utils.host import files
from hypothesis import given, settings
from hypothesis import strategies as st

from . import modules

WRAPPER = Path("/usr/share/memcached/scripts/systemd-memcached-wrapper")


def attributes(path: Path) -> tuple[int, int, int]:
    known = path.stat()
    return known.st_uid, known.st_gid, stat.S_IMODE(known.st_mode)


@pytest.fixture
def linked(tmp_path):
    """Return (a link, the file that it leads to), the file with owner, group and mode of its own."""
    target = tmp_path / "repo" / "real.conf"
    target.parent.mkdir()
    target.write_bytes(b"before\n")
    target.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(target, 12, 34)
    link = tmp_path / "etc.conf"
    link.symlink_to(Path("repo") / "real.conf")
    return link, target


def test_a_link_stays_and_its_target_is_replaced_with_its_attributes(linked):
    link, target = linked
    known = attributes(target)
    files.replace(files.real_file(link, "some_variable"), b"after\n")
    assert link.is_symlink()
    assert (target.read_bytes(), attributes(target)) == (b"after\n", known)
    assert [path.name for path in target.parent.iterdir()] == ["real.conf"]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.symlink_to("missing"), "is a symbolic link to a file that does not exist"),
        (lambda path: path.symlink_to(path.name), "cannot be followed to a file"),
        (lambda path: path.mkdir(), "is no regular file"),
        (os.mkfifo, "is no regular file"),
    ],
    ids=["dangling", "loop", "directory", "pipe"],
)
def test_what_is_no_file_is_refused_by_name(tmp_path, make, problem):
    path = tmp_path / "memcached.conf"
    make(path)
    with pytest.raises(BlockStructureError) as refused:
        files.real_file(path, "some_variable")
    assert str(refused.value) == f"{path} {problem}.\nRemedy: correct some_variable, or the file; nothing was changed."


def test_a_write_that_fails_leaves_the_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.conf"
    path.write_bytes(b"before\n")
    with pytest.raises(TypeError):
        files.replace(path, "text is not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"before\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["run", "check"])
def test_a_block_goes_into_the_file_behind_a_link(linked, check):
    link, target = linked
    known = attributes(target)
    given_arguments = {"path": str(link), "variable": "some_variable", "block": "export A=1", "backup": False}
    assert modules.run("managed_block", given_arguments, *check)["changed"]
    assert link.is_symlink()
    assert attributes(target) == known
    assert (b"export A=1" in target.read_bytes()) is not bool(check)


def started_with(text: bytes, folder: Path) -> list[str]:
    """Return the arguments that Debian's own wrapper gives memcached for a configuration file."""
    script, config = folder / "wrapper", folder / "memcached.conf"
    script.write_text(WRAPPER.read_text().replace('"/usr/bin/memcached"', "\"/usr/bin/printf '%s\\\\n'\""))
    config.write_bytes(text)
    ended = subprocess.run(["perl", str(script), str(config)], capture_output=True, check=True)
    return os.fsdecode(ended.stdout).splitlines()


def by_getopt(arguments: list[str]) -> dict[str, str]:
    """Return the flags with a value as getopt(1) of the C library's own parser reads them."""
    short = "a:As:p:U:m:Mc:khiVrvdl:u:P:t:b:f:n:R:D:L:CI:B:SFXo:N:Y:e:"
    ended = subprocess.run(
        ["getopt", "-o", short, "-l", "memory-limit:,max-item-size:", "--", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    words = shlex.split(ended.stdout)
    long = {"--memory-limit": "-m", "--max-item-size": "-I"}
    found = {}
    for at, word in enumerate(words):
        if word == "--":
            break
        flag = long.get(word, word)
        if flag in ("-m", "-I"):
            found[flag] = words[at + 1]
    return found


LINES = [
    "-m 64", "-m512", "-I 4m", "-I4m # big", "# -m 1", "-d", "-d -m 7", "-m 64 -I 2m -c 1024", "-vm 512", "  -m  96  ", "",
    "logfile /var/log/memcached.log", "-l 127.0.0.1", "-u memcache", "--memory-limit=333", "--max-item-size 3m", "-m 512M",
    "-o slab_reassign # -m 9", "\t-I 1048576", "-k -m 70",
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "-d\n-m 512\n-I 2.5m\n",
        "-d\n-m 64\n-m 512 # raised for courses\n",
        "-d\n-m512\n-I4m\n",
        "-m 512M -I 4m\r\n",
        "-d\n-m 512 # half of the box\n-I 4m # big courses\n",
        "-d\n-m 512 -I 4m -c 2048\n",
        "-d\n-m 512M\n-I 4m\n",
    ],
)
@pytest.mark.parametrize("wanted", [{}, {"-m": "768"}, {"-m": "768", "-I": "5m"}])
def test_flags_are_read_and_set_as_debians_wrapper_and_getopt_read_them(tmp_path, text, wanted):
    edited = memcached_config.set_flags(text, wanted)
    taken = by_getopt(started_with(edited.encode(), tmp_path))
    assert {flag: value for flag, value in memcached_config.flags(edited).items() if flag in ("-m", "-I")} == taken
    assert wanted.items() <= taken.items()


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.sampled_from(LINES), max_size=6))
def test_any_such_file_is_read_and_set_as_it_is_taken(tmp_path_factory, lines):
    text, folder = "".join(f"{line}\n" for line in lines), tmp_path_factory.mktemp("memcached")
    for edited in (text, memcached_config.set_flags(text, {"-m": "768", "-I": "5m"})):
        taken = by_getopt(started_with(edited.encode(), folder))
        assert {flag: value for flag, value in memcached_config.flags(edited).items() if flag in ("-m", "-I")} == taken


def test_the_environment_file_of_red_hat_keeps_its_form():
    text = 'PORT="11211"\nUSER="memcached"\nMAXCONN="1024"\nCACHESIZE="64"\nOPTIONS="-l 127.0.0.1,::1"\n'
    edited = memcached_config.set_flags(text, {"-m": "768", "-I": "5m"})
    assert edited == text.replace('"64"', '"768"').replace("::1", "::1 -I 5m")
    assert memcached_config.flags(edited) == {"-m": "768", "-l": "127.0.0.1,::1", "-I": "5m"}
    # What OPTIONS repeats comes later on memcached's command line.
    assert memcached_config.flags(text.replace("::1", "::1 -m 90"))["-m"] == "90"
    bare = memcached_config.set_flags('PORT="11211"\n', {"-m": "768", "-I": "5m"})
    assert bare == 'PORT="11211"\nCACHESIZE="768"\nOPTIONS="-I 5m"\n'


@pytest.mark.parametrize(
    ("value", "taken"),
    [("4m", 4 << 20), ("2.5m", 2 << 20), ("512k", 512 << 10), ("1048576", 1 << 20), ("8M", 8 << 20), ("x", 0)],
)
def test_an_item_size_is_what_memcached_makes_of_it(value, taken):
    assert memcached_config.item_size_bytes(value) == taken


@pytest.fixture
def running_memcached(memcached_binary):
    """Return the port of a memcached with its default flags."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = pwd.getpwuid(os.geteuid()).pw_name
    process = subprocess.Popen([memcached_binary, "-u", user, "-l", "127.0.0.1", "-p", str(port), "-U", "0"])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def test_the_recorded_configuration_returns_byte_for_byte(tmp_path, linked, running_memcached):
    """Whatever its encoding, and without judging it: memcached itself would refuse this size."""
    link, target = linked
    known, record = attributes(target), tmp_path / "record"
    before = "# für große Kurse\n-m 64\n-I 4096m\n".encode("latin-1")
    record.write_bytes(before)
    target.write_bytes("# größer\n-m 512\n".encode("latin-1"))
    arguments = {"port": running_memcached, "config_path": str(link), "restore": str(record)}
    assert modules.run("memcached", arguments)["changed"]
    assert link.is_symlink()
    assert (target.read_bytes(), attributes(target)) == (before, known)


@pytest.mark.parametrize(("data", "problem"), [(b"", "is empty"), (None, "cannot be read: No such file or directory")])
def test_a_damaged_record_is_refused_and_the_file_stays(tmp_path, running_memcached, data, problem):
    config, record = tmp_path / "memcached.conf", tmp_path / "record"
    config.write_bytes(b"-m 512\n")
    if data is not None:
        record.write_bytes(data)
    answer = modules.run("memcached", {"port": running_memcached, "config_path": str(config), "restore": str(record)})
    assert answer["msg"] == (
        f"The recorded configuration {record} {problem}, so memcached's previous configuration is not known.\n"
        "Remedy: restore the configuration file from a backup beside it, remove the record, and run again."
    )
    assert config.read_bytes() == b"-m 512\n"


def test_a_configuration_that_cannot_be_written_is_named(tmp_path, running_memcached):
    record = tmp_path / "record"
    record.write_bytes(b"-m 64\n")
    answer = modules.run("memcached", {"port": running_memcached, "config_path": "/proc/version", "restore": str(record)})
    assert answer["msg"] == (
        "/proc/version cannot be written: No such file or directory.\n"
        "Remedy: correct block_structure_memcached_config_path, or the rights of its folder; the file is untouched."
    )


@pytest.mark.parametrize(("module", "more"), [("managed_block", {"block": "one"}), ("host_file", {"key": "00"})])
def test_a_file_whose_folder_takes_none_is_named(tmp_path, module, more):
    given = {"path": "/proc/version", "variable": "block_structure_native_lms_gunicorn_config", **more}
    if module == "host_file":
        given["src"] = str(tmp_path / "new")
        (tmp_path / "new").write_text("new")
    answer = modules.run(module, given)
    assert answer["msg"] == (
        "/proc/version cannot be written: No such file or directory.\n"
        "Remedy: correct block_structure_native_lms_gunicorn_config, or the rights of its folder; the file is untouched."
    )


SECRET = "EXAMPLE-DATABASE-PASSWORD"
SETTINGS_TEXT = f"PASSWORD: {SECRET}\nBLOCK_STRUCTURES_SETTINGS:\n  PRUNING_ACTIVE: false\n"


def test_settings_behind_a_link_are_edited_where_they_are(linked):
    link, target = linked
    target.write_text(SETTINGS_TEXT)
    known = attributes(target)
    arguments = {"path": str(link), "key": "BLOCK_STRUCTURES_SETTINGS", "settings": {"PRUNING_ACTIVE": True}}
    assert modules.run("settings", arguments)["changed"]
    assert link.is_symlink()
    assert (target.read_text(), attributes(target)) == (SETTINGS_TEXT.replace("false", "true"), known)
    # The backup is beside the file, as private as it.
    (backup,) = (path for path in target.parent.iterdir() if path != target)
    assert (backup.read_text(), attributes(backup)) == (SETTINGS_TEXT, known)


def test_a_candidate_has_the_attributes_of_the_original(linked, tmp_path):
    link, target = linked
    target.write_text(SETTINGS_TEXT)
    arguments = {"path": str(link), "key": "BLOCK_STRUCTURES_SETTINGS", "settings": {}, "dest": str(tmp_path / "candidate.yml")}
    assert modules.run("settings", arguments)["changed"]
    assert attributes(tmp_path / "candidate.yml") == attributes(target)
    assert target.read_text() == SETTINGS_TEXT


def shown(arguments: dict[str, object], name: str) -> str:
    """Return everything that a run shows at the highest verbosity, with Ansible's debug output, and what it decodes to."""
    text = modules.output(name, arguments, "-vvvvv", ANSIBLE_DEBUG="1")
    words = set(re.findall(r"[A-Za-z0-9+/=]{16,}", text))
    for word in words:
        with contextlib.suppress(ValueError):
            text += base64.b64decode(word).decode("latin-1")
    return text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (SETTINGS_TEXT, None),
        (f"A: 1\nPASSWORD: '{SECRET}\n", "found unexpected end of stream at line 3, column 1."),
        (f"A: *{SECRET}\n", None),
        (f"A: [{SECRET}\nB: 1\n", "did not find expected ',' or ']' at line 2, column 2."),
        (f"A: {SECRET}: {SECRET}\n", "mapping values are not allowed here at line 1"),
    ],
    ids=["sound", "quote", "alias", "bracket", "colon"],
)
def test_no_line_of_a_settings_file_is_shown_at_any_verbosity(tmp_path, text, place):
    path = tmp_path / "lms.yml"
    path.write_text(text)
    arguments = {"path": str(path), "key": "BLOCK_STRUCTURES_SETTINGS", "settings": {"PRUNING_ACTIVE": True}}
    output = shown(arguments, "settings")
    assert SECRET not in output
    if place:
        assert "The settings file is not YAML" in output
        assert re.search(r"at line \d+, column \d+", output), output
        assert path.read_text() == text


RECORD = {"settings": {"lms": f"SECRET: {SECRET}\n"}, "also": {}, "survey": {"row": {}, "switches": {}}}


def test_the_record_is_written_once_and_returned(tmp_path):
    path = tmp_path / "before.json"
    assert "SUCCESS" in modules.output("record", {"path": str(path), "first": RECORD}, "--check")
    assert not path.exists()
    assert "SUCCESS" in modules.output("record", {"path": str(path), "first": RECORD})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == RECORD
    assert "SUCCESS" in modules.output("record", {"path": str(path), "first": {}})
    assert json.loads(path.read_text()) == RECORD
    assert SECRET not in shown({"path": str(path)}, "record")


@pytest.mark.parametrize(
    ("data", "systems", "problem"),
    [
        ("", [], "is empty"),
        (json.dumps(RECORD)[:-9], [], "is cut off or not JSON"),
        ("[]", [], "lacks the database's part"),
        (json.dumps({**RECORD, "survey": {"row": {}}}), [], "lacks the database's part"),
        (json.dumps(RECORD), ["lms", "cms"], "lacks the settings of cms"),
    ],
    ids=["empty", "cut", "list", "no switches", "no cms"],
)
def test_a_record_that_no_rollback_can_use_is_refused(tmp_path, data, systems, problem):
    path = tmp_path / "before.json"
    path.write_text(data)
    answer = modules.run("record", {"path": str(path), "systems": systems})
    assert answer["msg"] == (
        f"The record {path} {problem}, so what the first deploy found is not known; nothing is changed.\n"
        "Remedy: restore the record from a backup of the host, or remove it and restore the settings by hand."
    )
