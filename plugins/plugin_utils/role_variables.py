"""The public variables of a host, rendered and typed, and which of its secrets are not encrypted.

Controller only: it needs Ansible itself.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.vault import EncryptedString, VaultedValue

from ..module_utils.common.errors import BlockStructureError
from ..module_utils.decisions.carrying import first_lms
from ..module_utils.decisions.variables import PREFIX, SECRET_VARIABLES, unfit

# Set by the role itself; public because operators read them.
EXPORTED = (
    "block_structure_result",
    "block_structure_benchmark_result",
    "block_structure_profile_result",
    "block_structure_diagnosis",
    "block_structure_outcome",
)
_ROLE = Path(__file__).resolve().parents[2] / "roles" / "block_structure"
_SPECIFICATION = _ROLE / "meta" / "argument_specs.yml"

try:  # ansible-core 2.19 to 2.21 have no public name for "this value came from that file"
    from ansible._internal._datatag._tags import Origin
except ImportError:
    Origin = None
_VAULTED = b"$ANSIBLE_VAULT"


@cache
def options() -> dict[str, dict[str, Any]]:
    """Return the specification of every public variable, by name: those of a site, then the arguments of each verb."""
    specification = yaml.safe_load(_SPECIFICATION.read_text())["argument_specs"]
    return {name: option for entry in specification.values() for name, option in entry["options"].items()}


def defaults() -> dict[str, Any]:
    """Return the default of every public variable."""
    return {name: option.get("default") for name, option in options().items()}


@cache
def platforms() -> dict[str, dict[str, Any]]:
    """Return {name: row} of the platforms, each from its vars/platform_NAME.yml."""
    files = {path.stem.partition("_")[2]: path for path in sorted((_ROLE / "vars").glob("platform_*.yml"))}
    return {name: yaml.safe_load(path.read_text())["__block_structure_platform"] for name, path in files.items()}


def public_variables(task_vars: dict[str, Any], templar: Any) -> dict[str, Any]:
    """Return {name: rendered value} of the host's variables with the role's prefix."""
    return {
        name: templar.template(value) for name, value in task_vars.items() if name.startswith(PREFIX) and name not in EXPORTED
    }


def detected_platform(task_vars: dict[str, Any]) -> str | None:
    """Return the platform detected on this host, else on the first LMS host; None before detection."""
    hostvars = task_vars.get("hostvars") or {}
    for seen in (task_vars, hostvars.get(first_lms(task_vars.get("groups") or {})) or {}):
        detected = seen.get("__block_structure_detected") or {}
        if detected.get("platform"):
            return str(detected["platform"])
    return None


def _in_encrypted_file(value: Any) -> bool:
    """Return whether a raw value came from a file that is encrypted whole; only its container is marked as such."""
    path = getattr(Origin.get_tag(value), "path", None) if Origin else None
    try:
        return bool(path) and Path(str(path)).read_bytes().startswith(_VAULTED)
    except (OSError, ValueError):  # no file, but a source of another kind
        return False


def _is_hidden(value: Any) -> bool:
    """Return whether a raw value was encrypted or is a template."""
    encrypted = isinstance(value, EncryptedString) or VaultedValue.is_tagged_on(value) or _in_encrypted_file(value)
    return encrypted or "{{" in str(value)


def _specification_of(option: dict[str, Any]) -> dict[str, Any]:
    """Return an option for Ansible's validator, without a default, since every variable has a value."""
    spec: dict[str, Any] = {key: option[key] for key in ("type", "elements", "choices", "no_log") if key in option}
    if "options" in option:
        spec["options"] = {
            name: {**_specification_of(inner), "default": inner.get("default")} for name, inner in option["options"].items()
        }
    return spec


def typed(variables: dict[str, Any]) -> tuple[dict[str, Any], list[BlockStructureError]]:
    """Return the variables converted to their specified types, and an error for each that cannot be converted.

    Text comes from INI inventories, `-e name=value` and surveys. A variable may be null only if its default is null.
    """
    values, errors = dict(variables), []
    for name, option in options().items():
        if name not in variables:
            continue
        if variables[name] is None:
            if option.get("default") is not None:
                errors.append(_mistyped(name, "is null"))
            continue
        values[name], problems = _converted(name, option, variables[name])
        errors += problems
    return values, errors


def _converted(name: str, option: dict[str, Any], value: Any) -> tuple[Any, list[BlockStructureError]]:
    """Return a value as its specified type, and why it cannot be that."""
    errors = unfit(name, value)
    spec = _specification_of(option)
    # The type first: the validator of options takes for granted that it has a dictionary with text as keys.
    for part in [{**spec, "options": None}, spec] if "options" in spec else [spec]:
        if errors:
            break
        # One variable at a time: Ansible's message does not name it if the value is nested.
        try:
            checked = ArgumentSpecValidator({name: part}).validate({name: value})
        except (ArithmeticError, TypeError, ValueError):  # of `inf`, for example, where an integer is wanted
            return value, [_mistyped(name, f"cannot be read as {option['type']}")]
        errors += [_mistyped(name, f"is refused: {' '.join(message.split())}") for message in checked.error_messages]
        value = checked.validated_parameters[name]
    # What was text may have become a number, or a dictionary.
    return value, errors or unfit(name, value)


def _mistyped(name: str, problem: str) -> BlockStructureError:
    return BlockStructureError("variable-type", f"{name} {problem}.", "give it the type in docs/variables.md.", name)


def without_secrets(values: dict[str, Any]) -> dict[str, Any]:
    """Return the typed variables without secrets, by name without the prefix, for tasks."""
    specified = options()
    return {
        name[len(PREFIX) :]: value for name, value in values.items() if name in specified and not specified[name].get("no_log")
    }


def plain_secrets(task_vars: dict[str, Any]) -> list[str]:
    """Return the secret variables that are in the inventory unencrypted."""
    return [name for name in SECRET_VARIABLES if task_vars.get(name) and not _is_hidden(task_vars[name])]
