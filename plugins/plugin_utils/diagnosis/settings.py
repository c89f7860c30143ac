"""Settings in force, against what is desired, between LMS hosts, and in the processes that were started before they changed."""

from __future__ import annotations

import time
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.decisions.candidate import OVERRIDDEN, OVERRIDDEN_REMEDY, overridden
from ...module_utils.decisions.storage_settings import differences
from .snapshot import Snapshot, names

DIFFERS = "what the deploy is for; the other findings tell the figures"
_RESTART = "restart LMS, Studio and the LMS's workers, the workers above all: they regenerate what is published."


def _desired(snapshot: Snapshot) -> list[Finding]:
    apart: dict[str, list[Any]] = {}
    for change in differences(snapshot.survey["settings"]["block_structures"], (snapshot.desired or {}).get("settings") or {}):
        if isinstance(change.after, dict):
            changed = {key: [change.before.get(key), value] for key, value in change.after.items()}
            apart.update((f"{change.field}.{key}", pair) for key, pair in changed.items() if pair[0] != pair[1])
        else:
            apart[change.field] = [change.before, change.after]
    if not apart:
        return []
    report = [f"{name} is {'unset' if live is None else live}, wanted is {wanted}" for name, (live, wanted) in apart.items()]
    return [
        Finding(
            "settings-differ",
            "error",
            f"BLOCK_STRUCTURES_SETTINGS in force are not those of the inventory: {names(report)}.",
            "run playbooks/deploy.yml.",
            evidence=apart,
            cost=DIFFERS,
        )
    ]


def _overridden(snapshot: Snapshot) -> list[Finding]:
    if not overridden(snapshot.survey["settings"], snapshot.release):
        return []
    return [
        Finding(
            "storages-override",
            "error",
            OVERRIDDEN,
            OVERRIDDEN_REMEDY,
            evidence=snapshot.survey["settings"]["storage_class"],
            cost="structures lie elsewhere than this role says, and nothing that it sets changes that",
        )
    ]


def differing(one: Any, other: Any, path: str = "") -> list[str]:
    """Return the dotted names under which two nested settings differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            name
            for key in sorted({*one, *other})
            for name in differing(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if one == other else [path]


def _hosts(snapshot: Snapshot) -> list[Finding]:
    found = []
    for host, survey in sorted(snapshot.others.items()):
        apart = differing(snapshot.survey["settings"], survey["settings"])
        if apart:
            found.append(
                Finding(
                    "hosts-differ",
                    "error",
                    f"The LMS of {host} has other settings than the first LMS host: {names(apart, 5)}.",
                    "run playbooks/deploy.yml without --limit.",
                    evidence=apart,
                    cost="hosts do not find each other's structures: each of them rebuilds in the request",
                )
            )
    return found


def _workers(snapshot: Snapshot) -> list[Finding]:
    examination = snapshot.examination or {}
    asked = examination.get("workers")
    if asked is None:
        return []
    if asked.get("problem") or not asked["answers"]:
        problem = asked.get("problem")
        why = f"{problem['type']}: {problem['message']}" if problem else "none answered in time"
        return [
            Finding(
                "workers-silent",
                "info",
                f"No Celery worker told its settings ({why}); only the age of processes was compared.",
                "look whether the workers run, and whether CELERY_WORKER_ENABLE_REMOTE_CONTROL is off.",
                evidence=problem,
                cost="nothing by itself",
            )
        ]
    found = []
    for worker, settings in sorted(asked["answers"].items()):
        apart = differing(examination["own"], settings) if settings else []
        if not apart:
            continue
        studio = ".cms." in worker
        found.append(
            Finding(
                "studio-differs" if studio else "workers-differ",
                "error",
                f"{f'Studio, by its worker {worker},' if studio else f'The worker {worker}'} runs with other settings than a "
                f"new LMS process: {names(apart, 5)}.",
                "make studio.yml and lms.yml agree with playbooks/deploy.yml, and restart Studio and its workers."
                if studio
                else _RESTART,
                "block_structure_native_restart_commands",
                evidence={worker: apart},
                cost="a deleted course stays in the cache"
                if studio
                else "what is published goes to another place: learners see the old course, or a rebuild in the request",
            )
        )
    return found


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _outdated(snapshot: Snapshot) -> list[Finding]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for process in (snapshot.examination or {}).get("processes") or []:
        # Times of processes have a resolution of a hundredth of a second, those of files may have less.
        if process["started"] + 1 < process["settings_written"]:
            groups.setdefault((process["system"], process["kind"]), []).append(process)
    return [
        Finding(
            "processes-outdated",
            "warning",
            f"{len(processes)} {kind} process(es) of {'Studio' if system == 'cms' else 'the LMS'} started before "
            f"{processes[0]['settings_file']} was last written ({_moment(processes[0]['settings_written'])}) and have what it "
            "said before.",
            _RESTART,
            "block_structure_native_restart_commands",
            evidence=[process["pid"] for process in processes],
            cost="whatever the change was meant to bring",
        )
        for (system, kind), processes in sorted(groups.items())
    ]


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject."""
    return [*_overridden(snapshot), *_desired(snapshot), *_hosts(snapshot), *_workers(snapshot), *_outdated(snapshot)]
