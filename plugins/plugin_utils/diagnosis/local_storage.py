"""The state that the resilient storage class reports on each LMS host: local copies, spool, circuit breaker."""

from __future__ import annotations

import time
from typing import Any

from ...module_utils.common.findings import Finding
from .snapshot import Snapshot

_DAMAGED = ("local_damaged", "read_failed_damaged")
# Counters never reset, so an event is reported for this long after it last happened.
_REPORTED_SECONDS = 7 * 86400.0


def _recent(counters: dict[str, Any], name: str) -> int:
    """Return the count of an event, 0 when it last happened too long ago."""
    happened = counters.get("last", {}).get(name)
    return 0 if happened and time.time() - happened > _REPORTED_SECONDS else int(counters["counts"].get(name, 0))


def of(state: dict[str, Any] | None) -> list[Finding]:
    """Return the findings about one host's storage state; empty for a class that keeps no state.

    state: what ResilientS3Storage.state() returns (files/block_structure_storage).
    """
    if state is None:
        return []
    found = []
    if state["problem"]:
        found.append(
            Finding(
                "storage-local-unusable",
                "error",
                f"The storage class keeps no local copies and spools nothing: {state['problem']}.",
                "run playbooks/deploy.yml, which creates block_structure_storage_local_dir correctly.",
                "block_structure_storage_local_dir",
                cost="S3 failures make learners wait for a rebuild",
            )
        )
    spool = state["spool"]
    if spool["waiting"]:
        minutes = (time.time() - spool["oldest"]) / 60
        found.append(
            Finding(
                "storage-spooled",
                "warning",
                f"{spool['waiting']} objects wait on this host for S3, the oldest for {minutes:.0f} minutes.",
                "they are uploaded when S3 recovers; scripts/block-structure spool drain reports why they are not.",
                evidence=spool["waiting"],
                cost="other hosts cannot read these objects until they are in S3",
            )
        )
    refused = _recent(state["counters"], "spool_refused")
    if refused:
        found.append(
            Finding(
                "storage-spool-full",
                "warning",
                f"{refused} objects did not fit in the spool and were not stored; reads rebuild them.",
                "raise spool_size_mb of block_structure_storage_resilience, "
                "or free space on the file system of block_structure_storage_local_dir.",
                "block_structure_storage_resilience",
                refused,
                cost="a rebuild at each cold read of these courses",
            )
        )
    if state["breaker"]["open"]:
        found.append(
            Finding(
                "storage-outage",
                "warning",
                f"S3 is unavailable to this host ({state['breaker']['cause']}); learners get local copies and rebuilds.",
                "restore access to S3; the LMS log has one line for each failure.",
                cost="a rebuild for each course without a local copy",
            )
        )
    damaged = sum(_recent(state["counters"], name) for name in _DAMAGED)
    if damaged:
        found.append(
            Finding(
                "storage-damaged",
                "warning",
                f"{damaged} objects or copies did not match their digest and were ignored.",
                "search the LMS log for 'damaged'; check the disk and who may write to the bucket.",
                evidence=damaged,
                cost="a rebuild for each read of a damaged one",
            )
        )
    return found


def states(snapshot: Snapshot, host: str) -> dict[str, Any]:
    """Return the state that the storage class reports, by LMS host: copies, spool, breaker, counters.

    host: the one of the survey. A host whose class keeps no state is left out.
    """
    surveys = {host: snapshot.survey, **snapshot.others}
    found = {name: survey["settings"].get("storage_state") for name, survey in surveys.items()}
    return {name: state for name, state in found.items() if state}


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings about every surveyed host."""
    return [
        finding
        for survey in (snapshot.survey, *snapshot.others.values())
        for finding in of(survey["settings"].get("storage_state"))
    ]
