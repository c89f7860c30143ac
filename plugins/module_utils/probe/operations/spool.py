"""Objects that wait on this host for S3: list them, and upload them."""

from __future__ import absolute_import

from ..engine import edxapp

# Longer than another process may take to upload one object (DRAIN_BUDGET_SECONDS of the class).
WAIT_SECONDS = 75.0


def run(operation, _release):
    """Return {"state", "objects", "drained"} of a storage with a spool, else None; `drain` uploads before it lists."""
    backend = edxapp.storage()
    if not hasattr(backend, "waiting"):
        return None
    drained = backend.drain(wait_seconds=WAIT_SECONDS) if operation.get("drain") else None
    return {"state": backend.state(), "objects": backend.waiting(), "drained": drained}
