"""Decide what each host of a cluster runs: LMS, Studio, workers. Nothing here contacts a host."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..common.errors import BlockStructureError
from .storage_settings import differing

HOSTS = "block_structure_lms"
LMS, STUDIO, WORKERS = PARTS = ("lms", "studio", "workers")
# The groups that say so, each a part of HOSTS. Without hosts in a group, every host runs that part.
GROUPS = {part: f"block_structure_run_{part}" for part in PARTS}
# What the defaults of these variables say of a part: names of programs in commands, and addresses.
_OF_PART = {
    "block_structure_native_restart_commands": {LMS: "lms", STUDIO: "cms"},
    "block_structure_native_heartbeat_urls": {
        LMS: "http://127.0.0.1:8000/heartbeat",
        STUDIO: "http://127.0.0.1:8010/heartbeat",
    },
    "block_structure_native_worker_restart_commands": {WORKERS: "edxapp_worker:*"},
}

Groups = Mapping[str, Sequence[str]]


def hosts_of(part: str, groups: Groups) -> list[str]:
    """Return the hosts that run a part, in the order of the inventory."""
    hosts = list(groups.get(HOSTS) or ())
    chosen = groups.get(GROUPS[part]) or hosts
    return [host for host in hosts if host in chosen]


def parts_of(host: str, groups: Groups) -> list[str]:
    """Return what a host runs. One that is in no inventory of ours runs everything."""
    if host not in (groups.get(HOSTS) or ()):
        return list(PARTS)
    return [part for part in PARTS if host in hosts_of(part, groups)]


def first_lms(groups: Groups) -> str | None:
    """Return the host that inspects the site, generates and keeps its lease; None without any."""
    return next(iter(hosts_of(LMS, groups) or groups.get(HOSTS) or ()), None)


def errors(groups: Groups) -> list[BlockStructureError]:
    """Return why the groups cannot be meant so."""
    hosts = list(groups.get(HOSTS) or ())
    found = [
        BlockStructureError(
            "group-foreign-host",
            f"{host} is in the group {group}, and not in {HOSTS}, whose hosts are deployed to.",
            f"put it into {HOSTS} too, or take it out of {group}.",
        )
        for group in GROUPS.values()
        for host in groups.get(group) or ()
        if host not in hosts
    ]
    found += [
        BlockStructureError(
            "host-without-part",
            f"{host} is in the group {HOSTS}, and runs neither LMS nor Studio nor workers.",
            f"put it into one of {', '.join(GROUPS.values())}.",
        )
        for host in hosts
        if not parts_of(host, groups)
    ]
    return found


def _without(value: Any, texts: set[str]) -> Any:
    """Return a list of commands or addresses without some texts, and without commands that had nothing else to act on."""
    kept = []
    for one in value:
        if not isinstance(one, list):
            kept += [] if one in texts else [one]
        elif not texts & set(one):
            kept.append(one)
        elif set(_names(one)) - texts:
            kept.append([word for word in one if word not in texts])
    return kept


def _names(command: list[str]) -> list[str]:
    """Return the names of programs in a default command."""
    known = {name for parts in _OF_PART.values() for name in parts.values()}
    return [word for word in command if word in known]


def narrowed(variables: Mapping[str, Any], defaults: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """Return the variables with defaults for the parts of a host; what the operator has set stays."""
    result = dict(variables)
    for name, texts in _OF_PART.items():
        gone = {text for part, text in texts.items() if part not in parts}
        if gone and result.get(name) == defaults[name]:
            result[name] = _without(defaults[name], gone)
    return result


def _shared(active: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the active settings that the role does not write, and that hosts must have in common."""
    return {name: active.get(name) for name in ("caches", "sessions")}


# Where a host keeps its own copies is its own affair.
_OWN = ("local_directory",)


def different(wanted: Mapping[str, Any], active: Mapping[str, Any], first: Mapping[str, Any]) -> list[str]:
    """Return the names of what a host would have unlike the first LMS host after a deploy.

    wanted: its BLOCK_STRUCTURES_SETTINGS. active: `settings` of its survey. first: the same of the first host, as "wanted" and
    "active". Of the active ones only those count that the role does not write: hosts with other caches do not find each
    other's structures.
    """
    ours = [name for name in differing(wanted, first["wanted"]) if name.rpartition(".")[2] not in _OWN]
    return [*ours, *differing(_shared(active), _shared(first["active"]))]
