"""Jobs of `tutor local do` and `tutor k8s do`: they run the role's program in the running LMS and give the role's reports.

The program goes to the standard input of the LMS's container, as the role sends it: a job of Tutor's own would carry it on a
command line, which Tutor prints and the kernel limits. So LMS has to run, and the exit code is the one of `block-structure`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from block_structure.filter import block_structure as reports
from block_structure.module_utils.common import redact
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.common.findings import needs_attention
from block_structure.module_utils.decisions import candidate, plan, runtime, signing, storage_settings
from block_structure.module_utils.host import kubectl, package, probe_client, runs
from block_structure.plugin_utils.reports import exit_codes, generation, layout, screen
from block_structure.plugin_utils.reports.progress import Progress
from block_structure_cli import ROOT, exits, output
from block_structure_cli.options import all_option, format_option
from tutor import config as tutor_config
from tutor.__about__ import __version__
from tutor.commands.k8s import K8sContext
from tutor.commands.local import LocalContext

from . import settings

_TUTOR = [sys.executable, "-c", "from tutor.commands.cli import main; main()"]
# As the module site_info asks them.
_SURVEY: dict[str, Any] = {"op": "survey", "courses": None, "read": True, "rebuild": False}
# One object is written, read, listed and deleted before anything is generated.
_CANARY: dict[str, Any] = {"op": "candidate", "canary": True}
# What an inspection gives, and the operation that finds it.
_INSPECTIONS = (("survey", "survey"), ("examination", "examine"), ("runtime", "runtime"), ("canary", "candidate"))
_EXAMINE: dict[str, Any] = {"op": "examine", "workers": 2}


@dataclass(frozen=True)
class Site:
    """The LMS that a job talks to. root: Tutor's. argv: prefix that runs a command in its container.

    without_readiness: deployments of Kubernetes whose pods get learners while they start.
    """

    root: str
    platform: str
    argv: list[str]
    start: str
    wanted: settings.Wanted
    without_readiness: tuple[str, ...] = ()

    @property
    def desired(self) -> dict[str, Any]:
        """What is wanted, as tasks and filters have it."""
        findings = [finding.as_dict() for finding in self.wanted.findings]
        return {**self.wanted.desired.as_dict(), "findings": findings}

    @property
    def context(self) -> dict[str, Any]:
        """What the verdict needs besides the site, as __block_structure_context of vars/main.yml."""
        values = self.wanted.variables
        names = ("growth_percent", "other_tenants_mb")
        headroom = {name: values[f"block_structure_memcached_{name}"] for name in names}
        return {
            "memcached_restart": values["block_structure_memcached_restart"],
            "pod_disk": self.platform == "tutor_k8s",
            "without_readiness": self.without_readiness,
            "headroom": headroom,
        }

    def run(self, operations: list[dict[str, Any]], **more: Any) -> probe_client.Answer:
        """Boot the LMS once, and run the operations if it is of the release that this Tutor installs."""
        hidden = [str(value) for value in self.wanted.secret_values()]
        manage = [*self.argv, "./manage.py", "lms"]
        return probe_client.run(manage, None, operations, identify=self.wanted.desired.identify, secrets=hidden, **more)


def _site() -> Site:
    """Return the site of the command that runs.

    Raises settings.RefusedError, BlockStructureError `tutor-not-running`, `tutor-job-platform`.
    """
    context = click.get_current_context().obj
    configuration = tutor_config.load(context.root)
    if isinstance(context, K8sContext):
        namespace = f"--namespace={configuration['K8S_NAMESPACE']}"
        argv = ["kubectl", "exec", "--stdin", namespace, "deployment/lms", "--"]
        wanted = settings.resolve(configuration, __version__, "tutor_k8s")
        unready = kubectl.without_readiness(["kubectl"], configuration["K8S_NAMESPACE"])
        site = Site(context.root, "tutor_k8s", argv, "tutor k8s start", wanted, tuple(unready))
    elif isinstance(context, LocalContext):
        argv = [*_TUTOR, "--root", context.root, "local", "exec", "-T", "lms"]
        wanted = settings.resolve(configuration, __version__)
        site = Site(context.root, "tutor_local", argv, "tutor local start --detach", wanted)
    else:
        raise BlockStructureError(
            "tutor-job-platform",
            "This job supports `tutor local do` and `tutor k8s do`.",
            "run it with one of them.",
        )
    _require_running(site)
    return site


class _Job(click.Command):
    """A job that shows the cluster, or refuses it, before Tutor itself waits for deployments there."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the job on the cluster that is meant."""
        if isinstance(ctx.obj, K8sContext):
            with _failures(ctx.params["form"]):
                _show_cluster(ctx.obj)
        return super().invoke(ctx)


def _show_cluster(context: K8sContext) -> None:
    """Raises settings.RefusedError, and BlockStructureError of kubectl.cluster."""
    configuration = tutor_config.load(context.root)
    wanted = settings.resolve(configuration, __version__, "tutor_k8s")
    cluster = kubectl.cluster(["kubectl"], wanted.variables["block_structure_tutor_kube_context"])
    namespace = configuration["K8S_NAMESPACE"]
    click.echo(f"kubectl uses the context {cluster or 'of its pod'} and the namespace {namespace}.", err=True)


def _require_running(site: Site) -> None:
    try:
        asked = subprocess.run([*site.argv, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        problem = "" if asked.returncode == 0 else probe_client.last_error_line(asked.stdout + asked.stderr)
    except OSError as error:
        problem = str(error)
    if problem:
        raise BlockStructureError(
            "tutor-not-running",
            f"No command can be run in Tutor's LMS: {problem}",
            f"start the site with `{site.start}`, as the user who installed it.",
        )


@contextmanager
def _failures(form: str) -> Iterator[None]:
    """End a job that cannot go on as the command ends, in the names of Tutor's configuration."""
    try:
        yield
        return
    except settings.RefusedError as refused:
        errors = refused.errors
    except BlockStructureError as error:
        errors = [error]
    if form == "json":
        output.print_json({"error": errors[0].as_dict()})
    text = "\n".join(settings.spelled(str(error)) for error in errors)
    raise exits.Failure(text, "", exit_codes.of_message(errors[0].identifier))


def _medium() -> layout.Medium:
    return replace(output.medium(), to_set="Set with `tutor config save --set NAME=VALUE`, then restart:")


def _show(report: dict[str, Any], form: str, everything: bool) -> None:
    """Print a diagnosis or a result: as data, or as the screen of the command in the names of Tutor's configuration."""
    if form == "json":
        output.print_json(report)
    elif form == "csv":
        output.print_csv(report["courses"])
    else:
        output.print_lines(screen.site(settings.of_tutor(report), _medium(), everything=everything))


def _inspected(site: Site, operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the module site_info would return of the operations."""
    start = time.monotonic()
    answer = site.run(operations)
    results = {operation["op"]: result for operation, result in zip(operations, answer.results)}
    found = {name: results.get(op) for name, op in _INSPECTIONS}
    return {**found, "boots": 1, "seconds": round(time.monotonic() - start, 3)}


@click.command(cls=_Job, name="block-structure-diagnose")
@format_option
@all_option("all courses and notes")
@click.option("--rebuild", is_flag=True, help="Also time the rebuild of three courses, as slow as for a learner.")
def diagnose(form: str, everything: bool, rebuild: bool) -> Iterable[tuple[str, str]]:
    """Report what is wrong with the block structures of this site, and what it costs. Changes nothing.

    Ends with 0 if all is well, 1 if something needs attention, 3 if the LMS does not answer.
    """
    with _failures(form):
        site = _site()
        inspected = _inspected(site, [{**_SURVEY, "rebuild": rebuild}, _EXAMINE, runtime.inspect()])
        report = reports.diagnosis(inspected, "lms", site.desired, [], {"skipped": True}, site.context, {})
    _show(report, form, everything)
    if needs_attention(report["findings"]):
        sys.exit(exits.ATTENTION)
    return []


@click.command(cls=_Job, name="block-structure-verify")
@format_option
@all_option("all courses and notes")
def verify(form: str, everything: bool) -> Iterable[tuple[str, str]]:
    """Show which tier of the running site serves each course, and why. Changes nothing.

    Ends with 0 if all is well, 1 if something is wrong, 3 if the LMS does not answer.
    """
    with _failures(form):
        site = _site()
        _require_settings(site)
        inspected = _inspected(site, [_SURVEY])
        report = reports.result(
            inspected["survey"],
            site.desired,
            own=[],
            steps=[],
            servers=[],
            workers={},
            processes={},
            context=site.context,
        )
    _show(report, form, everything)
    if any(finding["severity"] == "error" for finding in report["findings"]):
        sys.exit(exits.ATTENTION)
    return []


@click.command(cls=_Job, name="block-structure-generate")
@format_option
@all_option("all courses and notes")
@click.option("--force", is_flag=True, help="Generate every course, also those that are up to date.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def generate(form: str, everything: bool, force: bool, dry_run: bool) -> Iterable[tuple[str, str]]:
    """Set row and switches, and generate every structure that is missing or stale, in the order of the role's deploy.

    Ends with 0 if all is well, 1 if a course failed, 3 if the LMS or a service does not answer, 130 if it was stopped.
    """
    with _failures(form):
        site = _site()
        _require_settings(site)
        # A dry run writes no canary either.
        inspected = _inspected(site, [_SURVEY] if dry_run else [_SURVEY, _CANARY])
        survey = inspected["survey"]
        _require_applied(site, survey)
        if not dry_run:
            candidate.judge(inspected["canary"], site.wanted.desired.release, _package_version())
        wanted = plan.make(survey, _target(site, force), _generation(site.wanted.variables))
        if dry_run or not wanted.operations:
            _announce(wanted, form)
            return []
        reported = _generated(site, wanted.operations)
    error = reported["error"]
    if form == "json":
        output.print_json(reported)
    elif form == "csv":
        output.print_csv(reported["courses"])
    elif not error or reported["courses"]:
        output.print_lines(screen.generated(reported, _medium(), everything=everything))
    if error:
        raise exits.Failure(error["cause"], error["remedy"], reported["exit_code"])
    if reported["exit_code"]:
        sys.exit(reported["exit_code"])
    return []


def _require_settings(site: Site) -> None:
    if not site.wanted.settings:
        raise BlockStructureError(
            "variable-missing",
            "block_structure_storage_bucket is not set.",
            "set it to your S3 bucket.",
            "block_structure_storage_bucket",
        )


def _require_applied(site: Site, survey: dict[str, Any]) -> None:
    """Raise BlockStructureError while the LMS stores elsewhere: what it would generate now would be of no use.

    With `tutor local` a new process has the settings as soon as they are rendered; a pod has them after the rollout.
    """
    active = survey["settings"]["block_structures"]
    wanted = signing.for_now(site.wanted.settings["BLOCK_STRUCTURES_SETTINGS"], survey)
    left = storage_settings.described(storage_settings.apart(active, wanted))
    if left:
        raise BlockStructureError(
            "tutor-not-applied",
            f"The LMS does not have the settings of this plugin yet: {'; '.join(left)}.",
            "run `tutor config save`, then `tutor local restart openedx` or `tutor k8s start`; if it stays, another plugin "
            "sets BLOCK_STRUCTURES_SETTINGS.",
        )


def _target(site: Site, force: bool) -> plan.Target:
    content = site.wanted.desired.content
    sign = content.signing == signing.REQUIRE
    return plan.Target(content.settings, content.row, content.switches, content.switches_if_clean, force, sign=sign)


def _package_version() -> str:
    """Return the version of the storage class that this plugin comes with."""
    version: str = package.read(ROOT / "roles/block_structure/files/block_structure_storage")["version"]
    return version


def _generation(values: dict[str, Any]) -> dict[str, Any]:
    """Return how structures are generated: the options of probe/operations/generate.py, as vars/main.yml has them."""
    names = ("engine", "workers", "memory_mb", "course_timeout_seconds", "routing_key", "batch")
    given = {name: values[f"block_structure_generation_{name}"] for name in names}
    return {**given, "patience_seconds": values["block_structure_generation_outage_patience_seconds"]}


def _announce(wanted: plan.Plan, form: str) -> None:
    changes = [change.as_dict() for change in wanted.changes]
    if form == "json":
        output.print_json({"changes": changes})
    elif form == "csv":
        output.print_csv(changes)
    else:
        rows = [[change["field"], *(json.dumps(change[when]) for when in ("before", "after"))] for change in changes]
        empty = "Row, switches and every structure are as they should be. Nothing to do."
        output.print_table("Would change", ("what", "from", "to"), rows, empty=empty)


def _generated(site: Site, operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Run the operations with their progress on standard error, and return the report of a generation."""
    progress = Progress()
    log = runs.Log(Path(site.root, "block_structure", "runs"), runs.new_id())
    hidden = [str(value) for value in site.wanted.secret_values()]
    ended = "failed"

    def follow(event: dict[str, Any]) -> None:
        log.write(redact.scrub_all(event, hidden))
        for line in progress.lines(event):
            click.echo(line, err=True)

    try:
        answer = site.run([{**operation, "run": log.folder.name} for operation in operations], on_event=follow)
        ended = next((result["ended"] for result in answer.results if result.get("ended", "done") != "done"), "done")
    except BlockStructureError as error:
        return generation.report({"failed": True, "error": error.as_dict(), "run": log.folder.name})
    finally:
        log.write({"event": "end", "ended": ended})
        log.close()
    courses = list(runs.read(log.folder).reports.values())
    return generation.report({"results": answer.results, "courses": courses, "ended": ended, "run": log.folder.name})


COMMANDS = [diagnose, generate, verify]
