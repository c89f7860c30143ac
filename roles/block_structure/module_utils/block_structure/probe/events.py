"""Marked JSON lines on standard output; everything else there is the platform's own talk."""

from __future__ import absolute_import

import json
import sys

MARK = "BLOCK_STRUCTURE_PROBE "


def emit(event, **data):
    """Write one event. The platform may have left a line unfinished, so the reader looks for the mark, not for a start."""
    data["event"] = event
    sys.stdout.write(MARK + json.dumps(data, default=str, sort_keys=True) + "\n")
    sys.stdout.flush()


def describe(error):
    """Return an exception as data: its class, its words, and the code of the S3 answer where there is one."""
    response = getattr(error, "response", None)
    code = getattr(error, "error_code", None)  # of boto, before boto3
    if isinstance(response, dict):
        code = (response.get("Error") or {}).get("Code")
    return {"type": type(error).__name__, "message": " ".join(str(error).split())[:2000], "code": code}
