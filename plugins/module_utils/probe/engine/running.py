"""The settings that the running processes of LMS, Studio and workers use, which may differ from the file on disk.

Celery workers report theirs by remote control. Web processes cannot be queried, so compare the start time from /proc with the
modification time of the settings file. (proc(5): field 22 of stat, btime.)
"""

from __future__ import absolute_import

import io
import os
import re

from ..protocol import describe
from . import facts

_SYSTEM_FILES = (("lms", ("LMS_CFG",)), ("cms", ("CMS_CFG", "STUDIO_CFG")))
_KINDS = ("celery", "gunicorn", "uwsgi")


def comparable(facts):
    """Return the settings that two processes must agree on, from the settings_facts() of one."""
    cache = facts["cache"]
    return {
        "block_structures": _unmasked(facts["block_structures"]),
        "cache_backend": cache["backend"],
        "cache_locations": cache["locations"],
    }


def _comparable_of_worker(conf):
    """Return the same from a worker's answer, without the names that Celery masks."""
    alias = (conf.get("CACHES") or {}).get("default") or {}
    return {
        "block_structures": _unmasked(conf.get("BLOCK_STRUCTURES_SETTINGS")),
        "cache_backend": alias.get("BACKEND"),
        "cache_locations": facts.cache_locations(alias),
    }


# The names that Celery masks (celery.app.utils.HIDDEN_SETTINGS); left out on both sides.
_HIDDEN = re.compile("API|TOKEN|KEY|SECRET|PASS|PROFANITIES_LIST|SIGNATURE|DATABASE|CREDENTIAL", re.I)


def _unmasked(value):
    if isinstance(value, dict):
        return dict((name, _unmasked(item)) for name, item in value.items() if not _HIDDEN.search(str(name)))
    return value


def workers(seconds):
    """Return {"answers": {worker: comparable settings}, "problem"}; None for 0 seconds."""
    if not seconds:
        return None
    answered = {}
    problem = None
    try:
        # The platform's app: `manage.py lms` imports it before anything else.
        from celery import current_app

        answers = current_app.control.inspect(timeout=seconds).conf() or {}
        for name, conf in answers.items():
            answered[str(name)] = _comparable_of_worker(conf) if isinstance(conf, dict) else None
    except Exception as error:
        problem = describe(error)
    return {"answers": answered, "problem": problem}


def _read(path):
    with io.open(path, "rb") as stream:
        return stream.read().decode("utf-8", "replace")


def _boot_time():
    for line in _read("/proc/stat").splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    raise ValueError("no btime in /proc/stat")


def _elsewhere(pid):
    """Return whether a process has another root directory than this one, as in a container; False if this user may not know."""
    try:
        return not os.path.samefile("/proc/%s/root" % pid, "/")
    except (OSError, IOError):
        return False


def _of_another_site(path, variables):
    """Return whether a process's settings file is not the one that this LMS was started on, as far as that is named."""
    own = [os.environ[variable] for variable in variables if os.environ.get(variable)]
    return bool(own) and os.path.realpath(own[0]) != os.path.realpath(path)


def _process(pid, boot, ticks):
    """Return the facts of a process of this site's LMS or Studio, None for any other process."""
    text = [word for word in _read("/proc/%s/cmdline" % pid).split("\0") if word]
    kind = [kind for kind in _KINDS if any(word.rpartition("/")[2] == kind for word in text[:3])]
    if not kind or _elsewhere(pid):
        return None
    environment = dict(pair.split("=", 1) for pair in _read("/proc/%s/environ" % pid).split("\0") if "=" in pair)
    system = environment.get("SERVICE_VARIANT")
    for name, variables in _SYSTEM_FILES:
        paths = [environment[variable] for variable in variables if environment.get(variable)]
        if name == system and paths and not _of_another_site(paths[0], variables):
            # The name of the command, in parentheses, may hold spaces.
            fields = _read("/proc/%s/stat" % pid).rpartition(")")[2].split()
            return {
                "pid": int(pid),
                "parent": int(fields[1]),
                "kind": kind[0],
                "system": system,
                "started": boot + int(fields[19]) / float(ticks),
                "settings_file": paths[0],
                "settings_written": os.path.getmtime(paths[0]),
            }
    return None


def processes():
    """Return the processes that hold settings in memory and are visible to this user, oldest first.

    Each gunicorn worker loads the settings itself; children of a Celery worker or of uWSGI inherit their parent's.
    """
    try:
        boot, ticks = _boot_time(), os.sysconf("SC_CLK_TCK")
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
    except (OSError, IOError, ValueError):  # no procfs: not Linux, or hidden
        return None
    found = {}
    for pid in pids:
        try:
            process = _process(pid, boot, ticks)
        except (OSError, IOError, ValueError, IndexError):  # it ended, or belongs to another user
            continue
        if process:
            found[process["pid"]] = process
    holders = [
        process
        for process in found.values()
        if (process["parent"] in found) == (process["kind"] == "gunicorn")
        or (process["kind"] == "gunicorn" and not any(other["parent"] == process["pid"] for other in found.values()))
    ]
    return sorted(holders, key=lambda process: process["started"])
