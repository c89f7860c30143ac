"""Ask the live LMS workers of a host what they run with. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_info
short_description: What running LMS workers run with
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Finds the workers of each service among the processes of the host, and returns what each reports. Processes in containers of
    the host are not among them.
  - A gunicorn worker that has the role's hook is asked again with SIGUSR1, at which gunicorn also reopens its log files; a
    process of Celery's pool reports when it starts and after each task. A report counts only for the process that wrote it,
    identified by pid and start time. No configuration file is read.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  services:
    description:
      - The services, each with C(name), C(kind) (gunicorn, uwsgi or celery) and C(match), a word of the command line.
      - With C(settings), a C(variable) and a C(path), a process whose environment names another file there is not counted.
      - A service with C(container) runs in containers. Its C(argv) runs a command there; with C(pods), a command that lists
        pods, once for each pod.
    type: list
    elements: dict
    required: true
  reports:
    description: Directory of the reports.
    type: path
    required: true
  collector:
    description: The garbage collector that workers should have.
    type: str
    choices: [stock, out_of_band]
    default: stock
  keys:
    description: Whether workers should compute the hash of an opaque key once.
    type: str
    choices: [stock, hash_once]
    default: stock
  answer_seconds:
    description: Seconds to wait for the report of a gunicorn worker; a busy one reports between two steps of its request.
    type: int
    default: 10
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Query the workers
  openedx_operators.block_structure.worker_info:
    services:
      - {name: lms, kind: gunicorn, match: /edx/app/edxapp/lms_gunicorn.py}
    reports: /edx/app/edxapp/block_structure/reports
    collector: out_of_band
    keys: hash_once
"""

RETURN = r"""
workers:
  description: Each worker with pid, service, resident_kb (VmRSS), peak_kb (VmHWM) and report, null when it has none.
  type: list
  elements: dict
  returned: success
msg:
  description: The problems on one line.
  type: str
  returned: always
problems:
  description: One line for each difference of a worker from what is wanted.
  type: list
  elements: str
  returned: success
refusals:
  description: >-
    Choices that workers left alone for a reason, one entry for each reason, with C(choice), C(why), C(services) and C(workers),
    their number. They are no problems; a restart would not change them.
  type: list
  elements: dict
  returned: success
differs:
  description: Whether there is a problem, which a restart may fix.
  type: bool
  returned: success
"""

import inspect
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.decisions import runtime
from ..module_utils.host import processes

# Appended to the source of processes.py, which needs only the container's Python.
_INSIDE = """
print(json.dumps(described(Path({folder!r}), {services!r})))
"""


def ask(folder: Path, workers: list[processes.Process], seconds: float) -> None:
    """Make every gunicorn worker with the hook report again, and wait for the reports."""
    asked = {}
    for worker in workers:
        previous = processes.report_of(folder, worker)
        # Only a process that has reported has the handler; no other is signalled.
        if previous and previous["kind"] == "gunicorn":
            try:
                os.kill(worker.pid, signal.SIGUSR1)
            except ProcessLookupError:
                continue
            asked[worker] = previous["time"]
    end = time.monotonic() + seconds
    while asked and time.monotonic() < end:
        time.sleep(0.05)
        asked = {
            worker: since
            for worker, since in asked.items()
            if worker.alive() and (processes.report_of(folder, worker) or {"time": since})["time"] <= since
        }


def here(folder: Path, services: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """Return the workers among the processes of this host, after those with the hook reported again."""
    ask(folder, [process for _, process in processes.workers(processes.running(), services)], seconds)
    return processes.described(folder, services)


def commands(container: dict[str, Any]) -> list[list[str]]:
    """Return the command prefix for each container of a service: one, or each pod that `pods` lists."""
    argv = [str(word) for word in container["argv"]]
    if not container.get("pods"):
        return [argv]
    listed = subprocess.run(container["pods"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return [[*argv, pod, "--"] for pod in listed.stdout.split()]


def within(container: dict[str, Any], folder: Path, service: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the workers of a service that run in containers, as their processes report them."""
    program = f"{inspect.getsource(processes)}\n{_INSIDE.format(folder=str(folder), services=[service])}"
    found: list[dict[str, Any]] = []
    for argv in commands(container):
        report = subprocess.run([*argv, "python", "-"], input=program, capture_output=True, text=True, check=False)
        # A container that is starting does not answer, so its workers are missing.
        answer = report.stdout.strip().splitlines()[-1:] if report.returncode == 0 else []
        found += json.loads(answer[0]) if answer else []
    return found


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True},
            "reports": {"type": "path", "required": True},
            "collector": {"type": "str", "choices": ["stock", "out_of_band"], "default": "stock"},
            "keys": {"type": "str", "choices": ["stock", "hash_once"], "default": "stock"},
            "answer_seconds": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["reports"])
    services = module.params["services"]
    own = [service for service in services if not service.get("container")]
    workers = here(folder, own, module.params["answer_seconds"])
    for service in services:
        if service.get("container"):
            workers += within(service["container"], folder, {name: service[name] for name in ("name", "kind", "match")})
    want = runtime.Wanted(module.params["collector"], module.params["keys"])
    judged = runtime.judge_workers(workers, [service["name"] for service in module.params["services"]], want)
    report = f"{'; '.join(judged.problems)}." if judged.problems else "every worker runs with what is wanted"
    module.exit_json(
        changed=False,
        msg=report,
        workers=workers,
        problems=judged.problems,
        refusals=judged.refusals,
        differs=bool(judged.problems),
    )


if __name__ == "__main__":
    main()
