"""Run the probe inside the LMS and read its answer. One call is one boot of the LMS.

The sources of probe/ and the request become one line of Python on the standard input of `manage.py lms shell`. One line,
because old Django versions execute standard input without its own globals, so that functions of a longer program would not
see each other; standard input, because command lines are visible to every user of a host.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import subprocess
import tempfile
import threading
import zlib
from dataclasses import dataclass, replace
from typing import IO, Any, Callable, Dict

from ..common.errors import BlockStructureError
from ..common.redact import scrub
from ..decisions.config_files import TITLES
from ..decisions.releases import Release, refusal
from ..probe import entry, protocol
from ..probe.block_structure_runtime import collector, keys
from ..probe.engine import (
    ages,
    cache_server,
    edxapp,
    enqueue,
    facts,
    fetching,
    hollow,
    lock,
    memory,
    objects,
    pages,
    running,
    selection,
    shortcuts,
    site,
    tally,
    workers,
)
from ..probe.operations import (
    benchmark,
    candidate,
    database,
    examine,
    generate,
    identify,
    move,
    profile,
    prune,
    runtime,
    signing_keys,
    spool,
    survey,
)
from . import package

Event = Dict[str, Any]

PACKAGE = "block_structure_probe"
BOOT_TIMEOUT_SECONDS = 300
# In import order; importing them here also makes Ansible ship them.
_PROGRAM = [
    protocol,
    *(edxapp, memory, objects, cache_server, hollow, fetching, facts, pages, survey, site, selection, shortcuts, lock, tally),
    *(collector, keys, workers, enqueue),
    *(identify, candidate, database, generate, move, prune, benchmark, profile, runtime, ages, running, examine, spool),
    signing_keys,
    entry,
]
_OUTPUT_BYTES = 16384
_EXCEPTION_LINE = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Configured|Exit|Interrupt|NotFound|DoesNotExist)\b.*")
# Creates real modules from the sources, so that relative imports work as in files; runs with its own globals.
_LOADER = """
import json, sys, types
bundle = json.loads({data!r})
def make(name, parent):
    module = sys.modules[name] = types.ModuleType(str(name))
    module.__package__ = str(parent)
    if parent != name:
        setattr(sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2], module)
    return module
for name in bundle["packages"]:
    make(name, name).__path__ = []
for name in bundle["packages"][1:]:
    setattr(sys.modules["{package}"], name.rpartition(".")[2], sys.modules[name])
for name, source in bundle["sources"]:
    module = make(name, name.rpartition(".")[0])
    exec(compile(source, name.replace(".", "/") + ".py", "exec", 0, True), module.__dict__)
sys.modules["{package}.entry"].run(bundle["request"])
"""
# Boots the system named by its argument on settings that are not installed: their source is the first line of standard input,
# as JSON. The rest goes to Django's shell in an unnamed file, because the shell first checks whether its input is readable.
SETTINGS_LOADER = """
import json, os, runpy, sys, tempfile, types
name = os.environ["DJANGO_SETTINGS_MODULE"]
source = json.loads(sys.stdin.readline())
rest = tempfile.TemporaryFile("w+")
rest.write(sys.stdin.read())
rest.seek(0)
os.dup2(rest.fileno(), 0)
sys.stdin = rest
sys.path.insert(0, os.getcwd())
parent = __import__(name.rpartition(".")[0], fromlist=["unused"])
settings = types.ModuleType(str(name))
settings.__file__ = "candidate settings"
sys.modules[settings.__name__] = settings
exec(compile(source.encode("utf-8"), settings.__file__, "exec", 0, True), settings.__dict__)
setattr(parent, name.rpartition(".")[2], settings)
sys.argv[0] = "./manage.py"
runpy.run_path("./manage.py", run_name="__main__")
"""
_LINE = "import base64,zlib;exec(compile(zlib.decompress(base64.b64decode('{code}')),'{package}','exec'),{{}})\n"


@dataclass(frozen=True)
class Answer:
    """The probe's answer: one result per operation, every event in order, and the wall time in seconds.

    identified: result of the operation `identify`, if requested.
    """

    results: list[Any]
    events: list[Event]
    seconds: float
    identified: dict[str, Any] | None = None


def _source(module: Any) -> str:
    """Return a module's source, from disk or from Ansible's module archive."""
    spec = importlib.util.find_spec(module.__name__)
    loader: Any = spec.loader if spec else None
    return str(loader.get_source(module.__name__))


def bundle(request: dict[str, Any]) -> str:
    """Return the one line of Python that installs the probe and answers the request."""
    prefix = entry.__name__.rpartition(".")[0]
    sources = [(PACKAGE + module.__name__[len(prefix) :], _source(module)) for module in _PROGRAM]
    packages = sorted({name.rpartition(".")[0] for name, _ in sources})
    data = json.dumps({"packages": packages, "sources": sources, "request": request})
    loader = _LOADER.format(data=data, package=PACKAGE)
    return _LINE.format(code=base64.b64encode(zlib.compress(loader.encode("ascii"), 9)).decode(), package=PACKAGE)


def parse(line: str) -> Event | None:
    """Return the event of an output line, None for the platform's own output, and for half an event."""
    _, mark, rest = line.partition(protocol.MARK)
    if not mark:
        return None
    try:
        event = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event else None


def last_error_line(output: str) -> str:
    """Return the exception line of the platform's last traceback, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in reversed(lines):
        if _EXCEPTION_LINE.match(line):
            return line[:500]
    return lines[-1][:500] if lines else "it wrote no output"


def start_failure(output: str, secrets: list[str], system: str) -> BlockStructureError:
    """Return the error for a system that ended before the probe could answer, with the platform's own message."""
    message = last_error_line(output)
    ours = "No module named" in message and package.MODULE in message
    return BlockStructureError(
        "lms-does-not-start",
        f"{TITLES[system]} does not start: {scrub(message, secrets)}",
        "run openedx_operators.block_structure.deploy, which reinstalls the class."
        if ours
        else f"run `manage.py {system} check` on the host with the same settings file and fix what it reports.",
    )


def _read(stdout: IO[str], on_event: Callable[[Event], None] | None, timer: threading.Timer) -> tuple[list[Event], str]:
    events = []
    output = ""
    for line in stdout:
        event = parse(line)
        if event is None:
            output = (output + line)[-_OUTPUT_BYTES:]
            continue
        timer.cancel()
        events.append(event)
        if on_event:
            on_event(event)
    return events, output


def run(
    manage_argv: list[str],
    release: Release | None,
    operations: list[dict[str, Any]],
    *,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[subprocess.Popen[str]], None] | None = None,
    secrets: list[str] | None = None,
    boot_timeout: float = BOOT_TIMEOUT_SECONDS,
    settings_source: str | None = None,
    identify: dict[str, Any] | None = None,
    system: str = "lms",
) -> Answer:
    """Boot the LMS once, run the operations in order, and return the answer.

    manage_argv: the whole command up to and including `lms` and its options; `shell` is appended. release: None with
    identify, which identifies it in the same boot (probe/operations/identify.py).
    on_event: called with each event as it arrives. on_start: called with the LMS process. secrets: strings that must not
    appear in an error. boot_timeout: seconds until the first event; operations then have no time limit.
    settings_source: Python source of the settings module to boot with instead of the installed one; manage_argv then ends
    with the interpreter, run in the folder of manage.py. system: lms, or cms to boot Studio.
    Raises BlockStructureError: `lms-command-missing`, `lms-does-not-start`, `lms-boot-timeout`, `probe-failed`,
    `probe-interrupted`, `run-held`, those of releases.refusal, and those of an operation.
    """
    hidden = secrets or []
    if identify:
        operations = [{"op": "identify", **identify}, *operations]
    request = {"protocol": protocol.PROTOCOL, "release": release.probe_row() if release else None, "operations": operations}
    loader = [] if settings_source is None else ["-c", SETTINGS_LOADER, system]
    candidate_line = "" if settings_source is None else json.dumps(settings_source) + "\n"
    with tempfile.TemporaryFile("w+", errors="replace") as stderr:
        try:
            process = subprocess.Popen(
                [*manage_argv, *loader, "shell"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                encoding="utf-8",
                # Whatever the platform prints is no reason to fail.
                errors="replace",
            )
        except OSError as error:
            raise BlockStructureError(
                "lms-command-missing",
                f"{TITLES[system]}'s command cannot be run: {error}.",
                "correct the block_structure_native_ variables that name its Python, user and folders.",
            ) from error
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a requested pipe was not created")
        timed_out = threading.Event()

        def kill_on_timeout() -> None:
            timed_out.set()
            process.kill()

        if on_start:
            on_start(process)
        timer = threading.Timer(boot_timeout, kill_on_timeout)
        timer.start()
        try:
            try:
                process.stdin.write(candidate_line + bundle(request))
                process.stdin.close()
            except BrokenPipeError:
                pass  # it ended before reading; the error is in stderr
            events, output = _read(process.stdout, on_event, timer)
            process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                process.kill()
                process.wait()
        stderr.seek(0)
        output += stderr.read()[-_OUTPUT_BYTES:]
    answer = _answer(events, output, hidden, boot_timeout if timed_out.is_set() else None, system)
    return _identified(answer, identify) if identify else answer


def _identified(answer: Answer, identify: dict[str, Any]) -> Answer:
    """Return the answer without the result of `identify`; raises releases.refusal when no release was identified."""
    found, *results = answer.results
    if found["release"] is None:
        raise refusal(found, identify["named"], [row["name"] for row in identify["rows"]])
    return replace(answer, results=results, identified=found)


def _answer(events: list[Event], output: str, secrets: list[str], timed_out: float | None, system: str = "lms") -> Answer:
    last = events[-1] if events else {}
    if last.get("event") == "result" and isinstance(last.get("results"), list):
        return Answer(last["results"], events, float(last.get("seconds") or 0))
    message = scrub(str(last.get("message")), secrets)
    if last.get("event") == "error" and last.get("type") == "HeldError":
        raise BlockStructureError(
            "run-held",
            message,
            "wait until it ends, or end that process, which releases the lock.",
        )
    if last.get("event") == "error" and last.get("identifier"):
        raise BlockStructureError(str(last["identifier"]), message, str(last.get("remedy")))
    if last.get("event") == "error":
        raise BlockStructureError(
            "probe-failed",
            f"{TITLES[system]} could not run '{last.get('where')}': {last.get('type')}: {message}",
            "fix the problem in the message and run again; finished work is kept.",
        )
    if timed_out is not None:
        raise BlockStructureError(
            "lms-boot-timeout",
            f"{TITLES[system]} did not start within {timed_out:.0f} seconds.",
            "check the load of the host, and its database and cache, which it connects to at start.",
        )
    if events or protocol.MARK in output:
        raise BlockStructureError(
            "probe-interrupted",
            f"{TITLES[system]}'s process ended unexpectedly: {scrub(last_error_line(output), secrets)}",
            "check the host's memory (was it killed?) and run again; finished courses are not repeated.",
        )
    raise start_failure(output, secrets, system)
