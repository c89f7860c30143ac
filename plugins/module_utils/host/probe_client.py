"""Carry the probe into the LMS and read its answer. One call is one boot of the LMS.

The sources of probe/ and the request become one line of Python for the standard input of `manage.py lms shell`. One line,
because old Django versions run standard input without its own globals, where functions of a longer program would not see
each other; standard input, because arguments are readable by every user of a host.
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
from ..decisions.releases import Release, refusal
from ..probe import entry, protocol
from ..probe.engine import (
    cache_server,
    edxapp,
    enqueue,
    facts,
    fetching,
    hollow,
    lock,
    memory,
    objects,
    running,
    selection,
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
    spool,
    survey,
)
from . import package

Event = Dict[str, Any]

PACKAGE = "block_structure_probe"
BOOT_TIMEOUT_SECONDS = 300
# In the order in which they import each other; naming them here is also what makes Ansible ship them.
_PROGRAM = [
    protocol,
    *(edxapp, memory, objects, cache_server, hollow, fetching, facts, survey, site, selection, lock, tally, workers),
    *(enqueue, identify, candidate, database, generate, move, prune, benchmark, profile, runtime, running, examine, spool),
    entry,
]
_TALK_BYTES = 16384
_EXCEPTION_LINE = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Configured|Exit|Interrupt|NotFound|DoesNotExist)\b.*")
# Makes real modules of the sources, so that relative imports work as in files; runs with globals of its own.
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
# Boots the system that its argument names on settings that are not in place: their source is the first line of standard input,
# as JSON; the rest is for the shell, by a file without a name, since Django's shell first asks whether there is any to read.
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
    """What the probe said: one result per operation, every event in order, and the wall time in seconds.

    identified: what it found installed, where it was asked.
    """

    results: list[Any]
    events: list[Event]
    seconds: float
    identified: dict[str, Any] | None = None


def _source(module: Any) -> str:
    """Return a module's source, from disk or from the archive in which Ansible ships it."""
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
    """Return the event of an output line, or None for the platform's own talk."""
    _, mark, rest = line.partition(protocol.MARK)
    if not mark:
        return None
    event: Event = json.loads(rest)
    return event


def last_error_line(talk: str) -> str:
    """Return what the platform died of: the exception line of its last traceback, else its last line."""
    lines = [line.strip() for line in talk.splitlines() if line.strip()]
    for line in reversed(lines):
        if _EXCEPTION_LINE.match(line):
            return line[:500]
    return lines[-1][:500] if lines else "it said nothing"


def start_failure(talk: str, secrets: list[str]) -> BlockStructureError:
    """Return the error for an LMS that ended before the probe could answer, in the platform's own words."""
    message = last_error_line(talk)
    ours = "No module named" in message and package.MODULE in message
    return BlockStructureError(
        "lms-does-not-start",
        f"The LMS does not start: {scrub(message, secrets)}",
        "run playbooks/deploy.yml, which brings the class back."
        if ours
        else "run `manage.py lms check` on the host with the same settings file and mend what it names.",
    )


def _read(stdout: IO[str], on_event: Callable[[Event], None] | None, timer: threading.Timer) -> tuple[list[Event], str]:
    events_seen = []
    talk = ""
    for line in stdout:
        event = parse(line)
        if event is None:
            talk = (talk + line)[-_TALK_BYTES:]
            continue
        timer.cancel()
        events_seen.append(event)
        if on_event:
            on_event(event)
    return events_seen, talk


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
) -> Answer:
    """Boot the LMS once, run the operations in it in their order, and return its answer.

    manage_argv: the whole command up to and including `lms` and its options; `shell` is added. release: None with identify,
    which says how to find it in the same boot (probe/identify.py).
    on_event: called with each event as it arrives. on_start: called with the LMS process. secrets: strings that must not
    appear in an error. boot_timeout: seconds until the first sign of life; afterwards the operations may take as long as
    they need. Raises BlockStructureError: `lms-command-missing`, `lms-does-not-start`, `lms-boot-timeout`, `probe-failed`,
    `run-held`, those of releases.refusal, and what an operation refuses, under its own identifier.
    settings_source: Python source of the LMS's settings module to boot on in place of the installed one; manage_argv then ends
    with the interpreter, run in the folder of manage.py.
    """
    hidden = secrets or []
    if identify:
        operations = [{"op": "identify", **identify}, *operations]
    request = {"protocol": protocol.PROTOCOL, "release": release.probe_row() if release else None, "operations": operations}
    loader = [] if settings_source is None else ["-c", SETTINGS_LOADER, "lms"]
    candidate_line = "" if settings_source is None else json.dumps(settings_source) + "\n"
    with tempfile.TemporaryFile("w+", errors="replace") as stderr:
        try:
            process = subprocess.Popen(
                [*manage_argv, *loader, "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        except OSError as error:
            raise BlockStructureError(
                "lms-command-missing",
                f"The LMS's command cannot be run: {error}.",
                "correct the block_structure_native_ variables that name its Python, user and folders.",
            ) from error
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a pipe was asked for and not made")
        timed_out = threading.Event()

        def give_up() -> None:
            timed_out.set()
            process.kill()

        if on_start:
            on_start(process)
        timer = threading.Timer(boot_timeout, give_up)
        timer.start()
        try:
            try:
                process.stdin.write(candidate_line + bundle(request))
                process.stdin.close()
            except BrokenPipeError:
                pass  # it ended before reading; its words are in stderr
            seen, talk = _read(process.stdout, on_event, timer)
            process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                process.kill()
                process.wait()
        stderr.seek(0)
        talk += stderr.read()[-_TALK_BYTES:]
    answer = _answer(seen, talk, hidden, boot_timeout if timed_out.is_set() else None)
    return _identified(answer, identify) if identify else answer


def _identified(answer: Answer, identify: dict[str, Any]) -> Answer:
    """Return the answer without the result of `identify`; nothing follows it where the platform is no release for sure."""
    found, *results = answer.results
    if found["release"] is None:
        raise refusal(found, identify["named"], [row["name"] for row in identify["rows"]])
    return replace(answer, results=results, identified=found)


def _answer(seen: list[Event], talk: str, secrets: list[str], timed_out: float | None) -> Answer:
    last = seen[-1] if seen else {}
    if last.get("event") == "result":
        return Answer(last["results"], seen, float(last["seconds"]))
    if last.get("event") == "error" and last.get("type") == "HeldError":
        raise BlockStructureError(
            "run-held",
            scrub(last["message"], secrets),
            "wait until it ends, or end that process; its lock goes with it.",
        )
    if last.get("event") == "error" and last.get("identifier"):
        raise BlockStructureError(last["identifier"], last["message"], last["remedy"])
    if last.get("event") == "error":
        raise BlockStructureError(
            "probe-failed",
            f"The LMS could not answer '{last['where']}': {last['type']}: {scrub(last['message'], secrets)}",
            "mend what the message names and run again; nothing that was already done is lost.",
        )
    if timed_out is not None:
        raise BlockStructureError(
            "lms-boot-timeout",
            f"The LMS did not start within {timed_out:.0f} seconds.",
            "look at the load of the host, and at its database and cache, which a starting LMS waits for.",
        )
    if seen:
        raise BlockStructureError(
            "probe-interrupted",
            f"The LMS process ended in the middle of its work: {scrub(last_error_line(talk), secrets)}",
            "look at the host's memory (was it killed?) and run again; finished courses are not repeated.",
        )
    raise start_failure(talk, secrets)
