"""Decide how the web processes of a host take new settings: reload, HUP or restart. Nothing here contacts a host.

gunicorn's signals (docs.gunicorn.org, "Signal Handling", 20.1 and 23.0): TTIN adds a worker, TTOU takes the oldest one away,
HUP reads the configuration file again and replaces all workers at once. All new workers are forked by the master, so they have
its environment, its configuration and, with preload_app, its application.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..common.findings import Finding
from .storage_settings import ENVIRONMENT_NAMES

VARIABLE = "block_structure_native_reload"
AUTO, NEVER = POLICIES = ("auto", "never")
RELOAD, HUP, RESTART = "reload", "hup", "restart"
LABELS = {"lms": "LMS", "cms": "Studio"}
# What may change in the environment of the processes by this role.
ENVIRONMENT = ENVIRONMENT_NAMES


@dataclass(frozen=True)
class Web:
    """A running gunicorn of LMS or Studio.

    workers: how many it has to have. resident_kb: of its largest worker. preloads: its master has loaded the application.
    environment: variables that a new master would have with another value. configuration: its file, if the master has
    not read that as it is now. readable: whether all of this could be read.
    """

    system: str
    workers: int
    resident_kb: int = 0
    preloads: bool = False
    environment: tuple[str, ...] = ()
    configuration: str | None = None
    readable: bool = True

    @property
    def label(self) -> str:
        """Its name for the operator."""
        return LABELS.get(self.system, self.system)


@dataclass(frozen=True)
class Way:
    """method: RELOAD, HUP or RESTART. why: one line. batch: workers to start at a time. findings: what to tell the operator."""

    method: str
    why: str
    batch: int = 0
    findings: list[Finding] = field(default_factory=list)


def _names(webs: list[Web]) -> str:
    return " and ".join(dict.fromkeys(web.label for web in webs))


def room_for(webs: list[Web], available_kb: int, reserve_kb: int) -> int:
    """Return how many more workers fit into the memory, each as large as the largest one is now."""
    largest = max(web.resident_kb for web in webs)
    return max(0, available_kb - reserve_kb) // largest if largest else 0


def _needs_restart(policy: str, webs: list[Web], expected: int, room: int) -> tuple[str, str] | None:
    """Return (why, remedy) of a restart, None if there is none."""
    if policy == NEVER:
        return f"{VARIABLE} is {NEVER}", f"nothing; or set {VARIABLE} to {AUTO}."
    if len({web.system for web in webs}) < expected:
        seen = f"only a gunicorn of {_names(webs)} runs" if webs else "no gunicorn of LMS or Studio runs"
        return (
            f"{seen} as block_structure_native_user, and {expected} heartbeat addresses are given",
            "nothing if they are stopped or run by another server; or name the user and the addresses of this host.",
        )
    for web in webs:
        if not web.readable:
            return (
                f"the command line or environment of {web.label}'s gunicorn cannot be read (setproctitle hides them)",
                "nothing; without them it is not known what its new workers would load.",
            )
        if web.environment:
            return (
                f"{web.label}'s gunicorn was started with another environment ({', '.join(web.environment)})",
                "nothing; a process keeps the environment that it was started with.",
            )
        if web.preloads:
            return (
                f"{web.label}'s gunicorn has loaded the application itself (preload_app), so new workers have the old settings",
                "nothing; or set preload_app to False in its configuration.",
            )
    most = max(web.workers for web in webs)
    if room < most:
        largest = max(web.resident_kb for web in webs)
        return (
            f"there is no memory for {most} more workers of {largest // 1024} MB",
            "deploy at a quiet hour, or give the host more memory.",
        )
    return None


def restart(why: str, remedy: str, boot_seconds: float | None = None) -> Way:
    """Return the way of a restart, with its downtime as far as a boot of the LMS was measured."""
    measured = f" (a boot of the LMS with its survey took {boot_seconds:.0f} s)" if boot_seconds else ""
    told = Finding(
        "web-restarts",
        "warning",
        f"LMS and Studio restart and answer nobody until they have started{measured}: {why}.",
        remedy,
        VARIABLE,
    )
    return Way(RESTART, why, findings=[told])


def lingering(counts: dict[str, int]) -> list[Finding]:
    """Return what to say of old workers that still finish a request. counts: {system: how many}."""
    return [
        Finding(
            "web-lingers",
            "warning",
            f"{count} old worker(s) of {LABELS.get(system, system)} still finish a request on the previous settings.",
            "nothing; each ends with its request. `verify` says whether one is left.",
            VARIABLE,
        )
        for system, count in counts.items()
        if count
    ]


def choose(
    policy: str,
    webs: list[Web],
    *,
    expected: int,
    available_kb: int,
    processors: int,
    reserve_kb: int = 0,
    boot_seconds: float | None = None,
) -> Way:
    """Return how all web processes of a host take new settings.

    expected: how many of LMS and Studio run on this host. available_kb: memory that is free for new processes, of which
    reserve_kb stay free. processors: of the host; a starting worker keeps one busy, and half of them go on serving.
    boot_seconds: of one boot of the LMS on this host, None if it was not measured.
    """
    if not webs and not expected:
        return Way(RESTART, "neither LMS nor Studio runs on this host")
    room = room_for(webs, available_kb, reserve_kb) if webs else 0
    needed = _needs_restart(policy, webs, expected, room)
    if needed:
        return restart(*needed, boot_seconds)
    rereading = [web for web in webs if web.configuration]
    batch = min(max(web.workers for web in webs), max(1, processors // 2))
    if rereading:
        files = " and ".join(str(web.configuration) for web in rereading)
        told = Finding(
            "web-reads-configuration",
            "info",
            f"{_names(rereading)} must read {files} again (HUP): requests wait until new workers have started, none fails.",
            "nothing.",
            VARIABLE,
        )
        return Way(HUP, f"{files} is not what its gunicorn has read", batch, [told])
    counts = " and ".join(f"{web.label} ({web.workers})" for web in webs)
    told = Finding(
        "web-reloads",
        "info",
        f"The workers of {counts} are replaced without an interruption: up to {batch} new ones start at a time, and the "
        "old ones go once all of them serve.",
        "nothing.",
        VARIABLE,
    )
    return Way(RELOAD, "new workers load the new settings", batch, [told])
