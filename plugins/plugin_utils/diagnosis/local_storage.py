"""The state that the resilient storage class reports on each LMS host: local copies, spool, circuit breaker."""

from __future__ import annotations

import time
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.decisions import signing
from .snapshot import Snapshot, names

_DAMAGED = ("local_damaged", "read_failed_damaged")
# Read although nothing tells who wrote them, while unsigned objects are accepted.
_ACCEPTED = ("read_s3_unsigned", "read_s3_without_digest")
# Why S3 keeps an object in the spool for good; outages pass.
_REFUSALS = ("denied", "rejected", "credentials", "no_bucket", "clock")
_LOG = "each such object has one line in the LMS log, which begins with `Block structure storage:`"
# Counters never reset, so an event is reported for this long after it last happened.
_REPORTED_SECONDS = 7 * 86400.0


def _recent(counters: dict[str, Any], name: str) -> int:
    """Return the count of an event, 0 when it last happened too long ago."""
    happened = counters.get("last", {}).get(name)
    return 0 if happened and time.time() - happened > _REPORTED_SECONDS else int(counters["counts"].get(name, 0))


def _ending(counters: dict[str, Any], *endings: str) -> int:
    """Return the sum of the recent events whose names end so."""
    return sum(_recent(counters, name) for name in counters["counts"] if name.endswith(endings))


def _signatures(state: dict[str, Any]) -> list[Finding]:
    """Objects and copies that were not used for their signature, or used without one."""
    counters, found = state["counters"], []
    tampered = _ending(counters, "_tampered")
    if tampered:
        found.append(
            Finding(
                "storage-tampered",
                "error",
                f"The LMS met {tampered} times an object or copy whose signature does not match its name and bytes, and did "
                "not use it: somebody replaced it, or copied it from another name.",
                f"{_LOG}; look in the bucket's versions and access log for who wrote it, and change the keys that can write "
                "there. This is reported for a week after the last one.",
                evidence=tampered,
                cost="a rebuild at each such read; who wrote it may have meant to run code in the LMS",
            )
        )
    foreign = _ending(counters, "_other_key")
    if foreign:
        found.append(
            Finding(
                "storage-other-key",
                "warning",
                f"The LMS met {foreign} times an object or copy that another key signed, and did not use it.",
                "give LMS, Studio and workers the same SECRET_KEY; after a change of it name the former one in "
                f"SECRET_KEY_FALLBACKS until every course is generated. Otherwise another site writes there: {_LOG}.",
                "block_structure_storage_signing",
                foreign,
                cost="a rebuild at each such read",
            )
        )
    refused = _ending(counters, "_failed_unsigned", "local_unsigned")
    if refused:
        found.append(
            Finding(
                "storage-unsigned-refused",
                "warning",
                f"The LMS met {refused} times an object or copy without a signature, and did not use it.",
                "look for what writes to the bucket without this storage class, such as an LMS host with other settings, a "
                f"copy of objects by hand, or an attacker; {_LOG}.",
                "block_structure_storage_signing",
                refused,
                cost="a rebuild at each such read",
            )
        )
    mode = (state.get("signing") or {}).get("mode")
    accepted = sum(_recent(counters, name) for name in _ACCEPTED)
    if accepted and mode == signing.ACCEPT_UNSIGNED:
        found.append(
            Finding(
                "storage-unsigned-read",
                "info",
                f"The LMS read {accepted} times an object without a signature or digest, since unsigned ones are accepted.",
                "set block_structure_storage_signing to require and run openedx_operators.block_structure.deploy, "
                "which signs every object.",
                "block_structure_storage_signing",
                accepted,
                cost="no time; who can write to the bucket can run code in the LMS",
            )
        )
    if mode == signing.OFF:
        found.append(
            Finding(
                "signing-off",
                "info",
                "Objects are not signed: the LMS unpickles whatever has a digest that fits, whoever wrote it.",
                "set block_structure_storage_signing to require and run openedx_operators.block_structure.deploy.",
                "block_structure_storage_signing",
                mode,
                cost="no time; who can write to the bucket can run code in the LMS",
            )
        )
    return found


def _traffic(state: dict[str, Any]) -> list[Finding]:
    """Answers that no S3 gave, uploads that S3 refuses, and what newer versions made obsolete."""
    counters, found = state["counters"], []
    garbled = _ending(counters, "_failed_garbled")
    if garbled:
        found.append(
            Finding(
                "storage-garbled",
                "warning",
                f"{garbled} answers of the S3 endpoint said success and were none: a page, no ETag, or half of an object.",
                "look for a proxy between the LMS and S3 that answers in its place, and correct "
                "block_structure_storage_endpoint_url or the proxy's exceptions.",
                "block_structure_storage_endpoint_url",
                garbled,
                cost="a rebuild at each such read; what was written waits on the host",
            )
        )
    refusals = _ending(counters, *(f"upload_failed_{cause}" for cause in _REFUSALS))
    if refusals and state["spool"]["waiting"]:
        last = counters.get("last_failure") or {}
        said = f" (last: {last['words']})" if last.get("operation") == "upload" else ""
        found.append(
            Finding(
                "storage-upload-refused",
                "warning",
                f"S3 refused {refusals} uploads of objects that wait on this host{said}.",
                "run `block-structure spool drain`, which names each object with the reason; then correct the bucket's "
                "policy or the LMS's credentials.",
                evidence=refusals,
                cost="other hosts cannot read these objects until they are in S3",
            )
        )
    superseded = _recent(counters, "superseded")
    if superseded:
        found.append(
            Finding(
                "storage-superseded",
                "info",
                f"{superseded} objects never went to S3: newer versions of their courses took their place in the spool.",
                "nothing; it tells that courses were published often while S3 was away.",
                evidence=superseded,
                cost="nothing; no row names them",
            )
        )
    return found


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
                "run openedx_operators.block_structure.deploy, which creates block_structure_storage_local_dir correctly.",
                "block_structure_storage_local_dir",
                cost="S3 failures make learners wait for a rebuild",
            )
        )
    if state.get("foreign"):
        found.append(
            Finding(
                "storage-foreign",
                "warning",
                f"{len(state['foreign'])} entries of the local directory do not belong to its owner and are not used: "
                f"{names(state['foreign'])}.",
                "remove them, after you found out who made them; the LMS's user alone may write there.",
                "block_structure_storage_local_dir",
                state["foreign"],
                cost="nothing by itself; a copy that is missing is read from S3",
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
                "they are uploaded when S3 recovers; `block-structure spool drain` reports why they are not.",
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
    return found + _signatures(state) + _traffic(state)


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
