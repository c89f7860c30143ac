"""What Tutor adds to the settings of LMS and Studio: as patches, and as the role's plugin, one YAML file with these patches.

The plugin that pip installs (scripts/block_structure_tutor) gives Tutor the same patches. A plugin in YAML (name, version,
patches) is read by every Tutor from 3 to 22, and the patch `openedx-common-settings` is part of both systems' settings in each
of them (Tutor's tutor/plugins and templates/apps/openedx/settings/partials/common_all.py, read and run in each series). Tutor
renders patches with Jinja, so the role's strings must not contain braces.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "block_structure"
PATCH = "openedx-common-settings"
# Settings of the LMS's web and Celery workers, but not of Studio.
LMS_PATCH = "openedx-lms-production-settings"
# Last lines of the configuration of Tutor's Redis.
REDIS_PATCH = "redis-conf"
_NOTE = """\
# Written by the Ansible role block_structure, which replaces the whole file; a rollback removes it.
# It may hold secrets: keep its mode 0600.
"""
_HEAD = f"""\
name: {NAME}
version: 1.0.0
patches:
"""
_INDENT = "    "
_RUNTIME = "BLOCK_STRUCTURE_RUNTIME"
# Of the runtime package, in the order in which they import each other; gunicorn_hooks is for gunicorn's own file.
_MODULES = ("__init__", "reports", "collector", "keys", "worker", "celery_hooks", "settings_hooks")


def _string(text: str) -> str:
    """Return a Python literal in ASCII and without braces, with the prefix `u` where Python 2.7 needs it."""

    def escaped(character: str) -> str:
        if character in "{}\x7f" or not character.isascii():  # YAML does not allow DEL
            return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
        return character

    quoted = "".join(escaped(character) for character in json.dumps(text, ensure_ascii=False))
    # Python 2.7 knows \u only in unicode literals; Python 3 accepts the prefix too.
    return f"u{quoted}" if "\\" in quoted else quoted


def literal(value: Any, indent: str = "") -> str:
    """Return a JSON value as a Python literal, dictionaries sorted with one key per line."""
    if isinstance(value, dict):
        inner = indent + _INDENT
        lines = [f"{inner}{_string(str(name))}: {literal(item, inner)},\n" for name, item in sorted(value.items())]
        return "{\n" + "".join(lines) + indent + "}" if lines else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(item, indent) for item in value) + "]"
    if isinstance(value, str):
        return _string(str(value))
    # Through int and float: Ansible's values carry tags.
    return repr(value if value is None or isinstance(value, bool) else float(value) if isinstance(value, float) else int(value))


# Creates the modules of the package from sources in the settings: no other place in the containers works for both ways of
# running Tutor without a new image. `package` in __file__ only determines where the reports go.
_LOADER = """\
# What the LMS's workers run with (docs/runtime.md of the role block_structure).
def _block_structure_runtime(sources):
    import sys
    import types

    for name, source in sources:
        module = types.ModuleType(name)
        module.__package__ = "block_structure_runtime"
        module.__path__ = []
        module.__file__ = "/tmp/block_structure_runtime/package/" + name + ".py"
        sys.modules[name] = module
        exec(compile(source, module.__file__, "exec", 0, True), module.__dict__)
    return module
"""


@dataclass(frozen=True)
class Runtime:
    """What the LMS's workers run with. collector, keys: the choices of settings_hooks.install.

    sources: (name, text) of the modules of probe/block_structure_runtime, in the order in which they import each other; the
    last has `install`. Their text must not contain three single quotes.
    """

    collector: str
    keys: str
    sources: tuple[tuple[str, str], ...]


def sources(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return the sources of a Runtime from the folder of the package block_structure_runtime."""
    return tuple(
        (folder.name if name == "__init__" else f"{folder.name}.{name}", (folder / f"{name}.py").read_text(encoding="ascii"))
        for name in _MODULES
    )


def _prepared(wanted: Runtime) -> str:
    texts = "".join(f"    ({name!r}, r'''{text}'''),\n" for name, text in wanted.sources)
    given = {"collector": wanted.collector, "keys": wanted.keys}
    return (
        f"{_RUNTIME} = {given!r}\n{{% raw %}}\n{_LOADER}_block_structure_runtime([\n{texts}"
        f"]).install(**{_RUNTIME})\n{{% endraw %}}\n"
    )


def _indented(text: str) -> str:
    return "".join(f"{_INDENT}{line}\n" if line else "\n" for line in text.splitlines())


def patches(
    settings: dict[str, dict[str, Any]],
    runtime: Runtime | None = None,
    packages: str | None = None,
    environment: dict[str, str] | None = None,
    redis: str | None = None,
) -> dict[str, str]:
    """Return {name of a patch: text}, which updates the named dictionaries of the platform's settings, such as FEATURES.

    settings: {name of a dictionary in the settings: {key: value}}. runtime: None leaves the LMS's workers alone.
    packages: directory in the containers to add to sys.path. environment: variables for every process that reads the settings.
    redis: lines of redis.conf.
    """
    statements = [f"import os\nos.environ.update({literal(environment)})"] if environment else []
    statements += [f"import sys\nsys.path.append({_string(packages)})"] if packages else []
    statements += [f"{name}.update({literal(value)})" for name, value in sorted(settings.items())]
    found = {PATCH: "\n".join(statements)}
    if runtime:
        found[LMS_PATCH] = _prepared(runtime)
    if redis:
        found[REDIS_PATCH] = redis
    return found


def render(
    settings: dict[str, dict[str, Any]],
    runtime: Runtime | None = None,
    packages: str | None = None,
    environment: dict[str, str] | None = None,
    note: str = _NOTE,
    redis: str | None = None,
) -> str:
    """Return the role's plugin with the patches of these arguments. note: comment lines at its top."""
    named = patches(settings, runtime, packages, environment, redis).items()
    return note + _HEAD + "".join(f"  {name}: |\n{_indented(text)}" for name, text in named)


def runtime_of(text: str) -> dict[str, Any] | None:
    """Return {"collector", "keys"} of a plugin or of rendered settings, None if they leave the LMS's workers alone."""
    found = re.search(rf"^(?:{_INDENT})?{_RUNTIME} = (.*)$", text, re.MULTILINE)
    try:
        answer: dict[str, Any] | None = ast.literal_eval(found[1]) if found else None
    except (ValueError, SyntaxError):
        return None
    return answer


def parse(text: str) -> dict[str, dict[str, Any]]:
    """Return the settings of a rendered plugin, its environment as os.environ, without what it does not recognise."""
    own = text.partition(f"  {PATCH}: |\n")[2].partition(f"  {LMS_PATCH}: |\n")[0]
    return updates(re.sub(rf"^{_INDENT}", "", own, flags=re.MULTILINE))


def updates(source: str) -> dict[str, dict[str, Any]]:
    """Return {name: what it is updated with} of the statements NAME.update({literals}) at the top of Python settings."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for node in tree.body:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "update":
            try:
                value = ast.literal_eval(call.args[0])
            except (ValueError, IndexError):
                continue
            if isinstance(value, dict):
                found.setdefault(ast.unparse(call.func.value), {}).update(value)
    return found
