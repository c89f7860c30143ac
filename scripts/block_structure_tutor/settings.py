"""From Tutor's configuration to what is wanted of the site: the same decisions as the role's, in the names of Tutor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.common.findings import Finding
from block_structure.module_utils.decisions import desired, redis_sizing, storage_settings, tutor, variables
from block_structure.plugin_utils import tutor_plugin
from block_structure_cli import ROOT

PREFIX = "BLOCK_STRUCTURE_"
NAME = "block-structure"
ROLES_PLUGIN = tutor_plugin.NAME
_ROLE = ROOT / "roles" / "block_structure"
_RUNTIME = ROOT / "plugins" / "module_utils" / "probe" / "block_structure_runtime"
# What the role's variables say about other kinds of sites or about hosts has no effect here. Whoever makes the bucket has keys
# of their own, which boto3 finds.
_APPLIED = re.compile(
    "block_structure_("
    "storage_.*|task_settings|runtime_.*|blake2b_hashing|generation_.*|release_overrides"
    "|bucket_(?!delegate_to|access_key|secret_key|session_token).*"
    "|cache_timeout_seconds|num_versions_to_keep|raise_error_when_not_found|invalidate_cache_on_publish|delete_inert_switches"
    "|redis_maxmemory_mb|tutor_kube_context|memcached_other_tenants_mb|memcached_growth_percent)"
)
_REDIS = "block_structure_redis_maxmemory_mb"
# MiB of Redis, for the patch redis-conf. The role leaves Redis alone.
_REDIS_PATCH_SINCE = 17  # tutor/templates/apps/redis/redis.conf of each series
_ADDED: dict[str, dict[str, Any]] = {_REDIS: {"type": "int", "default": None}}
# Part of a remedy of the role -> what replaces it.
_REMEDIES = {
    "run openedx_operators.block_structure.deploy": (
        "run `tutor config save`, restart, and run the job block-structure-generate"
    ),
    "leave block_structure_manage_bucket on": "make it with `tutor block-structure bucket --apply`",
    "with Tutor's patch redis-conf": f"with {_REDIS.upper()}",
    "the policy in block_structure_result.lms_iam_policy": "the policy that `tutor block-structure bucket --policy` prints",
}
_PRINTED = "# Printed by `tutor block-structure print`. Enable either this plugin or block-structure, never both.\n"
_OWN = "a plugin of your own adds to BLOCK_STRUCTURES_SETTINGS['STORAGE_KWARGS'] on the machine that renders."
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


@cache
def options() -> dict[str, dict[str, Any]]:
    """Return the specification of every setting: a variable of the role by its name, and those of this plugin alone."""
    specification = yaml.safe_load((_ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return {**specification["argument_specs"]["main"]["options"], **_ADDED}


def defaults() -> dict[str, Any]:
    """Return the default of every setting of this plugin, by its name in Tutor's configuration."""
    return {name.upper(): option.get("default") for name, option in options().items() if _APPLIED.fullmatch(name)}


@cache
def _table() -> dict[str, dict[str, Any]]:
    loaded = yaml.safe_load((_ROLE / "vars" / "releases.yml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = loaded["__block_structure_releases"]
    return found


@cache
def _platform(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((_ROLE / "vars" / f"platform_{name}.yml").read_text(encoding="utf-8"))
    found: dict[str, Any] = loaded["__block_structure_platform"]
    return found


def spelled(text: str) -> str:
    """Return a message of the decisions with the names that its variables have in Tutor's configuration."""
    for role, own in _REMEDIES.items():
        text = text.replace(role, own)
    return re.sub(r"\bblock_structure_[a-z0-9_]+", lambda found: _spelled_name(found[0]), text)


def _spelled_name(name: str) -> str:
    return name.upper() if _APPLIED.fullmatch(name) else name


def of_tutor(report: dict[str, Any]) -> dict[str, Any]:
    """Return a diagnosis or a result in the names of Tutor's configuration, without variables that only the role has."""
    findings = [
        {name: spelled(value) if isinstance(value, str) else value for name, value in finding.items()}
        for finding in report["findings"]
    ]
    cure = [{**row, "name": row["name"].upper()} for row in report.get("cure") or [] if _APPLIED.fullmatch(row["name"])]
    return {**report, "findings": findings, "cure": cure}


class RefusedError(Exception):
    """What must be corrected first; its text has two lines for each error."""

    def __init__(self, errors: list[BlockStructureError]) -> None:
        super().__init__("\n".join(spelled(str(error)) for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class Wanted:
    """What the configuration asks for.

    variables: the role's, typed. settings: {dictionary of the platform's settings: what it is updated with}, without secrets,
    and empty without a bucket, where the plugin changes nothing; secrets: those, in the same nesting.
    """

    variables: dict[str, Any]
    desired: desired.Desired
    settings: dict[str, dict[str, Any]]
    secrets: dict[str, Any]
    runtime: tutor_plugin.Runtime | None
    findings: tuple[Finding, ...]

    @property
    def redis(self) -> str | None:
        """The lines of redis.conf that are asked for."""
        memory_mb = self.variables[_REDIS]
        return redis_sizing.configuration(memory_mb) if memory_mb else None

    def patches(self, with_secrets: bool = True) -> dict[str, str]:
        """Return {name of a patch of Tutor: text}; {} where the plugin changes nothing."""
        if not self.settings:
            return {}
        complete = storage_settings.merge(self.settings, self.secrets if with_secrets else {})
        return tutor_plugin.patches(complete, self.runtime, environment=self.desired.environment, redis=self.redis)

    def secret_values(self) -> list[Any]:
        """Return every secret, to hide it in messages."""
        groups = [values for dictionary in self.secrets.values() for values in dictionary.values()]
        return [value for values in groups for value in values.values()]

    def plugin(self, with_secrets: bool = False) -> str:
        """Return the patches as a plugin in YAML, which needs no package; without secrets unless they are asked for."""
        complete = storage_settings.merge(self.settings, self.secrets if with_secrets else {})
        left_out = [] if with_secrets else sorted(self.secret_names())
        note = _PRINTED + (f"# Without {', '.join(left_out)}, which {_OWN}\n" if left_out else "")
        return tutor_plugin.render(complete, self.runtime, environment=self.desired.environment, note=note, redis=self.redis)

    def secret_names(self) -> list[str]:
        """Return the names of the secrets in STORAGE_KWARGS."""
        groups = [values for dictionary in self.secrets.values() for values in dictionary.values()]
        return [name for values in groups for name in values]


def _release(version: str) -> str:
    """Return the release that a version of Tutor installs."""
    major = tutor.major(version)
    for name, row in _table().items():
        if major is not None and row["tutor_major"] == major:
            return name
    raise BlockStructureError(
        "tutor-release-unknown",
        f"Tutor {version} installs no release that this plugin knows.",
        "install the version of block-structure that supports it, or disable the plugin.",
    )


def _check_redis(memory_mb: int | None, version: str) -> None:
    """Raise BlockStructureError for memory that is no use, or that this Tutor cannot give."""
    redis_sizing.check(_REDIS, memory_mb)
    if memory_mb is not None and (tutor.major(version) or 0) < _REDIS_PATCH_SINCE:
        raise BlockStructureError(
            "tutor-redis-patch",
            f"BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB has no effect: Tutor {version} has no patch redis-conf.",
            f"unset it, and upgrade Tutor to {_REDIS_PATCH_SINCE} or later, whose Redis has a limit too.",
        )


def check_alone(plugins: list[str]) -> None:
    """Raise BlockStructureError if the role's plugin is enabled too: only one of them may write the settings."""
    if ROLES_PLUGIN in plugins:
        raise BlockStructureError(
            "tutor-role-active",
            "The Ansible role's plugin block_structure is enabled, and sets what this plugin sets.",
            "run openedx_operators.block_structure.rollback of the role and keep this plugin; or disable this one with "
            f"`tutor plugins disable {NAME}`.",
        )


def resolve(
    configuration: dict[str, Any], version: str, platform: str = "tutor_local", *, manage_bucket: bool = False
) -> Wanted:
    """Return what a configuration of Tutor asks for. Raises RefusedError with every error.

    version: Tutor's. manage_bucket: whether the bucket is about to be made or changed, where its own rules are checked.
    """
    given = {name.lower(): value for name, value in configuration.items() if name.startswith(PREFIX)}
    errors = _foreign(given)
    try:
        check_alone(list(configuration.get("PLUGINS") or []))
        named = _release(version)
    except BlockStructureError as error:
        raise RefusedError([*errors, error]) from error
    values = {name: option.get("default") for name, option in options().items()}
    for name, value in given.items():
        if name in values:
            try:
                values[name] = typed(name, options()[name], value)
                errors += variables.unfit(name, values[name])
            except BlockStructureError as error:
                errors.append(error)
    try:
        _check_redis(values[_REDIS], version)
    except BlockStructureError as error:
        errors.append(error)
    if errors:
        raise RefusedError(errors)
    bucket = values["block_structure_storage_bucket"]
    values.update(block_structure_release=named, block_structure_platform=platform, block_structure_manage_bucket=manage_bucket)
    rows = {platform: _platform(platform)}
    resolution = desired.resolve(values, _table(), platforms=rows, defaults=values)
    wrong = [error for error in resolution.errors if bucket or error.variable != "block_structure_storage_bucket"]
    if wrong or resolution.desired is None:
        raise RefusedError(wrong)
    return _wanted(values, resolution.desired, resolution.findings, rows[platform])


def _wanted(values: dict[str, Any], wanted: desired.Desired, findings: tuple[Finding, ...], platform: dict[str, Any]) -> Wanted:
    if wanted.content is None or wanted.release is None:
        return Wanted(values, wanted, {}, {}, None, findings)
    choices = storage_settings.StorageOptions.from_variables(values, platform["storage_local_dir"])
    secrets = storage_settings.build(choices, wanted.release).secrets
    runtime = None
    if wanted.runtime and wanted.runtime["wanted"]:
        runtime = tutor_plugin.Runtime(wanted.runtime["collector"], wanted.runtime["keys"], tutor_plugin.sources(_RUNTIME))
    return Wanted(
        values,
        wanted,
        {"BLOCK_STRUCTURES_SETTINGS": wanted.content.settings, **wanted.content.also},
        {"BLOCK_STRUCTURES_SETTINGS": secrets} if secrets else {},
        runtime,
        findings,
    )


def _foreign(given: dict[str, Any]) -> list[BlockStructureError]:
    """Return an error for each setting that is misspelt, or that only the role has."""
    errors = variables.unknown_names(list(given), list(options()))
    for name in sorted(given):
        if name in options() and not _APPLIED.fullmatch(name):
            errors.append(
                BlockStructureError(
                    "tutor-setting-foreign",
                    f"{name.upper()} has no effect: {name} belongs to the Ansible role.",
                    f"run `tutor config save --unset {name.upper()}`.",
                )
            )
    return errors


def typed(name: str, option: dict[str, Any], value: Any) -> Any:
    """Return a value with its specified type. Text is converted, as the role converts it. Raises BlockStructureError."""
    if value is None:
        if option.get("default") is None:
            return None
        raise _mistyped(name, "is null")
    converted = _converted(name, option, value)
    if option.get("choices") and converted not in option["choices"]:
        raise _mistyped(name, f"is '{value}', and may be {', '.join(map(str, option['choices']))}")
    return converted


def _converted(name: str, option: dict[str, Any], value: Any) -> Any:
    kind = option.get("type", "str")
    try:
        if kind == "dict":
            return _converted_dict(name, option, value)
        if kind == "list":
            return [_converted(name, {"type": option.get("elements", "str")}, item) for item in _instance(value, list)]
        return _SCALARS[kind](value)
    except (TypeError, ValueError, KeyError):
        raise _mistyped(name, f"is not of the type {kind}") from None


def _converted_dict(name: str, option: dict[str, Any], value: Any) -> dict[str, Any]:
    given = dict(_instance(value, dict))
    inner = option.get("options")
    if inner is None:
        return given
    unknown = sorted(set(given) - set(inner))
    if unknown:
        raise _mistyped(name, f"has {', '.join(map(str, unknown))}, and knows only {', '.join(inner)}")
    known = {key: each.get("default") for key, each in inner.items()}
    return {**known, **{key: _converted(f"{name}.{key}", inner[key], item) for key, item in given.items()}}


def _instance(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return value


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise TypeError("str")
    return str(value)


def _whole(value: Any) -> int:
    if isinstance(value, (bool, float)) or not isinstance(value, (int, str)):
        raise TypeError("int")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError("float")
    return float(value)


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]


_SCALARS: dict[str, Any] = {"str": _text, "path": _text, "int": _whole, "float": _number, "bool": _truth}


def _mistyped(name: str, problem: str) -> BlockStructureError:
    return BlockStructureError(
        "variable-type", f"{name.upper()} {problem}.", f"give {name.upper()} the type in docs/variables.md.", name
    )
