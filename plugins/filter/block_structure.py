"""Filters of the role: adapters between registered results and the reports and decisions of the collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..module_utils.common.redact import is_secret_name
from ..module_utils.decisions import carrying, memcached_restart, signing
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import package
from ..plugin_utils import former
from ..plugin_utils.diagnosis import report, verdict
from ..plugin_utils.diagnosis.cost import Costs, measured_ms
from ..plugin_utils.diagnosis.snapshot import Headroom, Server, Snapshot, effective_release
from ..plugin_utils.reports import benchmark, generation, move
from ..plugin_utils.steps import Step, worker_findings


def secret_kwargs(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return {"STORAGE_KWARGS": {...}} with the secret arguments that are set, {} without any."""
    found = {name: value for name, value in kwargs.items() if is_secret_name(name) and value is not None}
    return {"STORAGE_KWARGS": found} if found else {}


def storage_package(folder: str) -> dict[str, Any]:
    """Return {"version", "files"} of the storage class package in a folder of the role."""
    return package.read(Path(folder))


def rollback_record(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the exact text of the role's entries in each settings file, for a rollback.

    found: results of reading the settings files in a loop over items with a name.
    """
    read = {entry["__block_structure_item"]["name"]: entry for entry in found if "raw" in entry}
    return {
        "settings": {name: entry["raw"] for name, entry in read.items()},
        "also": {name: entry["raw_also"] for name, entry in read.items()},
    }


def left_behind(
    survey: dict[str, Any], moved: dict[str, Any], former_reads: bool, backups: dict[str, Any], also: list[str]
) -> dict[str, Any]:
    """Return what a rollback leaves: {"rebuilt": [course], "backups": [path], "files": [path]}, for the result and `left_text`.

    survey: before the rollback. moved, backups: registered results. also: paths that stay by intention.
    """
    courses = former.rebuilt(survey, moved, former_reads)
    return {"rebuilt": courses, "backups": list(backups.get("kept") or []), "files": also}


def failure_reason(failed: dict[str, Any]) -> str:
    """Return on one line why a task failed: the message and command output of its first failed item."""
    items = [entry for entry in failed.get("results", [failed]) if entry.get("failed")] or [failed]
    parts = [str(items[0].get(name, "")) for name in ("msg", "stderr", "stdout")]
    return " ".join(" ".join(parts).split())[:500] or "a command failed"


def _addresses(survey: dict[str, Any], platform: dict[str, Any], every_alias: bool) -> list[str]:
    # Tutor's cache is a container that its host cannot connect to.
    if platform.get("tutor"):
        return []
    own = survey["settings"]["cache"]
    caches = list((survey["settings"].get("caches") or {}).values()) if every_alias else [own]
    # The role does not size Redis.
    found = [name for cache in caches for name in cache["locations"] if "redis" not in str(cache.get("backend")).lower()]
    return list(dict.fromkeys(found))


def cache_need(
    survey: dict[str, Any], release: dict[str, Any], platform: dict[str, Any], every_alias: bool = False
) -> dict[str, Any]:
    """Return the input of the module memcached for sizing a server, and the addresses of the servers to query.

    release: named row; the result has the site's own client limit in it. sizes: compressed bytes of each measured structure;
    unmeasured: number of structures not measured yet; servers: number that share the structures; sessions, times: what a
    restart costs and brings (decisions/memcached_restart.py). every_alias: also the servers of other aliases in the survey.
    """
    sizes = [course["bytes"] for course in survey.get("courses", []) if course.get("bytes")]
    row = effective_release(from_named_row(release), survey)
    return {
        "release": {**release, "client_item_limit_bytes": row.client_item_limit_bytes},
        "sizes": sizes,
        "unmeasured": len(survey.get("courses", [])) - len(sizes),
        "servers": max(1, len(survey["settings"]["cache"]["locations"])),
        "sessions": memcached_restart.holds_sessions(survey["settings"]),
        "times": {
            "cache_ms": Costs(survey.get("courses", [])).cache_ms,
            "storage": [
                [entry["bytes"], storage_ms]
                for entry in survey.get("courses", [])
                if entry.get("bytes") and (storage_ms := measured_ms(entry, "storage_ms")) is not None
            ],
        },
        "addresses": _addresses(survey, platform, every_alias),
    }


def _server(answer: dict[str, Any], survey: dict[str, Any]) -> Server:
    """Return a memcached from an item that the module registered in a loop."""
    name = str(answer["__block_structure_item"])
    caches = survey["settings"].get("caches") or {"default": survey["settings"]["cache"]}
    return Server(
        name,
        tuple(alias for alias, cache in caches.items() if name in cache["locations"]),
        live=answer.get("live") or {},
        stats=answer.get("stats") or {},
        items=answer.get("slab_items") or {},
        plan=answer.get("plan"),
        error=None if answer.get("live") else str(answer.get("msg") or "it was not queried"),
    )


def step(registered: dict[str, Any]) -> dict[str, Any]:
    """Return the contribution of a task's registered result to the result of its host; empty for a skipped task."""
    return Step.of(registered).as_dict()


def result(
    survey: dict[str, Any],
    desired: dict[str, Any],
    own: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    servers: list[Any],
    workers: dict[str, Any],
    processes: dict[str, Any],
    context: dict[str, Any],
) -> dict[str, Any]:
    """Return block_structure_result of an LMS host.

    own: steps of this host. steps: those of every host of the run. servers: result of each memcached query. workers, processes:
    results of worker_info and process_info, {} when they did not run. context: vars/main.yml.
    """
    mine, everywhere = Step.total(own), Step.total(steps)
    snapshot = Snapshot(
        from_named_row(desired["release"]),
        survey,
        tuple(_server(answer, survey) for answer in servers),
        desired,
        failures=tuple(mine.failures),
        processes=tuple(processes.get("processes") or ()),
        headroom=Headroom(**context["headroom"]),
        memcached_restart=context["memcached_restart"],
        pod_disk=context["pod_disk"],
        without_readiness=tuple(context["without_readiness"]),
    )
    judged = verdict.site(snapshot)
    return {
        "site": survey.get("site"),
        "release": desired["release"]["name"],
        "platform": desired["platform"],
        "changes": everywhere.changes,
        "courses": judged["courses"],
        "findings": [*desired["findings"], *everywhere.findings, *worker_findings(workers), *judged["findings"]],
        "workers": workers.get("workers", []),
        "failures": mine.failures,
        "generated": mine.generated,
        "run": everywhere.runs[-1] if everywhere.runs else None,
        "boots": mine.boots,
        "lms_iam_policy": desired["lms_iam_policy"],
        "lms_bucket_policy": desired["lms_bucket_policy"],
    }


def site_result(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return block_structure_result of the site: that of its first LMS host, with the findings of every host, each once."""
    findings: dict[tuple[Any, ...], dict[str, Any]] = {}
    for finding in (finding for one in results for finding in one["findings"]):
        findings.setdefault((finding["id"], finding["severity"], finding["message"]), finding)
    return {**results[0], "findings": list(findings.values())}


def diagnosis(
    inspected: dict[str, Any],
    host: str,
    desired: dict[str, Any],
    servers: list[Any],
    bucket: dict[str, Any],
    context: dict[str, Any],
    others: dict[str, Any],
) -> dict[str, Any]:
    """Return the diagnosis of a site from the registered results of playbooks/diagnose.yml.

    inspected: result of site_info on the host that read the courses; others: on each other LMS host, by name.
    bucket: result of bucket_info. context: as for result().
    """
    survey = inspected["survey"]
    snapshot = Snapshot(
        from_named_row(desired["release"]),
        survey,
        tuple(_server(answer, survey) for answer in servers),
        # As deploy has it: unsigned objects are accepted while there are any.
        {**desired, "settings": signing.for_now(desired["settings"], survey)} if desired.get("settings") else None,
        examination=inspected["examination"],
        processes=tuple((inspected["examination"] or {}).get("processes") or ()),
        runtime=inspected["runtime"],
        bucket=bucket.get("bucket"),
        # For a bucket that does not exist, the module returns null.
        bucket_problem=None if "bucket" in bucket or bucket.get("skipped") else str(bucket.get("msg") or "it was not queried"),
        others={name: answer["survey"] for name, answer in others.items() if answer},
        headroom=Headroom(**context["headroom"]),
        memcached_restart=context["memcached_restart"],
        pod_disk=context["pod_disk"],
        without_readiness=tuple(context["without_readiness"]),
    )
    return report.of(
        snapshot,
        platform=desired["platform"],
        host=host,
        boots={name: int((answer or {}).get("boots", 0)) for name, answer in {host: inspected, **others}.items()},
        inventory=desired["findings"],
        seconds=inspected.get("seconds"),
    )


def findings_text(findings: list[dict[str, Any]], severities: list[str]) -> str:
    """Return the messages of the findings of some severities, one per line."""
    return "\n".join(finding["message"] for finding in findings if finding["severity"] in severities)


def first_lms(groups: dict[str, list[str]], among: list[str] | None = None) -> str:
    """Return the LMS host that acts for the site, as a pattern of hosts: the group, which is empty then, without any."""
    if among is not None:
        groups = {name: [host for host in hosts if host in among] for name, hosts in groups.items()}
    return carrying.first_lms(groups) or carrying.HOSTS


def failure_text(reported: dict[str, Any]) -> str:
    """Return why the play of a run must fail; empty if it need not. Only a move has `counts`."""
    return move.failure_text(reported) if "counts" in reported else generation.failure_text(reported)


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "benchmark": benchmark.benchmark,
            "cache_need": cache_need,
            "diagnosis": diagnosis,
            "failure_reason": failure_reason,
            "first_lms": first_lms,
            "findings_text": findings_text,
            "hosts_unlike": carrying.different,
            "former_storage": former.storage,
            "left_behind": left_behind,
            "left_text": former.left_text,
            "failure_text": failure_text,
            "result": result,
            "rollback_record": rollback_record,
            "secret_kwargs": secret_kwargs,
            "site_result": site_result,
            "step": step,
            "storage_package": storage_package,
        }
