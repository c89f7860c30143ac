"""The reports of this host's workers: one JSON file a process, named by its pid."""

from __future__ import absolute_import

import json
import os

# Beside the package: the directory that the role makes for the user of the LMS.
REPORTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "reports")


def started(pid="self"):
    """Return when a process started, in clock ticks since the boot: with the pid, it names a process for good. See proc(5)."""
    with open("/proc/%s/stat" % pid) as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[19])


def write(report):
    """Write the report of this process, a dictionary for JSON, to its own file; a missing directory is not an error."""
    path = os.path.join(REPORTS, "%d.json" % os.getpid())
    try:
        with open(path + ".new", "w") as stream:
            json.dump(report, stream)
        os.rename(path + ".new", path)
    except (IOError, OSError):
        pass


def sweep():
    """Remove the reports of processes that are gone."""
    try:
        for name in os.listdir(REPORTS):
            if not os.path.exists("/proc/%s" % name.split(".")[0]):
                os.remove(os.path.join(REPORTS, name))
    except (IOError, OSError):
        pass
