"""Which running processes of LMS, Studio and workers hold settings in memory, and since when.

proc(5): field 22 of stat, btime. It needs nothing but Python, because it also runs outside of the platform: the module
process_info sends it to a Python on the host or in a container.
"""

from __future__ import absolute_import

import io
import os
import re

_SYSTEM_FILES = (("lms", ("LMS_CFG",)), ("cms", ("CMS_CFG", "STUDIO_CFG")))
# What a native installation's processes may get from this project through their environment (decisions/storage_settings.py).
_EXPORTED = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
_KINDS = ("celery", "gunicorn", "uwsgi")
# For a process whose title took the place of its environment (setproctitle): what its title or its words say.
_SYSTEM = re.compile(r"\b(lms|cms)\.(?:wsgi|celery)\b|\[celeryd: edx\.(lms|cms)\.")


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


def _kind(text):
    """Return which server a command line is, None for any other program. Old releases run Celery by manage.py."""
    for word in text[:6]:
        for kind in _KINDS:
            if word.rpartition("/")[2] == kind or word.startswith((kind + ":", "[" + kind + "d:")) or kind + ".run()" in word:
                return kind
    return None


def _system(text, environment):
    found = _SYSTEM.search(" ".join(text))
    return environment.get("SERVICE_VARIANT") or (found and (found.group(1) or found.group(2)))


def _process(pid, boot, ticks, files):
    """Return the facts of a process of this site's LMS or Studio, None for any other process."""
    text = [word for word in _read("/proc/%s/cmdline" % pid).split("\0") if word]
    kind = _kind(text)
    if kind is None or _elsewhere(pid):
        return None
    environment = dict(pair.split("=", 1) for pair in _read("/proc/%s/environ" % pid).split("\0") if "=" in pair)
    system = _system(text, environment)
    for name, variables in _SYSTEM_FILES:
        named = [environment[variable] for variable in variables if environment.get(variable)]
        paths = files.get(name) or [] if files is not None else named
        if name == system and paths and not (named and _of_another_site(named[0], variables)):
            # The name of the command, in parentheses, may hold spaces.
            fields = _read("/proc/%s/stat" % pid).rpartition(")")[2].split()
            return {
                "pid": int(pid),
                "parent": int(fields[1]),
                "kind": kind,
                "system": system,
                "started": boot + int(fields[19]) / float(ticks),
                "settings_file": paths[0],
                "settings_written": max(os.path.getmtime(path) for path in paths),
                # A title takes the place of the environment too, and nothing is known of it then.
                "environment_differs": [
                    variable for variable in _EXPORTED if environment and environment.get(variable) != os.environ.get(variable)
                ],
            }
    return None


def _libraries(pid):
    """Return the installed libraries that a process has loaded, none if this user may not know."""
    try:
        words = [line.split(None, 5)[-1] for line in _read("/proc/%s/maps" % pid).splitlines()]
    except (OSError, IOError):
        return set()
    return {word for word in words if "-packages/" in word}


def _preloaded(master, workers):
    """Return whether a gunicorn master has loaded the application itself (preload_app) and given it to its workers."""
    return 2 * len(_libraries(master["pid"])) > max(len(_libraries(worker["pid"])) for worker in workers)


def _found(files):
    """Return {pid: process} of all processes of this site that are visible to this user, None without procfs."""
    try:
        boot, ticks = _boot_time(), os.sysconf("SC_CLK_TCK")
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
    except (OSError, IOError, ValueError):  # no procfs: not Linux, or hidden
        return None
    found = {}
    for pid in pids:
        try:
            process = _process(pid, boot, ticks, files)
        except (OSError, IOError, ValueError, IndexError):  # it ended, or belongs to another user
            continue
        if process:
            found[process["pid"]] = process
    return found


def _children(found, process):
    return [other for other in found.values() if other["parent"] == process["pid"]]


def processes(files=None):
    """Return the processes that hold settings in memory and are visible to this user, oldest first; None without procfs.

    files: {system: [the files that it reads its settings from]}, by default the one that a process's environment names. Each
    gunicorn worker loads the settings itself, unless its master did; children of a Celery worker or of uWSGI inherit them.
    """
    found = _found(files)
    if found is None:
        return None
    holders = []
    for process in found.values():
        children = _children(found, process)
        if process["kind"] != "gunicorn" or not children:
            holders += [process] if process["kind"] == "gunicorn" or process["parent"] not in found else []
        elif _preloaded(process, children):
            holders += [process]
    return sorted(holders, key=lambda process: process["started"])


def gunicorns(files=None):
    """Return the main process of each gunicorn with workers; `preloads`: whether it has loaded the application itself."""
    found = _found(files) or {}
    masters = [process for process in found.values() if process["kind"] == "gunicorn" and _children(found, process)]
    return [dict(master, preloads=_preloaded(master, _children(found, master))) for master in masters]
