"""`tutor block-structure plan` and `print`: what the settings would become, before anything is rendered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from block_structure.module_utils.common.changes import Change, compare
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.common.findings import Finding
from block_structure.module_utils.decisions import storage_settings
from block_structure.plugin_utils import tutor_plugin
from tutor import config as tutor_config
from tutor import exceptions, serialize
from tutor.__about__ import __version__

from . import settings
from .bucket import Bucket, spelled

# Setting, or its dictionary -> why it is written.
_WHY = {
    "STORAGE_CLASS": "structures are kept in S3 behind the cache, so that an eviction costs a read and no rebuild",
    "STORAGE_KWARGS": "where and how they are kept; the bucket stays private",
    "DIRECTORY_PREFIX": "the folder of the bucket",
    "PRUNING_ACTIVE": "old versions of a structure are removed when a new one is stored",
    "FEATURES": "cache keys over 250 characters need a hash that the platform's OpenSSL allows",
    "redis": "the cache has room for every structure, and evicts what was not read for long",
    "runtime": "what the LMS's workers run with (docs/runtime.md)",
}
_SYSTEMS = {"lms": "LMS", "cms": "Studio"}
_NO_BUCKET = "BLOCK_STRUCTURE_STORAGE_BUCKET is not set"
_SET_BUCKET = "\nRemedy: run `tutor config save --set BLOCK_STRUCTURE_STORAGE_BUCKET=your-bucket`."
_TASKS = "how the platform's tasks wait and repeat after a publish"


@click.group("block-structure", short_help="Block structures in S3 behind a cache that holds them")
def group() -> None:
    """Block structures of this site: what the plugin would change, and its patches for GitOps.

    Jobs run with `tutor local do` and `tutor k8s do`: block-structure-diagnose, block-structure-generate and
    block-structure-verify.
    """


def resolved(configuration: dict[str, Any], *, manage_bucket: bool = False) -> settings.Wanted:
    """Return what the configuration asks for, or end the command with every error."""
    try:
        return settings.resolve(configuration, __version__, manage_bucket=manage_bucket)
    except settings.RefusedError as refused:
        raise exceptions.TutorError(str(refused)) from refused


def rendered(root: str, system: str) -> str:
    """Return the settings of LMS or Studio as they are rendered now, empty if they are not."""
    path = Path(root, "env", "apps", "openedx", "settings", system, "production.py")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def changes(wanted: settings.Wanted, sources: dict[str, str]) -> dict[Change, list[str]]:
    """Return each difference between the rendered settings and those that are wanted, with the systems that have it."""
    found: dict[Change, list[str]] = {}
    for system, source in sources.items():
        live = tutor_plugin.updates(source)
        for change in [*_differences(live, wanted), *_secret_differences(live, wanted.secrets)]:
            found.setdefault(change, []).append(system)
    runtime = {"collector": wanted.runtime.collector, "keys": wanted.runtime.keys} if wanted.runtime else None
    now = tutor_plugin.runtime_of(sources.get("lms", ""))
    if now != runtime:
        found[Change("runtime", _text(now), _text(runtime))] = ["lms"]
    return found


def redis_changes(wanted: settings.Wanted, root: str) -> list[Change]:
    """Return each difference between the rendered configuration of Redis and what is asked for."""
    path = Path(root, "env", "apps", "redis", "redis.conf")
    # Of two lines of one name Redis takes the last.
    live = dict(re.findall(r"^(\S+)[ \t]+(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)) if path.exists() else {}
    asked = dict(line.split(" ", 1) for line in (wanted.redis or "").splitlines())
    return [Change(f"redis.{change.field}", change.before, change.after) for change in compare(live, asked)]


def _differences(live: dict[str, dict[str, Any]], wanted: settings.Wanted) -> Iterator[Change]:
    for dictionary, values in wanted.settings.items():
        for name, (before, after) in storage_settings.apart(live.get(dictionary, {}), values).items():
            yield Change(f"{dictionary}.{name}", _text(before), _text(after))


def _secret_differences(live: dict[str, dict[str, Any]], secrets: dict[str, Any]) -> Iterator[Change]:
    for dictionary, groups in secrets.items():
        for group_name, values in groups.items():
            before = live.get(dictionary, {}).get(group_name) or {}
            for name, value in sorted(values.items()):
                if before.get(name) != value:
                    yield Change(f"{dictionary}.{group_name}.{name}", "(secret)" if name in before else _text(None), "(secret)")


def inherited_endpoint(wanted: settings.Wanted, source: str) -> list[Finding]:
    """Return a finding if another plugin sends every S3 storage without an endpoint of its own, so ours too, elsewhere."""
    variable = "block_structure_storage_endpoint_url"
    found = re.findall(r"^AWS_S3_ENDPOINT_URL\s*=\s*(.+)$", source, re.MULTILINE)
    if not found or wanted.variables[variable]:
        return []
    return [
        Finding(
            "endpoint-inherited",
            "warning",
            f"Another plugin sets AWS_S3_ENDPOINT_URL to {found[-1].strip()}, so the LMS looks for this bucket there.",
            f"set {variable} to the endpoint of your bucket, such as https://s3.eu-central-1.amazonaws.com, or create the "
            "bucket there.",
            variable,
        )
    ]


def why(field: str) -> str:
    """Return why a field of a change is written."""
    return next((_WHY[part] for part in reversed(field.split(".")) if part in _WHY), _TASKS)


def _require_bucket(wanted: settings.Wanted) -> None:
    if not wanted.settings:
        raise exceptions.TutorError(f"{_NO_BUCKET}.{_SET_BUCKET}")


def _text(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, sort_keys=True)


def _assigned(_context: Any, _parameter: Any, given: tuple[str, ...]) -> dict[str, Any]:
    """Click callback: return {name: value} of NAME=VALUE in YAML, as `tutor config save` reads them."""
    pairs = {text: serialize.parse_key_value(text) for text in given}
    for text, pair in pairs.items():
        if pair is None:
            raise click.BadParameter(f"'{text}' is not of the form NAME=VALUE.")
    return dict(pair for pair in pairs.values() if pair)


@group.command("plan")
@click.option("-s", "--set", "given", multiple=True, metavar="NAME=VALUE", callback=_assigned, help="Assume this setting.")
@click.pass_obj
def plan(context: Any, given: dict[str, Any]) -> None:
    """Say what `tutor config save` would change in the settings of LMS and Studio, and why. Changes nothing.

    \b
    Example:
      tutor block-structure plan --set BLOCK_STRUCTURE_STORAGE_BUCKET=example-block-structures
    """
    configuration = {**tutor_config.load(context.root), **given}
    wanted = resolved(configuration)
    sources = {system: rendered(context.root, system) for system in _SYSTEMS}
    for finding in (*wanted.findings, *inherited_endpoint(wanted, sources["lms"])):
        click.echo(settings.spelled(f"{finding.severity}: {finding}"))
    if not wanted.settings:
        click.echo(f"{_NO_BUCKET}, so the plugin changes nothing.{_SET_BUCKET}")
        return
    found = changes(wanted, sources)
    for change, systems in found.items():
        where = " and ".join(_SYSTEMS[system] for system in systems)
        click.echo(f"{change.field}: {change.before} -> {change.after}\n  for {where}: {why(change.field)}")
    of_redis = redis_changes(wanted, context.root)
    for change in of_redis:
        click.echo(f"{change.field}: {change.before or 'not set'} -> {change.after}\n  for Redis: {_WHY['redis']}")
    if not found and not of_redis:
        click.echo("The rendered settings are as the configuration asks for. Nothing would change.")
        return
    count = len(found) + len(of_redis)
    click.echo(f"{count} settings would change. Apply them with `tutor config save`, restart, then generate the structures:")
    click.echo("  tutor local restart openedx && tutor local do block-structure-generate")
    click.echo("  tutor k8s start && tutor k8s do block-structure-generate")
    if of_redis:
        click.echo("Redis takes its settings when it starts; Tutor's keeps its data on disk meanwhile:")
        click.echo("  tutor local restart redis, or kubectl rollout restart deployment/redis")


@group.command("print")
@click.option("--with-secrets", is_flag=True, help="Print the storage keys too; they are left out otherwise.")
@click.pass_obj
def show(context: Any, with_secrets: bool) -> None:
    """Print what the plugin patches, as a plugin in YAML that works without this package. For GitOps."""
    wanted = resolved(tutor_config.load(context.root))
    _require_bucket(wanted)
    click.echo(wanted.plugin(with_secrets), nl=False)


@group.command("bucket")
@click.option("--apply", is_flag=True, help="Make the changes; without it they are only shown.")
@click.option("--policy", is_flag=True, help="Print the policy that the LMS's own credentials need, and do nothing else.")
@click.pass_obj
def provision(context: Any, apply: bool, policy: bool) -> None:
    """Make the bucket private, encrypted, versioned and TLS only, with the rights that boto3 finds on this machine.

    It needs boto3 in Tutor's Python. Your own rights are not kept in Tutor's configuration: set AWS_PROFILE, or
    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or have them in ~/.aws.

    \b
    Example:
      AWS_PROFILE=operator tutor block-structure bucket --apply
    """
    wanted = resolved(tutor_config.load(context.root), manage_bucket=True)
    _require_bucket(wanted)
    content = wanted.desired.content
    if policy:
        click.echo(json.dumps(content.lms_bucket_policy or content.lms_iam_policy, indent=2))
        return
    try:
        bucket = Bucket(wanted)
        found = bucket.apply() if apply else bucket.changes()[1]
    except BlockStructureError as error:
        raise exceptions.TutorError(spelled(error)) from error
    for change in found:
        click.echo(f"{change.field}: {_text(change.before)} -> {_text(change.after)}")
    name = bucket.options.name
    if not found:
        click.echo(f"The bucket {name} is as the configuration asks for. Nothing to do.")
    elif apply:
        click.echo(
            f"The bucket {name} is changed. Its LMS needs the rights that `tutor block-structure bucket --policy` prints."
        )
    else:
        click.echo(f"{len(found)} changes of the bucket {name}. Make them with `tutor block-structure bucket --apply`.")
