"""Effective settings compared with the inventory, between LMS hosts, and with processes started before they changed."""

from __future__ import annotations

import time
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.decisions.ages import is_older, outdated
from ...module_utils.decisions.candidate import OVERRIDDEN, OVERRIDDEN_REMEDY, overridden
from ...module_utils.decisions.storage_settings import apart, described, differing
from .snapshot import Snapshot, names

DIFFERS = "see the other findings for figures; the deploy resolves this"
_RESTARTED_BY = {
    "gunicorn": "block_structure_native_restart_commands",
    "uwsgi": "block_structure_native_restart_commands",
    "celery": "block_structure_native_worker_restart_commands",
}
_RESTART = "restart the LMS, Studio and above all the LMS's workers, which regenerate published courses."


def _desired(snapshot: Snapshot) -> list[Finding]:
    found = apart(snapshot.survey["settings"]["block_structures"], (snapshot.desired or {}).get("settings") or {})
    if not found:
        return []
    return [
        Finding(
            "settings-differ",
            "error",
            f"The effective BLOCK_STRUCTURES_SETTINGS differ from the inventory: {names(described(found))}.",
            "run openedx_operators.block_structure.deploy.",
            evidence=found,
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
            cost="structures are stored elsewhere, and the role's storage settings have no effect",
        )
    ]


def _hosts(snapshot: Snapshot) -> list[Finding]:
    found: list[Finding] = []
    for host, survey in sorted(snapshot.others.items()):
        # What the storage class counted is each host's own.
        unlike = [
            name for name in differing(snapshot.survey["settings"], survey["settings"]) if not name.startswith("storage_state")
        ]
        if unlike:
            found.append(
                Finding(
                    "hosts-differ",
                    "error",
                    f"The LMS on {host} has different settings from the first LMS host: {names(unlike, 5)}.",
                    "run openedx_operators.block_structure.deploy without --limit.",
                    evidence=unlike,
                    cost="hosts do not find each other's structures; each rebuilds them in the request",
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
                f"No Celery worker reported its settings ({why}); only the age of processes was compared.",
                "check that the workers run and that CELERY_WORKER_ENABLE_REMOTE_CONTROL is on.",
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
                f"{f'Studio (worker {worker})' if studio else f'The worker {worker}'} runs with different settings from a "
                f"new LMS process: {names(apart, 5)}.",
                "run openedx_operators.block_structure.deploy so that studio.yml and lms.yml agree, then restart Studio and "
                "its workers."
                if studio
                else _RESTART,
                "block_structure_native_worker_restart_commands",
                evidence={worker: apart},
                cost="a deleted course stays in the cache"
                if studio
                else "publishes are stored elsewhere: learners get the old course or a rebuild in the request",
            )
        )
    return found


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _why_outdated(process: dict[str, Any]) -> str:
    if is_older(process):
        written = _moment(process["settings_written"])
        return f"started before {process['settings_file']} was last written ({written}) and still use the old settings"
    return f"started with another environment ({', '.join(process['environment_differs'])}) than their file of exports has now"


def _outdated(snapshot: Snapshot) -> list[Finding]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for process in outdated(list(snapshot.processes)):
        groups.setdefault((process["system"], process["kind"], _why_outdated(process)), []).append(process)
    return [
        Finding(
            "processes-outdated",
            "error",
            f"{len(processes)} {kind} process(es) of {'Studio' if system == 'cms' else 'the LMS'} {why}.",
            "run openedx_operators.block_structure.deploy, which restarts them; if it did not, add their service to "
            f"{_RESTARTED_BY[kind]}.",
            _RESTARTED_BY[kind],
            evidence=[process["pid"] for process in processes],
            cost="the change has no effect on them",
        )
        for (system, kind, why), processes in sorted(groups.items())
    ]


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject."""
    return [*_overridden(snapshot), *_desired(snapshot), *_hosts(snapshot), *_workers(snapshot), *_outdated(snapshot)]
