"""Whether a memcached is worth restarting, which empties it and signs out every learner whose session is nowhere else.

Memory changes in the running process (`cache_memlimit`); only the item size (-I) needs a restart.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from ..common.findings import Finding

VARIABLE = "block_structure_memcached_restart"
AUTO, ALWAYS, NEVER = POLICIES = ("auto", "always", "never")
# A tenth of a second in each request of a large course is what a sign-out of everybody may be worth (docs/decisions/0006).
WORTH_MS = 100.0
# In the names of the items of django.contrib.sessions.backends.cache (its KEY_PREFIX).
SESSION_KEY = "django.contrib.sessions.cache"


@dataclass(frozen=True)
class Times:
    """What this site measured: median of a read from the cache, and (bytes, milliseconds) of each read from storage."""

    cache_ms: float | None = None
    storage: list[list[float]] = field(default_factory=list)

    def gain_ms(self, smaller: int, larger: int) -> float | None:
        """Return what a request gains for the structures that only the larger item size takes; None if none was measured."""
        own = [milliseconds for size, milliseconds in self.storage if smaller < size <= larger]
        if not own:
            return None
        return max(0.0, statistics.median(own) - (self.cache_ms or 0.0))


@dataclass(frozen=True)
class Judgement:
    """restart: whether to restart. why: one line for the arithmetic. findings: what the operator should know of it."""

    restart: bool
    why: str
    findings: list[Finding] = field(default_factory=list)


def in_words(sessions: int | None) -> str:
    """Return how many learners a restart signs out."""
    if sessions is None:
        return "every learner (their number cannot be counted)"
    return "1 learner" if sessions == 1 else f"{sessions} learners"


def is_worth(policy: str, holds_sessions: bool, gain_ms: float | None) -> bool:
    """Return whether a restart for another item size is worth it."""
    if policy != AUTO:
        return policy == ALWAYS
    return not holds_sessions or (gain_ms or 0.0) >= WORTH_MS


def judge(policy: str, holds_sessions: bool, sessions: int | None, gain_ms: float | None, what: str) -> Judgement:
    """Return whether to restart a server that differs from its file in what it cannot change while it runs.

    holds_sessions: sessions are in this server and nowhere else; sessions: their number, None if it cannot be counted; without
    any, a restart signs out nobody. gain_ms: see Times. what: flags and server, for messages.
    """
    holds_sessions = holds_sessions and sessions != 0
    gain = "not measured" if gain_ms is None else f"{gain_ms:.0f} ms per request of a course that does not fit"
    cost = f"signs out {in_words(sessions)}" if holds_sessions else "costs no session"
    why = f"restart: {VARIABLE} is {policy}; it {cost}; gain: {gain}, worth it from {WORTH_MS:.0f} ms"
    if not is_worth(policy, holds_sessions, gain_ms):
        pending = Finding(
            "memcached-restart-pending",
            "info",
            f"{what} counts from its next start on; it was not restarted, because a restart {cost} (gain: {gain}).",
            f"nothing; or set {VARIABLE} to always for one deploy at a quiet hour.",
            VARIABLE,
            value=ALWAYS,
        )
        return Judgement(False, f"{why}: not restarted", [pending])
    if not holds_sessions:
        return Judgement(True, f"{why}: restarted")
    signing_out = Finding(
        "memcached-restart-signs-out",
        "warning",
        f"{what} needs a restart, which {cost}, because their sessions are in this cache and nowhere else.",
        f"deploy at a quiet hour, or set {VARIABLE} to never.",
        VARIABLE,
        value=NEVER,
    )
    return Judgement(True, f"{why}: restarted", [signing_out])


def holds_sessions(settings: dict[str, Any]) -> bool:
    """Return whether a site's settings (probe/engine/facts.py) keep sessions where the structures are cached, and only there.

    Unknown counts as yes: that is the platform's default.
    """
    sessions = settings.get("sessions")
    if not sessions:
        return True
    return bool(sessions["only_in_cache"]) and bool(set(sessions["locations"]) & set(settings["cache"]["locations"]))
