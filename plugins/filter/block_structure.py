"""Filters of the role: fields of larger data, and the verdict. Decisions live in module_utils."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..module_utils.common.findings import Finding
from ..module_utils.common.redact import is_secret_name
from ..module_utils.decisions import plan, runtime
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import package
from ..plugin_utils.diagnosis import report, verdict
from ..plugin_utils.diagnosis.snapshot import (
    Headroom,
    Server,
    Snapshot,
    effective_release,
)
from ..plugin_utils.reports import benchmark, generation, move

# What the steps register, in the order of their work; those that boot the LMS.
_STEPS = (
    "__block_structure_package_returned",
    "__block_structure_emptied",
    "__block_structure_bucket",
    "__block_structure_memcached",
    "__block_structure_package",
    "__block_structure_replaced",
    "__block_structure_package_removed",
    "__block_structure_hooked",
    "__block_structure_database",
)
_BOOTING = (
    "__block_structure_inspected",
    "__block_structure_emptied",
    "__block_structure_proven",
    "__block_structure_moved",
    "__block_structure_database",
    "__block_structure_inspected_again",
)


def secret_kwargs(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return {"STORAGE_KWARGS": {...}} of the secret arguments that are set, or {} when there is none."""
    found = {name: value for name, value in kwargs.items() if is_secret_name(name) and value is not None}
    return {"STORAGE_KWARGS": found} if found else {}


def secret_values(kwargs: dict[str, Any]) -> list[str]:
    """Return the secret strings themselves, for scrubbing words of other programs."""
    return [str(value) for name, value in kwargs.items() if is_secret_name(name) and value is not None]


def settings_files(release: dict[str, Any], lms: str | None, cms: str | None) -> list[dict[str, Any]]:
    """Return the settings files of a native installation that the role edits, each with its name, path and format.

    lms, cms: the operator's paths; None means the release's own, "" that there is no such system on the host. Studio's file
    is left out where the release does not read our settings from it.
    """
    given = {"lms": lms, "cms": cms if release["studio_reads_settings"] else ""}
    paths = {name: release["config_files"][name] if path is None else path for name, path in given.items()}
    return [
        {"name": name, "path": path, "format": release["config_format"], "variable": f"native_{name}_config"}
        for name, path in paths.items()
        if path
    ]


def record(found: list[dict[str, Any]], survey: dict[str, Any]) -> dict[str, Any]:
    """Return what a rollback needs: our entries of each settings file, character for character, the row and the switches.

    found: results of reading the settings files in a loop over items with a name.
    """
    read = {entry["__block_structure_item"]["name"]: entry for entry in found if "raw" in entry}
    return {
        "settings": {name: entry["raw"] for name, entry in read.items()},
        "also": {name: entry["raw_also"] for name, entry in read.items()},
        "survey": {"row": survey["row"], "switches": survey["switches"]},
    }


def tutor_record(found: dict[str, Any], asked: dict[str, Any], survey: dict[str, Any]) -> dict[str, Any]:
    """Return what a rollback on Tutor needs: our plugin's text, whether it was enabled, the row and the switches.

    found: result of reading the plugin. asked: what Tutor said of itself.
    """
    return {
        "tutor": {"plugin": found["raw"], "enabled": "block_structure" in asked["plugins"]},
        **record([], survey),
    }


def tutor_majors(table: dict[str, dict[str, Any]]) -> dict[str, int | None]:
    """Return {release name: Tutor major} of the release table."""
    return {name: row["tutor_major"] for name, row in table.items()}


def differs(registered: dict[str, Any]) -> bool:
    """Return whether any item of a registered loop found a difference."""
    return any(entry.get("differs") for entry in registered.get("results", [registered]))


def reason(failed: dict[str, Any]) -> str:
    """Return why a task failed, on one line: its first failed item's words, with what a command wrote to standard error."""
    items = [entry for entry in failed.get("results", [failed]) if entry.get("failed")] or [failed]
    text = [str(items[0].get(name, "")) for name in ("msg", "stderr", "stdout")]
    return " ".join(" ".join(text).split())[:500] or "a command failed"


def structure_sizes(survey: dict[str, Any]) -> list[int]:
    """Return the compressed bytes of every structure that the survey could measure."""
    return [course["bytes"] for course in survey["courses"] if course["bytes"]]


def unmeasured(survey: dict[str, Any]) -> int:
    """Return how many structures the survey could not measure, because there are none yet."""
    return len([course for course in survey["courses"] if not course["bytes"]])


def cache_servers(survey: dict[str, Any], platform: dict[str, Any], every_alias: bool = False) -> list[str]:
    """Return the memcached servers that the LMS keeps structures in, or those of every alias that the survey names.

    None on Tutor: its cache is a container, which its host does not reach.
    """
    if platform["tutor"]:
        return []
    own = survey["settings"]["cache"]
    caches = list((survey["settings"].get("caches") or {}).values()) if every_alias else [own]
    # Redis has other limits, and none that the role sizes.
    servers = [name for cache in caches for name in cache["locations"] if "redis" not in str(cache.get("backend")).lower()]
    return list(dict.fromkeys(servers))


def release_in_force(release: dict[str, Any], survey: dict[str, Any]) -> dict[str, Any]:
    """Return the release's row with the client's limit that this site has set."""
    row = effective_release(from_named_row(release), survey)
    return {**release, "client_item_limit_bytes": row.client_item_limit_bytes}


def _server(answer: dict[str, Any], survey: dict[str, Any]) -> Server:
    """Return a memcached as the module registered it in a loop."""
    name = str(answer["__block_structure_item"])
    caches = survey["settings"].get("caches") or {"default": survey["settings"]["cache"]}
    return Server(
        name,
        tuple(alias for alias, cache in caches.items() if name in cache["locations"]),
        live=answer.get("live") or {},
        stats=answer.get("stats") or {},
        items=answer.get("items") or {},
        plan=answer.get("plan"),
        error=None if answer.get("live") else str(answer.get("msg") or "it was not asked"),
    )


def snapshot_context(context: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of Look for what is round about the site (vars/main.yml): the platform's row, room in the cache."""
    return {"pod_disk": context["platform"]["pod_disk"], "room": Headroom(**context["room"])}


def result(
    host: str,
    hostvars: Any,
    hosts: list[str],
    desired: dict[str, Any],
    survey: dict[str, Any],
    servers: list[Any],
    context: dict[str, Any],
) -> dict[str, Any]:
    """Return block_structure_result of an LMS host from what the steps registered on every host of the run.

    servers: results of asking each memcached. surroundings: as look_around() takes it.
    """
    seen = [hostvars[name].get(step) or {} for name in hosts for step in _STEPS]
    database = hostvars[host].get("__block_structure_database") or {}
    workers = hostvars[host].get("__block_structure_workers") or {}
    snapshot = Snapshot(
        from_named_row(desired["release"]),
        survey,
        tuple(_server(answer, survey) for answer in servers),
        desired,
        failures=tuple(database.get("failures", [])),
        **snapshot_context(context),
    )
    reported = verdict.site(snapshot)
    sizing = [finding for step in seen if step.get("plan") for finding in step["plan"]["findings"]]
    return {
        "release": desired["release"]["name"],
        "platform": desired["platform"],
        "changes": [change for step in seen for entry in step.get("results", [step]) for change in entry.get("changes", [])],
        "courses": reported["courses"],
        "findings": [*desired["findings"], *sizing, *_worker_findings(workers), *reported["findings"]],
        "workers": workers.get("workers", []),
        "failures": database.get("failures", []),
        "generated": database.get("generated", []),
        "boots": sum(int(hostvars[host].get(step, {}).get("boots", 0)) for step in _BOOTING),
        "lms_iam_policy": desired["lms_iam_policy"],
    }


def diagnosis(host: str, hostvars: Any, hosts: list[str], wanted: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """Return the diagnosis of a site from what playbooks/diagnose.yml registered on its LMS hosts.

    host: the LMS host that looked at the courses. hosts: all LMS hosts. wanted: what block_structure_desired returned.
    surroundings: as look_around() takes it.
    """
    own = hostvars[host]
    inspected = own["__block_structure_inspected"]
    survey = inspected["survey"]
    bucket = own.get("__block_structure_bucket_look") or {}
    snapshot = Snapshot(
        from_named_row(wanted["release"]),
        survey,
        tuple(_server(answer, survey) for answer in own["__block_structure_servers"]["results"]),
        wanted if wanted.get("settings") else None,
        examination=inspected["examination"],
        runtime=inspected["runtime"],
        bucket=bucket.get("bucket"),
        # A bucket that does not exist is an answer, null.
        bucket_problem=None if "bucket" in bucket or bucket.get("skipped") else str(bucket.get("msg") or "it was not asked"),
        others={
            name: hostvars[name]["__block_structure_inspected"]["survey"]
            for name in hosts
            if name != host and hostvars[name].get("__block_structure_inspected")
        },
        **snapshot_context(context),
    )
    boots = {name: int(hostvars[name].get("__block_structure_inspected", {}).get("boots", 0)) for name in hosts}
    return report.of(
        snapshot,
        platform=wanted["platform"],
        host=host,
        boots=boots,
        inventory=wanted["findings"],
        seconds=inspected.get("seconds"),
    )


def _worker_findings(workers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an error for each worker whose collector is not set as asked."""
    return [
        Finding(
            "runtime-differs",
            "error",
            f"{problem[0].upper()}{problem[1:]}.",
            "run playbooks/deploy.yml.",
            runtime.THRESHOLDS_VARIABLE,
        ).as_dict()
        for problem in workers.get("problems", [])
    ]


def errors(reported: dict[str, Any]) -> str:
    """Return the messages of the findings that need action, one under the other."""
    return "\n".join(finding["message"] for finding in reported["findings"] if finding["severity"] == "error")


def attention(reported: dict[str, Any]) -> str:
    """Return the messages of every finding that is more than good to know, one under the other."""
    return "\n".join(finding["message"] for finding in reported["findings"] if finding["severity"] != "info")


def spools(hostvars: Any, hosts: list[str]) -> dict[str, Any]:
    """Return what each host's storage class said: {host: {"state", "objects", "drained"}}."""
    return {
        host: {name: hostvars[host]["__block_structure_spool"][name] for name in ("state", "objects", "drained")}
        for host in hosts
    }


def renderer(reported: dict[str, Any]) -> Any:
    """Return the module that made a run's report, and has the words for it: only a move counts outcomes."""
    return move if "counts" in reported else generation


class FilterModule:
    """Names of the filters."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "secret_kwargs": secret_kwargs,
            "secret_values": secret_values,
            "package": lambda folder: package.read(Path(folder)),
            "outside": package.outside,
            "spools": spools,
            "record": record,
            "settings_files": settings_files,
            "tutor_record": tutor_record,
            "tutor_majors": tutor_majors,
            "differs": differs,
            "reason": reason,
            "sizes": structure_sizes,
            "unmeasured": unmeasured,
            "cache_servers": cache_servers,
            "release_in_force": release_in_force,
            "result": result,
            "diagnosis": diagnosis,
            "errors": errors,
            "attention": attention,
            "moves": lambda survey, desired: plan.has_to_move(survey, desired["settings"]),
            "run_summary": lambda reported: renderer(reported).summary(reported),
            "run_errors": lambda reported: renderer(reported).text(reported),
            "benchmark": benchmark.benchmark,
            "outline_path": benchmark.outline_path,
        }
