"""Set the -m and -I flags of one memcached server to what the measured structures need, and query the live process."""

from __future__ import annotations

DOCUMENTATION = r"""
module: memcached
short_description: Size a memcached server for block structures
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Computes the memory (-m) and item size (-I) that the measured structures need, compares them with the running process
    (C(stats settings)) and with the configuration file, and edits only these two lines of the file.
  - New flags are first tried on a temporary memcached with a private unix socket; a server that would refuse them is never
    changed.
  - Memory is changed in the running process too (C(cache_memlimit)), which keeps every item. The item size needs a restart,
    which empties the server and so signs out learners whose sessions are there; O(restart) says when it is worth that. The
    module does not restart anything; RV(restart_required) reports when to do it.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  need:
    description: What the server has to hold; required to size a server, not to query or restore one.
    type: dict
    suboptions:
      release:
        description: Row of the release table, with its name.
        type: dict
        required: true
      sizes:
        description: Compressed bytes of every measured structure.
        type: list
        elements: int
        default: []
      unmeasured:
        description: How many structures are not measured yet.
        type: int
        default: 0
      servers:
        description: How many equal servers share the structures.
        type: int
        default: 1
      sessions:
        description: Whether sessions of signed-in users are in this server and nowhere else.
        type: bool
        default: true
      times:
        description: C(cache_ms) and C(storage), bytes and milliseconds of each measured read from storage.
        type: dict
        default: {}
      addresses:
        description: Not read; the filter that makes this dictionary has it for its callers.
        type: list
        elements: str
        default: []
  server:
    description: Server as C(host:port) or C(unix:/path), as Django's CACHES name it; takes the place of O(host) and O(port).
    type: str
  state:
    description: V(present) configures the server, V(checked) only reports.
    type: str
    choices: [present, checked]
    default: present
  host:
    description: Address, or path of a unix socket, where the server answers.
    type: str
    default: 127.0.0.1
  port:
    description: TCP port of the server.
    type: int
    default: 11211
  config_path:
    description: Configuration file with one flag per line, as Debian's package has it.
    type: path
    default: /etc/memcached.conf
  binary:
    description: The memcached program, to validate flags with.
    type: path
    default: /usr/bin/memcached
  memory_mb:
    description: -m in MiB; computed when unset.
    type: int
  item_size:
    description: -I in memcached's notation, such as 3m; computed when unset.
    type: str
  memory_max_mb:
    description: Most MiB that a computed -m may take; half of the server's memory when unset.
    type: int
  other_tenants_mb:
    description: MiB for everything else in this server, such as sessions.
    type: int
    default: 64
  growth_percent:
    description: Room for growth of the structures.
    type: int
    default: 30
  restart:
    description:
      - When another item size is worth a restart. V(auto) means if that signs out nobody, or if a request of the courses that
        do not fit gains 100 ms, as measured on this site.
    type: str
    choices: [auto, always, never]
    default: auto
  servers:
    description: Takes the place of O(need.servers).
    type: int
  record:
    description: File on the host that keeps the configuration as it was before the first change; never overwritten.
    type: path
  restore:
    description: File with the configuration to restore as it is, instead of computed flags.
    type: path
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Size memcached
  openedx_operators.block_structure.memcached:
    need:
      release: "{{ __block_structure_desired['release'] }}"
      sizes: [857000, 1490000]
"""

RETURN = r"""
plan:
  description: Computed flags with their arithmetic and findings.
  type: dict
  returned: success
live:
  description: memory_mb and item_size_bytes of the running process.
  type: dict
  returned: success
stats:
  description: C(stats) of the running process, as text values.
  type: dict
  returned: success
slab_items:
  description: C(stats items) of the running process, as text values; empty when it holds nothing.
  type: dict
  returned: success
target:
  description: memory_mb and item_size_bytes that the configuration file asks for.
  type: dict
  returned: success
restart_required:
  description: Whether the live process should be restarted.
  type: bool
  returned: success
"""

import os
import pwd
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.changes import Change, as_diff
from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.decisions import memcached_restart, memcached_sizing
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.edit import memcached_config
from ..module_utils.host import files, memcached_client

_LISTENS = ("inter", "auth_enabled_sasl")


def prove_flags(binary: str, memory_mb: int, item_size_flag: str) -> None:
    """Start a temporary memcached with the flags; raises BlockStructureError with memcached's message if it refuses them."""
    with tempfile.TemporaryDirectory(prefix="block_structure_") as folder:
        path = str(Path(folder) / "s")
        try:
            process = subprocess.Popen(
                [binary, "-u", pwd.getpwuid(os.geteuid()).pw_name, "-s", path, "-m", str(memory_mb), "-I", item_size_flag],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError as error:
            raise BlockStructureError(
                "memcached-binary-missing",
                f"{binary} cannot be run: {error}.",
                "install memcached, or correct block_structure_memcached_binary.",
                "block_structure_memcached_binary",
            ) from error
        try:
            deadline = time.monotonic() + 5
            while not Path(path).exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            if process.poll() is not None:
                message = (process.communicate()[0].strip().splitlines() or ["no output"])[0]
                raise BlockStructureError(
                    "memcached-refuses-flags",
                    f"memcached refuses -m {memory_mb} -I {item_size_flag}: {message}",
                    "correct block_structure_memcached_memory_mb and block_structure_memcached_item_size.",
                    "block_structure_memcached_item_size",
                )
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


def host_memory_mb() -> int:
    """Return the server's memory in MiB (Linux: /proc/meminfo)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    raise BlockStructureError(
        "memory-unknown",
        "The memory of this server cannot be read from /proc/meminfo.",
        "set block_structure_memcached_memory_max_mb.",
        "block_structure_memcached_memory_max_mb",
    )


def wanted_plan(module: AnsibleModule, live: dict[str, int]) -> memcached_sizing.MemcachedPlan:
    """Return the plan for this server."""
    given, need = module.params, module.params["need"]
    return memcached_sizing.plan(
        need["sizes"],
        from_named_row(need["release"]),
        unmeasured=need["unmeasured"],
        item_size=given["item_size"],
        memory_mb=given["memory_mb"],
        other_tenants_mb=given["other_tenants_mb"],
        growth_percent=given["growth_percent"],
        servers=given["servers"] or need["servers"],
        # A server that is only checked may be on another machine than this module.
        memory_max_mb=given["memory_max_mb"] or (host_memory_mb() // 2 if given["state"] == "present" else None),
        live_memory_mb=live["memory_mb"],
        live_item_size_bytes=live["item_size_bytes"],
    )


def keep_record(path: Path, data: bytes) -> None:
    """Record the configuration before the first deploy, for the rollback."""
    with files.writing(path, "block_structure_state_dir"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            files.replace(path, data)


def recorded(path: Path) -> bytes:
    """Return the recorded configuration. Raises BlockStructureError `memcached-record-damaged` if it holds none."""
    try:
        data = path.read_bytes()
        problem = "" if data.strip() else "is empty"
    except OSError as error:
        data, problem = b"", f"cannot be read: {error.strerror}"
    if problem:
        raise BlockStructureError(
            "memcached-record-damaged",
            f"The recorded configuration {path} {problem}, so memcached's previous configuration is not known.",
            "restore the configuration file from a backup beside it, remove the record, and run again.",
        )
    return data


def judge_restart(
    module: AnsibleModule, live: dict[str, int], target: dict[str, int], differs: set[str]
) -> memcached_restart.Judgement:
    """Return whether the server should be restarted for what it cannot change while it runs."""
    given, need = module.params, module.params["need"] or {}
    where = f"memcached at {given['host']}:{given['port']}"
    larger = target["item_size_bytes"]
    gain = None
    if "item_size_bytes" in differs and larger > live["item_size_bytes"]:
        gain = memcached_restart.Times(**need.get("times", {})).gain_ms(live["item_size_bytes"], larger)
    flags = {"memory_mb": f"-m {target['memory_mb']}", "item_size_bytes": f"-I {memcached_sizing.item_size_flag(larger)}"}
    holds = bool(need.get("sessions", True))
    return memcached_restart.judge(
        given["restart"],
        holds,
        memcached_client.count_keys(given["host"], given["port"], memcached_restart.SESSION_KEY) if holds else 0,
        gain,
        f"{' '.join(flags[name] for name in sorted(differs))} of {where}",
    )


def configure(
    module: AnsibleModule, wanted: memcached_sizing.MemcachedPlan | None, live: dict[str, int]
) -> tuple[dict[str, object], memcached_restart.Judgement | None]:
    """Compare file and process with the plan; write the file and change the memory except in check mode.

    Returns the result, and what was decided about a restart; None where none is needed.
    """
    given = module.params
    path = files.real_file(Path(given["config_path"]), "block_structure_memcached_config_path")
    try:
        # Whatever its encoding: each byte that is not UTF-8 is kept as it is.
        before = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise BlockStructureError(
            "memcached-config-missing",
            f"{path} cannot be read: {error.strerror}.",
            "correct block_structure_memcached_config_path, or set block_structure_manage_memcached to false.",
            "block_structure_memcached_config_path",
        ) from error
    if wanted is None:
        after = recorded(Path(given["restore"])).decode("utf-8", "surrogateescape")
    else:
        after = memcached_config.set_flags(before, {"-m": str(wanted.memory_mb), "-I": wanted.item_size_flag})
    flags = memcached_config.flags(after)
    target = {
        "memory_mb": memcached_config.number(flags["-m"]) if "-m" in flags else memcached_sizing.STOCK_MEMORY_MB,
        "item_size_bytes": memcached_config.item_size_bytes(flags.get("-I", "1m")),
    }
    differs = {name for name, value in target.items() if live[name] != value}
    judged = judge_restart(module, live, target, {"item_size_bytes"}) if "item_size_bytes" in differs else None
    written = before != after
    if written and not module.check_mode:
        if wanted:  # the operator's own file is not judged
            prove_flags(given["binary"], target["memory_mb"], memcached_sizing.item_size_flag(target["item_size_bytes"]))
        if given["record"]:
            keep_record(Path(given["record"]), before.encode("utf-8", "surrogateescape"))
        with files.writing(path, "block_structure_memcached_config_path"):
            files.replace(path, after.encode("utf-8", "surrogateescape"), backup=True)
    changed_live = True
    if "memory_mb" in differs and not module.check_mode and not (judged and judged.restart):
        changed_live = memcached_client.set_memory(given["host"], given["port"], target["memory_mb"])
        if not changed_live:
            judged = judge_restart(module, live, target, differs)
    # What only waits for the next start is a change once: of the file.
    now = set(target) if written or (judged and judged.restart) else {"memory_mb"} if changed_live else set()
    changes = [Change(f"memcached.{name}", live[name], value) for name, value in target.items() if name in differs & now]
    if written and not changes:
        changes = [Change("memcached.config", memcached_config.flags(before), flags)]
    result = {
        "changed": bool(changes),
        "changes": [change.as_dict() for change in changes],
        "diff": as_diff(changes, f"memcached at {given['host']}:{given['port']}"),
        "target": target,
        "restart_required": bool(judged and judged.restart),
    }
    return result, judged


def as_plan(wanted: memcached_sizing.MemcachedPlan | None, judged: memcached_restart.Judgement | None) -> dict[str, Any] | None:
    """Return the plan as data, with what was decided about a restart; without computed flags for a restored configuration."""
    plan: dict[str, Any] | None = wanted.as_dict() if wanted else None
    if judged:
        plan = plan or {"arithmetic": [], "findings": []}
        plan["arithmetic"] = [*plan["arithmetic"], judged.why]
        plan["findings"] = [*plan["findings"], *(finding.as_dict() for finding in judged.findings)]
    return plan


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "need": {
                "type": "dict",
                "options": {
                    "release": {"type": "dict", "required": True},
                    "sizes": {"type": "list", "elements": "int", "default": []},
                    "unmeasured": {"type": "int", "default": 0},
                    "servers": {"type": "int", "default": 1},
                    "sessions": {"type": "bool", "default": True},
                    "times": {"type": "dict", "default": {}},
                    "addresses": {"type": "list", "elements": "str", "default": []},
                },
            },
            "server": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "checked"], "default": "present"},
            "host": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 11211},
            "config_path": {"type": "path", "default": "/etc/memcached.conf"},
            "binary": {"type": "path", "default": "/usr/bin/memcached"},
            "memory_mb": {"type": "int"},
            "item_size": {"type": "str"},
            "memory_max_mb": {"type": "int"},
            "other_tenants_mb": {"type": "int", "default": 64},
            "growth_percent": {"type": "int", "default": 30},
            "servers": {"type": "int"},
            "restart": {"type": "str", "choices": list(memcached_restart.POLICIES), "default": memcached_restart.AUTO},
            "record": {"type": "path"},
            "restore": {"type": "path"},
        },
        required_if=[("state", "present", ("need", "restore"), True)],
        supports_check_mode=True,
    )
    given = module.params
    if given["server"]:
        given["host"], given["port"] = memcached_client.address(given["server"])
    with as_failures(module):
        answer = memcached_client.stats(given["host"], given["port"])
        live = {
            "memory_mb": int(answer["settings"]["maxbytes"]) // memcached_sizing.MIB,
            "item_size_bytes": int(answer["settings"]["item_size_max"]),
        }
        wanted = wanted_plan(module, live) if given["need"] and given["restore"] is None else None
        judged = None
        result: dict[str, object] = {"changed": False, "changes": [], "restart_required": False, "target": live}
        if given["state"] == "present":
            result, judged = configure(module, wanted, live)
    # Where it listens, for diagnose.
    stats = {**answer["stats"], **{name: value for name, value in answer["settings"].items() if name in _LISTENS}}
    module.exit_json(live=live, stats=stats, slab_items=answer["items"], plan=as_plan(wanted, judged), **result)


if __name__ == "__main__":
    main()
