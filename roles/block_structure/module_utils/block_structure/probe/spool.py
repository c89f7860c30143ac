"""Objects that wait on this host for S3: list them, and upload them."""

from __future__ import absolute_import

from . import edxapp


def run(operation, _release):
    """Return {"state", "objects", "drained"} of a storage that spools, or None; `drain` uploads before it lists."""
    backend = edxapp.storage()
    if not hasattr(backend, "waiting"):
        return None
    drained = backend.drain() if operation.get("drain") else None
    return {"state": backend.state(), "objects": backend.waiting(), "drained": drained}
