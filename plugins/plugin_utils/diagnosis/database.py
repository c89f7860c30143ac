"""Switches and the configuration row in the LMS's database, on their own and compared with the inventory."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.decisions.switches import INVALIDATE_SWITCH, RAISE_SWITCH
from .settings import DIFFERS
from .snapshot import Snapshot

_KEEP = "block_structure_num_versions_to_keep"
_DELETE = "block_structure_delete_inert_switches"
_TIMEOUT = "block_structure_cache_timeout_seconds"


def _versions(keep: Any) -> list[Finding]:
    if keep is None:
        return [
            Finding(
                "versions-unlimited",
                "info",
                "BlockStructureConfiguration.num_versions_to_keep is empty: no version is ever removed from storage.",
                f"set {_KEEP} to 5 and run openedx_operators.block_structure.deploy.",
                _KEEP,
                value=5,
                cost="storage space in the bucket",
            )
        ]
    if keep >= 1:
        return []
    return [
        Finding(
            "versions-below-one",
            "error",
            f"BlockStructureConfiguration.num_versions_to_keep is {keep}: pruning deletes the object that was just written.",
            f"set {_KEEP} to 5 and run openedx_operators.block_structure.deploy.",
            _KEEP,
            evidence=keep,
            value=5,
            cost="a rebuild in the request at the next cold read of each published course",
        )
    ]


def _timeout(snapshot: Snapshot) -> list[Finding]:
    timeout = snapshot.survey["row"]["cache_timeout_in_seconds"]
    # Without a row, the survey reports the default of the model, a day.
    if timeout is None:
        return []
    cost, text = snapshot.costs.miss(snapshot.courses)
    if timeout <= 0:
        return [
            Finding(
                "timeout-not-positive",
                "error",
                f"BlockStructureConfiguration.cache_timeout_in_seconds is {timeout}: nothing is ever cached.",
                f"leave {_TIMEOUT} unset (null), which never expires, and run openedx_operators.block_structure.deploy.",
                _TIMEOUT,
                evidence=timeout,
                cost_ms=cost,
                cost=text,
            )
        ]
    chosen = (
        bool(snapshot.desired)
        and snapshot.desired is not None
        and snapshot.desired["row"]["cache_timeout_in_seconds"] == timeout
    )
    return [
        Finding(
            "cache-expires",
            "info" if chosen else "warning",
            f"Every structure expires from the cache after {timeout} s, even if its course has not changed.",
            f"leave {_TIMEOUT} unset (null), which never expires, and run openedx_operators.block_structure.deploy; "
            "publishes keep it fresh.",
            _TIMEOUT,
            evidence=timeout,
            cost_ms=cost,
            cost=f"once every {timeout} s per course: {text}",
        )
    ]


def _switches(snapshot: Snapshot) -> list[Finding]:
    found = []
    wanted = (snapshot.desired or {}).get("switches") or {}
    unserved = [entry["key"] for entry in snapshot.courses if entry["tier_when_cold"] == "modulestore"]
    if RAISE_SWITCH in snapshot.release.switches and snapshot.switch(RAISE_SWITCH) and unserved:
        found.append(
            Finding(
                "switch-raises",
                "error",
                f"The switch {RAISE_SWITCH} is on, and {len(unserved)} courses are not stored: they answer with an error.",
                "run openedx_operators.block_structure.deploy, which turns it on only after a generation without failures.",
                "block_structure_raise_error_when_not_found",
                evidence=unserved,
                value=False,
                cost="HTTP 500 at each cold request of these courses",
            )
        )
    if (
        INVALIDATE_SWITCH in snapshot.release.switches
        and snapshot.switch(INVALIDATE_SWITCH)
        and not wanted.get(INVALIDATE_SWITCH)
    ):
        cost, text = snapshot.costs.rebuild(snapshot.courses)
        found.append(
            Finding(
                "switch-invalidates",
                "warning",
                f"The switch {INVALIDATE_SWITCH} is on: a publish deletes the structure, and the next learner rebuilds it.",
                "leave block_structure_invalidate_cache_on_publish off and run openedx_operators.block_structure.deploy.",
                "block_structure_invalidate_cache_on_publish",
                value=False,
                cost_ms=cost,
                cost=f"once per publish: {text}",
            )
        )
    return found


def _inert(snapshot: Snapshot) -> list[Finding]:
    return [
        Finding(
            "switch-inert",
            "info",
            f"The switch {name} still exists; {snapshot.release.name} does not read it.",
            f"run openedx_operators.block_structure.deploy with {_DELETE} on, or "
            f"`manage.py lms waffle_delete --switches {name}`.",
            _DELETE,
            evidence=snapshot.survey["switches"][name],
            cost="nothing",
        )
        for name in snapshot.release.inert_switches
        if snapshot.survey["switches"].get(name) is not None
    ]


def _as_yaml(value: Any) -> Any:
    """Return a value of the row as YAML writes it."""
    return "null" if value is None else value


def _differences(snapshot: Snapshot) -> list[Finding]:
    found = []
    desired: dict[str, Any] = snapshot.desired or {}
    for name, value in (desired.get("row") or {}).items():
        if snapshot.survey["row"][name] != value:
            found.append(
                Finding(
                    "row-differs",
                    "error",
                    f"BlockStructureConfiguration.{name} is {_as_yaml(snapshot.survey['row'][name])}, "
                    f"wanted is {_as_yaml(value)}.",
                    "run openedx_operators.block_structure.deploy.",
                    cost=DIFFERS,
                )
            )
    for name, value in (desired.get("switches") or {}).items():
        if value is not None and snapshot.switch(name) != value:
            found.append(
                Finding(
                    "switch-differs",
                    "error",
                    f"The switch {name} is {'off' if value else 'on'}, wanted is {'on' if value else 'off'}.",
                    "run openedx_operators.block_structure.deploy.",
                    cost=DIFFERS,
                )
            )
    return found


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject."""
    keep = _versions(snapshot.survey["row"]["num_versions_to_keep"])
    return [*_differences(snapshot), *keep, *_timeout(snapshot), *_switches(snapshot), *_inert(snapshot)]
