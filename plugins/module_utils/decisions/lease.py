"""Decide who may change a site: one run at a time. Nothing here contacts a host."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..common.errors import BlockStructureError

VARIABLE = "block_structure_state_dir"


@dataclass(frozen=True)
class Lease:
    """What the run that holds a site says of itself.

    operation: deploy, rollback, ... controller: name of the machine that runs ansible-playbook. boot, namespace: its boot and
    the namespace of its process ids, empty where they are not known. pid, started: the process, and when it was started (clock
    ticks since boot). site_boot: the boot of the host that keeps the lease. since, renewed: Unix time of that host; without
    another renewal the lease ends `seconds` after the last.
    """

    operation: str
    controller: str
    boot: str
    namespace: str
    pid: int
    started: int
    site_boot: str = ""
    since: float = 0.0
    renewed: float = 0.0
    seconds: int = 900

    @classmethod
    def of(cls, data: Any) -> Lease | None:
        """Return a lease from data, None from anything else, which a power failure may have left."""
        try:
            return cls(**{one.name: data[one.name] for one in fields(cls)})
        except (KeyError, TypeError):
            return None

    def as_dict(self) -> dict[str, Any]:
        """Return the lease as data."""
        return asdict(self)

    @property
    def run(self) -> tuple[str, str, str, int, int]:
        """What identifies the run."""
        return self.controller, self.boot, self.namespace, self.pid, self.started

    @property
    def ends(self) -> float:
        """When it ends without another renewal."""
        return self.renewed + self.seconds

    def is_alive(self, now: float, site_boot: str) -> bool:
        """Return whether it still counts: a restart of its host ends it, and so does time."""
        return self.site_boot == site_boot and now < self.ends

    def same_machine(self, other: Lease) -> bool:
        """Return whether both runs see the same processes, so that one can tell whether the other still runs."""
        return bool(self.boot and self.namespace) and (self.boot, self.namespace) == (other.boot, other.namespace)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def refusal(held: Lease, now: float, file: str) -> BlockStructureError:
    """Return the refusal of a run that comes while another one holds the site. file: where the lease is."""
    return BlockStructureError(
        "site-held",
        f"A {held.operation} from {held.controller} (process {held.pid}) has been changing this site since "
        f"{_moment(held.since)} and was last seen {max(0, round(now - held.renewed))} s ago.",
        f"wait until it has ended. If it was killed, the site is free at {_moment(held.ends)}, or once you remove {file}.",
        VARIABLE,
    )
