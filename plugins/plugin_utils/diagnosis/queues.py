"""Who stores a published course: a worker of the LMS must. Studio's processes see the authors' drafts and store those."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.findings import Finding
from .snapshot import Snapshot

_LMS, _STUDIO = ".lms.", "cms"
_THEN = "restart Studio and its workers, then run openedx_operators.block_structure.deploy."
# The remedy of the usual cause.
NO_QUEUE = f"set ALTERNATE_WORKER_QUEUES: lms in Studio's settings (studio.yml), {_THEN}"


def _asked(snapshot: Snapshot, part: str) -> dict[str, Any]:
    return dict(((snapshot.examination or {}).get("workers") or {}).get(part) or {})


def ways(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return (what is wrong, remedy) of each way in which Studio's processes store structures, as its workers report it."""
    routing, reads = _asked(snapshot, "routing"), _asked(snapshot, "reads")
    found: dict[tuple[str, str], None] = {}
    for worker, own in sorted(routing.items()):
        if own["system"] != _STUDIO:
            continue
        if own["eager"]:
            found["Studio runs tasks in its own processes", f"remove CELERY_ALWAYS_EAGER from Studio's settings, {_THEN}"] = (
                None
            )
        elif not any(_LMS in queue for queue in own["queues"]):
            found["Studio's settings have no queue of the LMS, so its own worker takes the task", NO_QUEUE] = None
        for queue in reads.get(worker, ()):
            if _LMS in queue:
                remedy = f"take {queue} from the worker's --queues, and let a worker of the LMS read it, {_THEN}"
                found[f"Studio's worker reads the LMS's queue {queue}", remedy] = None
    return list(found)


def _unread(snapshot: Snapshot) -> list[Finding]:
    """Return a finding for the queue that a publish goes to, if no worker that answered reads it."""
    reads = {queue for queues in _asked(snapshot, "reads").values() for queue in queues}
    studio = [own for own in _asked(snapshot, "routing").values() if own["system"] == _STUDIO and not own["eager"]]
    # The platform takes the first one.
    sent = {queue for own in studio for queue in [name for name in own["queues"] if _LMS in name][:1]}
    unread = sorted(sent - reads) if reads else []
    return [
        Finding(
            "queue-unread",
            "warning",
            f"No Celery worker that answered reads the queue {queue}, to which Studio sends each published course.",
            "start a worker of the LMS with that queue in its --queues.",
            evidence=queue,
            cost="learners see the older version of each course that is published",
        )
        for queue in unread
    ]


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject; drafts that are stored already are a finding of the courses."""
    stored = any(entry.get("draft") for entry in snapshot.survey["courses"]) or snapshot.survey.get("drafts_before")
    found = [] if stored else ways(snapshot)
    return [
        *(
            Finding(
                "drafts-at-next-publish",
                "error",
                f"{wrong[0].upper()}{wrong[1:]}: the next publish stores the course as Studio sees it, with unpublished edits.",
                remedy,
                evidence=wrong,
                cost="no time; learners see unpublished drafts",
            )
            for wrong, remedy in found
        ),
        *_unread(snapshot),
    ]
