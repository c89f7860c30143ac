"""How much memory a process has of its own, and how many workers a machine has room for. Sources: proc(5), cgroups(7)."""

from __future__ import absolute_import

# Of what is free when the run starts, the rest is left to the services of the host.
SHARE_OF_FREE = 0.75
# Limit, use and statistics of version 2 and of version 1.
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)
_MIB = 1024 * 1024


def _fields(path):
    """Return {name: kB} of a /proc file, {} where there is none."""
    try:
        with open(path) as lines:
            text = [line.split() for line in lines]
    except (IOError, OSError):
        return {}
    return dict((line[0].rstrip(":"), int(line[1])) for line in text if len(line) == 3 and line[1].isdigit())


def own_mb():
    """Return the MiB that this process shares with no other, None where the kernel does not tell."""
    fields = _fields("/proc/self/smaps_rollup")
    if "Private_Dirty" not in fields:
        return resident_mb()
    return (fields["Private_Dirty"] + fields.get("Private_Clean", 0)) // 1024


def resident_mb():
    """Return the MiB that this process has in memory, shared ones included; None where the kernel does not tell."""
    resident = _fields("/proc/self/status").get("VmRSS")
    return None if resident is None else resident // 1024


def _cgroup_free_mb():
    """Return what the limit of our control group leaves; files that were read count as used there and give way."""
    for limit_path, usage_path, statistics_path in _CGROUPS:
        try:
            with open(limit_path) as limit, open(usage_path) as usage, open(statistics_path) as statistics:
                cached = dict(line.split() for line in statistics).get("inactive_file", 0)
                return (int(limit.read()) - int(usage.read()) + int(cached)) // _MIB
        except (IOError, OSError, ValueError):  # another version of control groups, or no limit ("max")
            continue
    return None


def free_mb():
    """Return the MiB that are free on this host, or in this container if that is less; None where nothing tells."""
    available = _fields("/proc/meminfo").get("MemAvailable")
    found = [value for value in (available // 1024 if available else None, _cgroup_free_mb()) if value is not None]
    return min(found) if found else None


class Budget(object):
    """What all workers together may use, and how many that allows. A worker counts what it shares with no other.

    Until the first worker has been measured, the size of the booted parent stands for it: a worker can hardly be larger.
    """

    def __init__(self, budget_mb=None):
        free = free_mb()
        self.budget_mb = budget_mb or (int(free * SHARE_OF_FREE) if free else None)
        self.worker_mb = resident_mb()
        self.peak_mb = 0
        self._seen = False

    def measured(self, own, peak):
        """Take in what a worker has: its own MiB after a course, and its peak."""
        self.peak_mb = max(self.peak_mb, peak or 0)
        if own is not None:
            self.worker_mb = max(self.worker_mb, own) if self._seen else own
            self._seen = True

    def allowed(self, wanted):
        """Return how many of the wanted workers there is room for; one at least."""
        if not self.budget_mb or not self.worker_mb:
            return wanted
        return max(1, min(wanted, self.budget_mb // max(1, self.worker_mb)))

    def share(self, size):
        """Return the MiB that one of so many workers may keep; above it, it is replaced after its course."""
        return self.budget_mb // size if self.budget_mb else float("inf")
