"""Processes of this host, from /proc alone (proc(5)): the workers of gunicorn and Celery, their memory and reports."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process, identified by pid and start time (clock ticks since boot)."""

    pid: int
    started: int
    parent: int
    argv: tuple[str, ...]

    def alive(self) -> bool:
        """Return whether it still runs, and not another process with the same pid."""
        found = _read(PROC / str(self.pid))
        return found is not None and found.started == self.started

    def environment(self) -> dict[str, str]:
        """Return the environment that it was started with; empty if this user may not read it."""
        try:
            text = (PROC / str(self.pid) / "environ").read_bytes().decode("utf-8", "replace")
        except OSError:
            return {}
        return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)

    def memory(self) -> dict[str, int]:
        """Return {"resident_kb", "peak_kb"}, 0 for a process that ended."""
        names = {"VmRSS:": "resident_kb", "VmHWM:": "peak_kb"}
        reported = dict.fromkeys(names.values(), 0)
        try:
            for line in (PROC / str(self.pid) / "status").read_text().splitlines():
                name, _, rest = line.partition("\t")
                if name in names:
                    reported[names[name]] = int(rest.split()[0])
        except OSError:
            pass
        return reported


def _read(folder: Path) -> Process | None:
    try:
        text = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        fields = (folder / "stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return Process(int(folder.name), int(fields[19]), int(fields[1]), tuple(word for word in text if word))


def _elsewhere(folder: Path) -> bool:
    """Return whether a process has other mounts than this one, as in a container; False if this user may not know.

    A service of this host's systemd may have mounts of its own too (PrivateTmp), and still has its root directory.
    """
    try:
        if os.readlink(folder / "ns" / "mnt") == os.readlink(PROC / "self" / "ns" / "mnt"):
            return False
        own, its = ((process / "cgroup").read_text() for process in (PROC / "self", folder))
        is_service = its != own and its.rstrip().endswith(".service")
        return not (is_service and (folder / "root").samefile("/"))
    except OSError:
        return False


def started_of(pid: int) -> int | None:
    """Return when a process was started, in clock ticks since boot; None for one that does not run, or without procfs."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] == "Z" else int(fields[19])  # Z: ended, and its parent has not asked yet


def running() -> list[Process]:
    """Return every visible process that sees the files that this one sees: a container's paths only look like the host's."""
    found = [_read(folder) for folder in PROC.iterdir() if folder.name.isdigit() and not _elsewhere(folder)]
    return [process for process in found if process is not None]


def children(pid: int) -> list[Process]:
    """Return the live children of a process, the oldest first."""
    try:
        lists = [(task / "children").read_text().split() for task in (PROC / str(pid) / "task").iterdir()]
        found = [_read(PROC / child) for child in chain.from_iterable(lists)]
    except OSError:  # it ended, or a kernel without these lists
        found = [process for process in running() if process.parent == pid]
    live = [process for process in found if process is not None and started_of(process.pid) == process.started]
    return sorted(live, key=lambda process: (process.started, process.pid))


def workers(processes: list[Process], services: list[dict[str, Any]]) -> list[tuple[str, Process]]:
    """Return (service name, process) of each worker: a child of a service's main process with the same command line.

    services: {"name", "kind", "match", "title", "settings"}. A process belongs to a service when one argument ends with `match`
    and one contains `kind`, or when it has the title set by setproctitle, such as `gunicorn: worker [lms.wsgi]`. settings:
    {"variable", "path"}; a process whose environment names another file is of another site.
    """
    found = []
    for service in services:
        if service["kind"] == "uwsgi":
            continue
        own = {process.pid: process for process in processes if _belongs(process, service)}
        found += [(service["name"], process) for process in own.values() if process.parent in own]
    return sorted(found, key=lambda pair: (pair[0], pair[1].pid))


def report_of(folder: Path, process: Process) -> dict[str, Any] | None:
    """Return the report that this process wrote, None without one; a report of an earlier process with its pid is ignored."""
    try:
        descriptor = os.open(folder / f"{process.pid}.json", os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, encoding="utf-8") as stream:
            report: dict[str, Any] = json.load(stream)
        return report if report["started"] == process.started else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def described(folder: Path, services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each worker of the services with its pid, service, memory and report.

    A uWSGI worker is recognised by its report alone, because other uWSGI processes look the same; the pid of a worker without
    report is None.
    """
    seen = running()
    reported = [_described(folder, service, process) for service, process in workers(seen, services) if process.alive()]
    for service in services:
        if service["kind"] == "uwsgi":
            own = [_described(folder, service["name"], process) for process in seen if report_of(folder, process)]
            own = [worker for worker in own if worker["report"]["kind"] == "uwsgi"]
            missing = max([worker["report"]["workers"] for worker in own], default=0) - len(own)
            silent = {"pid": None, "service": service["name"], "resident_kb": 0, "peak_kb": 0, "report": None}
            reported += own + [silent] * missing
    return reported


def _described(folder: Path, service: str, process: Process) -> dict[str, Any]:
    return {"pid": process.pid, "service": service, **process.memory(), "report": report_of(folder, process)}


def _belongs(process: Process, service: dict[str, Any]) -> bool:
    kind, match, titled = service["kind"], service["match"], service.get("title")
    by_title = titled is not None and any(titled in word for word in process.argv[:1])
    by_words = any(word.endswith(match) for word in process.argv) and any(kind in word for word in process.argv)
    return (by_title or by_words) and not _of_another_site(process, service.get("settings"))


def _of_another_site(process: Process, settings: dict[str, str] | None) -> bool:
    if not settings:
        return False
    named = process.environment().get(settings["variable"])
    return named is not None and os.path.realpath(named) != os.path.realpath(settings["path"])
