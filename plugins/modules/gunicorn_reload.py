"""Let the gunicorns of LMS and Studio take new settings without an interruption, or say why they must restart."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gunicorn_reload
short_description: Replace the workers of LMS and Studio without a failed request
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Finds the gunicorns of LMS and Studio on the host and replaces their workers by new ones, which load the present settings.
    Workers are added, and the old ones go once these serve, so that no request fails and none waits.
  - First it loads configuration and application of each gunicorn in a process of its own, because a worker that cannot load
    them would end its gunicorn. If they cannot be loaded, it fails, and the running workers are left alone.
  - Where new workers would not have the new settings, or there is no memory for one, it changes nothing and returns
    RV(method=restart), with the reason.
  - A gunicorn whose configuration file has changed since it read it is sent HUP. Requests then wait for the new workers.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  policy:
    description: V(auto) reloads wherever possible; V(never) always asks for a restart.
    type: str
    choices: [auto, never]
    default: auto
  user:
    description: The user of the processes.
    type: str
    required: true
  settings_files:
    description: The settings files on the host, each with C(name) (lms or cms) and C(path).
    type: list
    elements: dict
    required: true
  env_file:
    description: Shell file that the processes' environment comes from.
    type: path
  reread:
    description:
      - Whether a gunicorn of the LMS has to read its configuration again whenever that was written, because its workers do not
        run with what the file asks for.
    type: bool
    default: false
  expected:
    description: How many of LMS and Studio run on this host. With fewer, a restart is asked for.
    type: int
    default: 1
  state_dir:
    description:
      - Directory for what a later run must know, C(gunicorn.json). It holds how many workers a gunicorn had before a reload,
        should this run die in it, and when it last read its configuration. Nothing is kept if it does not exist.
    type: path
    required: true
  reserve_mb:
    description: Memory that stays free in MiB.
    type: int
    default: 128
  timeout_seconds:
    description: How long new workers may take to start.
    type: int
    default: 180
  finish_seconds:
    description: How long to wait for old workers that finish a request. Those that take longer are named and go later.
    type: int
    default: 180
  boot_seconds:
    description: What a boot of the LMS took on this host, for the message about a restart.
    type: float
  secrets:
    description: Texts to redact in messages.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Only decides in check mode.
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Reload LMS and Studio
  openedx_operators.block_structure.gunicorn_reload:
    user: www-data
    settings_files:
      - {name: lms, path: /edx/etc/lms.yml}
      - {name: cms, path: /edx/etc/studio.yml}
    env_file: /edx/app/edxapp/edxapp_env
    expected: 2
    state_dir: /edx/etc/block_structure
"""

RETURN = r"""
method:
  description: >-
    What was done, or in check mode would be: reload (workers added and taken away), hup (workers replaced at once after the
    configuration was read again), or restart, which is left to the caller.
  type: str
  returned: success
why:
  description: The reason, on one line.
  type: str
  returned: success
findings:
  description: What the operator should know of it.
  type: list
  elements: dict
  returned: success
webs:
  description: Each gunicorn with system, pid of its main process, and its number of workers now.
  type: list
  elements: dict
  returned: success
boots:
  description: How many times the application was loaded in a process of its own.
  type: int
  returned: success
"""

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.decisions import reload as decision
from ..module_utils.host import files, gunicorn, processes
from ..module_utils.probe.engine import ages

_RECORD = "gunicorn.json"
# Files have whole seconds on some file systems, and the start of a process is known to the second.
_TOLERANCE_SECONDS = 1


class Record:
    """What a later run must know of each running gunicorn: {pid of its main process: {"started", "workers", "read", "left"}}.

    workers: how many it had before a reload, null outside of one. read: when it last read its configuration after its start.
    left: {pid: start} of workers that were taken away and still finished a request.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _RECORD
        try:
            self._entries = dict(json.loads(self._path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            self._entries = {}

    def of(self, web: gunicorn.Gunicorn) -> dict[str, Any]:
        """Return the entry of a gunicorn, empty for another process with its pid."""
        entry = self._entries.get(str(web.master.pid))
        return entry if isinstance(entry, dict) and entry.get("started") == web.master.started else {}

    def leaving(self, web: gunicorn.Gunicorn) -> int:
        """Return how many workers of a gunicorn were taken away before and still run."""
        left = self.of(web).get("left") or {}
        return sum(processes.started_of(int(pid)) == started for pid, started in left.items())

    def keep(self, web: gunicorn.Gunicorn, **facts: Any) -> None:
        """Keep facts of a gunicorn, and nothing of those that have ended."""
        running = {pid: one for pid, one in self._entries.items() if processes.started_of(int(pid)) == one["started"]}
        self._entries = running
        self._entries[str(web.master.pid)] = {"started": web.master.started, **self.of(web), **facts}
        if self._path.parent.is_dir():
            files.replace(self._path, f"{json.dumps(self._entries)}\n".encode())


def running(settings_files: list[dict[str, Any]], user: str) -> list[gunicorn.Gunicorn]:
    """Return the gunicorns of LMS and Studio."""
    with gunicorn.acting_as(user):
        found = ages.gunicorns({one["name"]: [one["path"]] for one in settings_files})
        by_pid = {process.pid: process for process in processes.running()}
    return [
        gunicorn.Gunicorn(one["system"], by_pid[one["pid"]], one["started"], one["preloads"])
        for one in sorted(found, key=lambda one: (one["system"] != "lms", one["pid"]))
        if one["pid"] in by_pid
    ]


def exported(env_file: str | None, user: str) -> dict[str, str] | None:
    """Return the environment that a new process gets from the shell file, None without one."""
    if not env_file:
        return None
    program = 'set -a && . "$1" >/dev/null && exec env -0'
    ended = subprocess.run(
        ["/bin/bash", "-c", program, "environment", env_file],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        preexec_fn=gunicorn.becoming(user),
    )
    return dict(pair.split("=", 1) for pair in ended.stdout.split("\0") if "=" in pair) if ended.returncode == 0 else None


def facts(
    web: gunicorn.Gunicorn, record: Record, fresh: dict[str, str] | None, user: str, *, reread: bool = False
) -> decision.Web:
    """Return what the decision needs to know of a gunicorn. reread: that of the LMS has not read its present configuration."""
    known = record.of(web)
    with gunicorn.acting_as(user):
        environment, command = web.master.environment(), web.command()
        configuration = web.configuration() if command else None
        workers = web.workers()
    differs = () if fresh is None else tuple(name for name in decision.ENVIRONMENT if environment.get(name) != fresh.get(name))
    read = max(web.started, known.get("read") or 0) + _TOLERANCE_SECONDS
    # The time of the last change, since a file that was put back has an old time of its content.
    newer = configuration is not None and ((reread and web.system == "lms") or configuration.stat().st_ctime > read)
    return decision.Web(
        system=web.system,
        workers=known.get("workers") or len(workers) - record.leaving(web),
        resident_kb=web.resident_kb(),
        preloads=web.preloads,
        environment=differs,
        configuration=str(configuration) if newer else None,
        readable=bool(environment and command),
    )


def act(
    found: list[tuple[gunicorn.Gunicorn, decision.Web]], way: decision.Way, record: Record, given: dict[str, Any]
) -> dict[str, int]:
    """Replace the workers of each gunicorn; return how many old ones still finish a request, by system."""
    seconds, finish = float(given["timeout_seconds"]), float(given["finish_seconds"])
    left = {}
    for web, fact in found:
        rereads = way.method == decision.HUP and bool(fact.configuration)
        record.keep(web, workers=fact.workers)
        with gunicorn.acting_as(given["user"]):
            read = time.time()
            if rereads:
                stay = gunicorn.reread(web, seconds, finish)
            else:
                stay = gunicorn.replace_workers(web, fact.workers, way.batch, seconds, finish, record.leaving(web))
        left[web.system] = len(stay)
        kept = {"read": read} if rereads else {}
        record.keep(web, workers=None, left={str(one.pid): one.started for one in stay}, **kept)
    return left


def prove(webs: list[gunicorn.Gunicorn], user: str, seconds: float, secrets: list[str]) -> str | None:
    """Load the application of each gunicorn; return why that could not be tried, None if each can be loaded.

    Raises BlockStructureError `reload-refused` for one that cannot be loaded.
    """
    for web in webs:
        proof = gunicorn.prove(web, user, seconds, secrets)
        if proof.loads is None:
            return f"whether {web.label} can be loaded on the new settings could not be tried ({proof.why})"
        if not proof.loads:
            raise BlockStructureError(
                "reload-refused",
                f"gunicorn cannot load {web.label} on the new settings: {proof.why}",
                f"correct what the message names, or set {decision.VARIABLE} to never; the running workers were left alone.",
                decision.VARIABLE,
            )
    return None


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "policy": {"type": "str", "choices": list(decision.POLICIES), "default": decision.AUTO},
            "user": {"type": "str", "required": True},
            "settings_files": {"type": "list", "elements": "dict", "required": True},
            "env_file": {"type": "path"},
            "reread": {"type": "bool", "default": False},
            "expected": {"type": "int", "default": 1},
            "state_dir": {"type": "path", "required": True},
            "reserve_mb": {"type": "int", "default": 128},
            "timeout_seconds": {"type": "int", "default": 180},
            "finish_seconds": {"type": "int", "default": 180},
            "boot_seconds": {"type": "float"},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    user = given["user"]
    record = Record(Path(given["state_dir"]))
    webs = running(given["settings_files"], user) if gunicorn.exists(user) else []
    fresh = exported(given["env_file"], user) if webs else None
    asked = [facts(web, record, fresh, user, reread=given["reread"]) for web in webs]
    way = decision.choose(
        given["policy"],
        asked,
        expected=given["expected"],
        available_kb=gunicorn.available_kb([web.master.pid for web in webs]),
        processors=len(os.sched_getaffinity(0)),
        reserve_kb=given["reserve_mb"] * 1024,
        boot_seconds=given["boot_seconds"],
    )
    boots = 0
    with as_failures(module):
        if way.method != decision.RESTART and not module.check_mode:
            boots = len(webs)
            untried = prove(webs, user, given["timeout_seconds"], given["secrets"])
            if untried:
                way = decision.restart(untried, "nothing.", given["boot_seconds"])
            else:
                left = act(list(zip(webs, asked)), way, record, given)
                way = replace(way, findings=[*way.findings, *decision.lingering(left)])
    now = [{"system": web.system, "pid": web.master.pid, "workers": len(web.workers())} for web in webs]
    module.exit_json(
        changed=False,
        method=way.method,
        why=way.why,
        findings=[finding.as_dict() for finding in way.findings],
        webs=now,
        boots=boots,
    )


if __name__ == "__main__":
    main()
