"""What plugins on the controller share: the public variables of a host, rendered, and which of their secrets are in the open.

Controller only: it needs Ansible itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.vault import EncryptedString, VaultedValue

from ..module_utils.common.errors import BlockStructureError
from ..module_utils.decisions.desired import PREFIX, SECRET_VARIABLES

# Set by the role itself, under the public prefix because operators read it.
EXPORTED = (
    "block_structure_result",
    "block_structure_benchmark_result",
    "block_structure_profile_result",
    "block_structure_diagnosis",
)
_ROLE = Path(__file__).resolve().parents[2] / "roles" / "block_structure"
_SPECIFICATION = _ROLE / "meta" / "argument_specs.yml"

try:  # no public name exists yet for "this value came out of an encrypted file" (ansible-core 2.19)
    from ansible._internal._datatag._tags import SourceWasEncrypted
except ImportError:
    SourceWasEncrypted = None


def options() -> dict[str, dict[str, Any]]:
    """Return the specification of every public variable, by name: those of a site, then the arguments of each verb."""
    specification = yaml.safe_load(_SPECIFICATION.read_text())["argument_specs"]
    return {name: option for entry in specification.values() for name, option in entry["options"].items()}


def defaults() -> dict[str, Any]:
    """Return the default of every public variable."""
    return {name: option.get("default") for name, option in options().items()}


def platforms() -> dict[str, dict[str, Any]]:
    """Return {name: row} of the platforms, each from the head of its vars/platform_NAME.yml."""
    files = {path.stem.partition("_")[2]: path for path in sorted((_ROLE / "vars").glob("platform_*.yml"))}
    return {name: yaml.safe_load(path.read_text())["__block_structure_platform"] for name, path in files.items()}


def public_variables(task_vars: dict[str, Any], templar: Any) -> dict[str, Any]:
    """Return {name: rendered value} of every variable of ours that the host has."""
    return {
        name: templar.template(value) for name, value in task_vars.items() if name.startswith(PREFIX) and name not in EXPORTED
    }


def detected_platform(task_vars: dict[str, Any]) -> str | None:
    """Return the platform that was detected on this host, for a memcached host on the first LMS host; None before it was."""
    first_lms = list(task_vars.get("groups", {}).get("block_structure_lms", []))[:1]
    hostvars = task_vars.get("hostvars") or {}
    for seen in (task_vars, *(hostvars.get(name) or {} for name in first_lms)):
        detected = seen.get("__block_structure_detected") or {}
        if detected.get("platform"):
            return str(detected["platform"])
    return None


def _is_hidden(value: Any) -> bool:
    """Return whether a raw value was encrypted, or comes from elsewhere by a template."""
    tags = [VaultedValue] + ([SourceWasEncrypted] if SourceWasEncrypted else [])
    return isinstance(value, EncryptedString) or "{{" in str(value) or any(tag.is_tagged_on(value) for tag in tags)


def type_errors(variables: dict[str, Any]) -> list[BlockStructureError]:
    """Return an error for each variable whose type or choice is not the specified one, in Ansible's words."""
    names = ("type", "elements", "choices", "default", "no_log")
    spec = {name: {key: option[key] for key in names if key in option} for name, option in options().items()}
    known = {name: value for name, value in variables.items() if name in spec and value is not None}
    return [
        BlockStructureError("variable-type", f"{message}.", "give it the type that the README's table of variables names.")
        for message in ArgumentSpecValidator(spec).validate(known).error_messages
    ]


def plain_secrets(task_vars: dict[str, Any]) -> list[str]:
    """Return the secret variables that stand in the inventory as they are."""
    return [name for name in SECRET_VARIABLES if task_vars.get(name) and not _is_hidden(task_vars[name])]
