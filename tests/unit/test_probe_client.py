"""How the probe is sent and its results are parsed, with small programs instead of manage.py."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import releases
from block_structure.module_utils.host import probe_client

from .conftest import PLUGINS

PROBE = PLUGINS / "module_utils" / "probe"
# Executes its standard input without module globals, as the shell of old Django versions does.
OLD_SHELL = "import sys\ndef shell():\n    exec(sys.stdin.read())\nshell()\n"


def answer(release, program: str, tmp_path, **options):
    path = tmp_path / "manage.py"
    path.write_text(program)
    return probe_client.run([sys.executable, str(path), "lms"], release("teak"), [{"op": "survey"}], **options)


def test_program_is_one_line_and_runs_without_globals(release, tmp_path):
    line = probe_client.bundle({"protocol": 1})
    assert line.count("\n") == 1
    # There is no platform here: the probe itself says so, which it can only do after all of its modules were installed.
    with pytest.raises(BlockStructureError, match="The LMS could not run 'survey': ModuleNotFoundError"):
        answer(release, OLD_SHELL, tmp_path)


def test_events_are_parsed_from_the_platforms_output(release, tmp_path):
    seen = []
    result = json.dumps({"event": "result", "results": [1], "seconds": 0.5})
    program = f"print('talk'); print('unfinished line BLOCK_STRUCTURE_PROBE {json.dumps({'event': 'boot'})}'); "
    program += f"print('BLOCK_STRUCTURE_PROBE ' + {result!r})"
    report = answer(release, program, tmp_path, on_event=seen.append)
    assert report.results == [1]
    assert [event["event"] for event in seen] == ["boot", "result"]


INSTALLED = {
    **dict.fromkeys(("release_line", "storage_resolver", "course_index"), "x"),
    **{name: [] for name in ("switches", "command_options")},
}


def identified(table, named: str | None, found: str | None, tmp_path) -> probe_client.Answer:
    """The result of a run whose probe found palm installed."""
    results = [{"installed": INSTALLED, "candidates": ["palm"], "release": found}, *([{"generated": 1}] if found else [])]
    report = json.dumps({"event": "result", "results": results, "seconds": 0.5})
    path = tmp_path / "manage.py"
    path.write_text(f"print('BLOCK_STRUCTURE_PROBE ' + {report!r})")
    how = {"rows": releases.identify_rows(table, named, None), "named": named, "prepares": False}
    return probe_client.run([sys.executable, str(path), "lms"], None, [{"op": "generate"}], identify=how)


def test_what_is_installed_is_reported_apart_from_the_results(table, tmp_path):
    answer = identified(table, None, "palm", tmp_path)
    assert (answer.results, answer.identified["release"]) == ([{"generated": 1}], "palm")


def test_operations_for_another_release_are_refused(table, tmp_path):
    with pytest.raises(BlockStructureError) as refused:
        identified(table, "teak", None, tmp_path)
    assert refused.value.identifier == "release-differs"
    assert "'teak', and the installed platform is palm: it reports release line" in refused.value.cause


@pytest.mark.parametrize(
    ("program", "identifier", "message"),
    [
        ("raise TypeError(\"unhashable type: 'dict'\")", "lms-does-not-start", "TypeError: unhashable type: 'dict'"),
        ("import sys; sys.exit('no such settings')", "lms-does-not-start", "no such settings"),
        ("pass", "lms-does-not-start", "it wrote no output"),
        ("import time; time.sleep(60)", "lms-boot-timeout", "did not start within 1 seconds"),
        (
            'import os; print(\'BLOCK_STRUCTURE_PROBE {"event": "boot"}\', flush=True); os.kill(os.getpid(), 9)',
            "probe-interrupted",
            "ended unexpectedly",
        ),
    ],
)
def test_a_boot_that_fails_is_reported_in_the_platforms_words(release, tmp_path, program, identifier, message):
    with pytest.raises(BlockStructureError) as refused:
        answer(release, program, tmp_path, boot_timeout=1)
    assert refused.value.identifier == identifier
    assert message in refused.value.cause
    assert refused.value.remedy


def test_missing_storage_class_is_reported_with_deploy_as_remedy(release, tmp_path):
    with pytest.raises(BlockStructureError) as refused:
        answer(release, "import block_structure_storage.nothing_here", tmp_path)
    assert refused.value.cause == "The LMS does not start: ModuleNotFoundError: No module named 'block_structure_storage'"
    assert refused.value.remedy == "run openedx_operators.block_structure.deploy, which reinstalls the class."


def test_secrets_are_scrubbed_from_the_platforms_output(release, tmp_path):
    with pytest.raises(BlockStructureError) as refused:
        answer(release, "raise ValueError('key EXAMPLEKEY is wrong')", tmp_path, secrets=["EXAMPLEKEY"])
    assert refused.value.cause == "The LMS does not start: ValueError: key (secret) is wrong"


def test_a_command_that_is_not_there_is_reported(release):
    with pytest.raises(BlockStructureError, match="The LMS's command cannot be run"):
        probe_client.run(["/nowhere/python"], release("teak"), [])


def test_probe_is_valid_python_for_the_oldest_lms():
    targets = ["--target=2.7-", "--target=3.5-"]
    done = subprocess.run(["vermin", "--quiet", "--no-tips", *targets, str(PROBE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(PROBE.rglob("*.py")), ids=lambda path: path.stem)
def test_probe_imports_the_platform_only_inside_functions(path):
    """Ansible's Python imports these files without Django."""
    late = {"django", "openedx", "xmodule", "opaque_keys", "waffle", "common", "edx_django_utils", "storages"}
    for node in ast.parse(path.read_text()).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        assert not late & {name.split(".")[0] for name in names}
