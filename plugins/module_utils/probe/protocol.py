"""Shared by both sides of the probe: marked JSON lines on standard output, and common names.

Everything else on standard output comes from the platform.
"""

from __future__ import absolute_import

import importlib
import json
import sys

quote = importlib.import_module("urllib.parse" if sys.version_info[0] > 2 else "urllib").quote

PROTOCOL = 1
MARK = "BLOCK_STRUCTURE_PROBE "
# Columns of the release table that can be detected on an installed platform (operations/identify.py).
EVIDENCE = ("command_options", "switches", "switch_api", "storage_resolver", "course_index")
# Names whose values are secrets in the settings of Open edX, Django, boto3 and memcached.
SECRET_NAME = "(access_key|secret|password|passwd|token|credential|private_key)"
REDACTED = "(secret)"


def emit(event, **data):
    """Write one event. The platform may have left a line unfinished, so the reader searches for the mark in the line."""
    data["event"] = event
    sys.stdout.write(MARK + json.dumps(data, default=str, sort_keys=True) + "\n")
    sys.stdout.flush()


def describe(error):
    """Return an exception as data: class, message, and S3's error code or the resilient class's word, if there is one."""
    response = getattr(error, "response", None)
    # Of boto, before boto3; and of the resilient class, such as "tampered".
    code = getattr(error, "error_code", None) or getattr(error, "cause", None)
    if isinstance(response, dict):
        code = (response.get("Error") or {}).get("Code")
    return {"type": type(error).__name__, "message": " ".join(str(error).split())[:2000], "code": code}


def is_under(name, prefix):
    # type: (str, str) -> bool
    """Return whether an object has the name that the platform gives with this DIRECTORY_PREFIX: <prefix><usage key>/<time>."""
    return name.startswith(prefix) and name[len(prefix) :].count("/") == 1


def outline_path(course):
    # type: (str) -> str
    """Return the address of a course's outline on a site. Source: edx-platform lms/djangoapps/course_home_api/urls.py."""
    return "/api/course_home/outline/" + str(quote(course, safe=":+"))
