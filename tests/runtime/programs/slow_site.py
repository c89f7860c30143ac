"""A WSGI application that loads its settings as Open edX does: once, at its start, from the file that LMS_CFG names."""

import os
import time
from pathlib import Path

import greenlet  # noqa: F401  # A compiled library, by which a gunicorn that preloads is known.

SETTINGS = Path(os.environ["LMS_CFG"]).read_text().strip()
# As long as imports take.
time.sleep(0.3)
if SETTINGS == "BROKEN":
    raise ImportError("no storage class of this name")
if SETTINGS == "HANGS" and "--check-config" not in Path("/proc/self/cmdline").read_text():
    time.sleep(60)


def application(environ, start_response):
    """Answer with the settings of this process after a moment of work; /long after the file `go` beside the settings exists."""
    time.sleep(0.02)
    if environ["PATH_INFO"] == "/long":
        beside = Path(os.environ["LMS_CFG"]).parent
        (beside / "begun").touch()
        while not (beside / "go").exists():
            time.sleep(0.05)
    body = f"{SETTINGS} {os.getpid()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
