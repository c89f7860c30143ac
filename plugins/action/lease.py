"""Hold a site for this run of ansible-playbook, or refuse it while another run does."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.decisions.lease import Lease, refusal
from ..module_utils.host import lease
from ..module_utils.host.processes import started_of

MODULE = "openedx_operators.block_structure.lease"


def this_run() -> dict[str, Any]:
    """Return what identifies this run: the process of ansible-playbook, of which each task is a child."""
    pid = os.getppid()
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        namespace = ""
    return {
        "controller": socket.gethostname(),
        "boot": lease.boot(),
        "namespace": namespace,
        "pid": pid,
        "started": started_of(pid) or 0,
    }


class ActionModule(ActionBase):
    """`lease`: see the module's documentation. Fails with `site-held` while another run holds the site."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take, renew or release the lease; a run of this machine that has ended does not hold it."""
        result = super().run(tmp, task_vars)
        if self._task.check_mode:
            return {**result, "changed": False, "skipped": True, "msg": "a preview changes nothing and needs no lease"}
        mine = this_run()
        given = {**self._task.args, "mine": mine}
        answer = self._execute_module(MODULE, given, task_vars=task_vars)
        held = Lease.of(answer.get("held"))
        if held and held.same_machine(Lease(operation="", **mine)) and started_of(held.pid) != held.started:
            answer = self._execute_module(MODULE, {**given, "ended": list(held.run)}, task_vars=task_vars)
            held = Lease.of(answer.get("held"))
        if held is None:
            return {**result, **answer}
        error = refusal(held, float(answer["now"]), str(Path(given["folder"]) / lease.NAME))
        return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
