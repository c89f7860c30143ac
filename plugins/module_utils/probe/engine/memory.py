"""Private memory of a process, and how many workers fit into memory. Sources: proc(5), cgroups(7)."""

from __future__ import absolute_import

# Share of the free memory at the start of the run; the rest is left to the services of the host.
SHARE_OF_FREE = 0.75
# Limit, usage and statistics of cgroups version 2 and 1.
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
    """Return {name: kB} of a /proc file, {} if it does not exist."""
    try:
        with open(path) as lines:
            text = [line.split() for line in lines]
    except (IOError, OSError):
        return {}
    return dict((line[0].rstrip(":"), int(line[1])) for line in text if len(line) == 3 and line[1].isdigit())


def own_mb():
    """Return the private memory of this process in MiB, None if unknown."""
    fields = _fields("/proc/self/smaps_rollup")
    if "Private_Dirty" not in fields:
        return resident_mb()
    return (fields["Private_Dirty"] + fields.get("Private_Clean", 0)) // 1024


def resident_mb():
    """Return the resident memory of this process in MiB, shared pages included; None if unknown."""
    resident = _fields("/proc/self/status").get("VmRSS")
    return None if resident is None else resident // 1024


def _cgroup_free_mb():
    """Return the MiB left below our cgroup's limit; inactive page cache counts as free."""
    for limit_path, usage_path, statistics_path in _CGROUPS:
        try:
            with open(limit_path) as limit, open(usage_path) as usage, open(statistics_path) as statistics:
                cached = dict(line.split() for line in statistics).get("inactive_file", 0)
                return (int(limit.read()) - int(usage.read()) + int(cached)) // _MIB
        except (IOError, OSError, ValueError):  # another cgroup version, or no limit ("max")
            continue
    return None


def free_mb():
    """Return the free MiB of this host, or of this container if that is less; None if unknown."""
    available = _fields("/proc/meminfo").get("MemAvailable")
    found = [value for value in (available // 1024 if available else None, _cgroup_free_mb()) if value is not None]
    return min(found) if found else None


class Budget(object):
    """Memory limit of all workers together, and the number of workers that it allows. Only private memory counts.

    Until the first worker is measured, the size of the booted parent is the estimate: a worker can hardly be larger.
    """

    def __init__(self, budget_mb=None):
        free = free_mb()
        self.budget_mb = budget_mb or (int(free * SHARE_OF_FREE) if free else None)
        self.worker_mb = resident_mb()
        self.peak_mb = 0
        self._seen = False

    def measured(self, own, peak):
        """Record a worker's private MiB after a course, and its peak."""
        self.peak_mb = max(self.peak_mb, peak or 0)
        if own is not None:
            self.worker_mb = max(self.worker_mb, own) if self._seen else own
            self._seen = True

    def allowed(self, wanted):
        """Return how many of the wanted workers fit; at least one."""
        if not self.budget_mb or not self.worker_mb:
            return wanted
        return max(1, min(wanted, self.budget_mb // max(1, self.worker_mb)))

    def share(self, size):
        """Return the MiB that each of `size` workers may keep; a larger one is replaced after its course."""
        return self.budget_mb // size if self.budget_mb else float("inf")
