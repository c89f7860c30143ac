"""The catalogue of messages: every refusal and finding of the project, read from the code and the tasks that raise it.

A message is written where its facts are, so the catalogue is collected and never copied: calls of BlockStructureError and
Finding in plugins/ and in Tutor's plugin, and tasks that use the action `refuse`. What is filled in at run time is `…`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REFUSE = "openedx_operators.block_structure.refuse"
FIELDS = {
    "BlockStructureError": ("identifier", "cause", "remedy", "variable"),
    # Of the probe, which cannot import the other one.
    "SelectionError": ("identifier", "cause", "remedy"),
    "Finding": ("identifier", "severity", "cause", "remedy", "variable"),
}


@dataclass(frozen=True, order=True)
class Message:
    """One message: its stable identifier, and cause, remedy and variable as far as the code fixes them."""

    identifier: str
    severity: str
    cause: str
    remedy: str
    variable: str


class Source:
    """One Python file whose constants are known, so that a message may name one."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text())
        assigned = (node for node in self.tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant))
        self.constants = {
            target.id: str(node.value.value)
            for node in assigned
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant)
        }

    def text(self, node: ast.expr | None) -> str:
        """Return the text of an argument, with `…` for each part that is known only at run time."""
        if isinstance(node, ast.Constant):
            return "" if node.value is None else str(node.value)
        if isinstance(node, ast.Name):
            return self.constants.get(node.id, "…")
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(map(self.text, node.values))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return re.sub(r"%[a-z]", "…", self.text(node.left))
        if isinstance(node, ast.BinOp):
            return self.text(node.left) + self.text(node.right)
        return "" if node is None else "…"

    def message(self, call: ast.Call) -> Message | None:
        """Return the message that a call makes, None for a call that makes none."""
        name = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
        if name not in FIELDS or len(call.args) < 3:
            return None
        given = dict(zip(FIELDS[name], call.args, strict=False))
        given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in FIELDS[name]})
        if not isinstance(given["identifier"], ast.Constant):
            return None
        texts = {field: self.text(given.get(field)) for field in ("cause", "remedy", "variable")}
        severity = self.text(given["severity"]) if "severity" in given else "error"
        return Message(self.text(given["identifier"]), severity, **texts)

    def messages(self) -> Iterator[Message]:
        """Yield every message of the file."""
        for node in ast.walk(self.tree):
            found = self.message(node) if isinstance(node, ast.Call) else None
            if found:
                yield found


def _of_tasks(tasks: Any) -> Iterator[Message]:
    """Yield the messages of a list of tasks, those of its blocks included."""
    for task in tasks or []:
        for part in ("block", "rescue", "always"):
            yield from _of_tasks(task.get(part))
        if REFUSE in task:
            shown = {
                name: re.sub(r"\{\{.*?\}\}", "…", str(task[REFUSE].get(name, ""))) for name in ("cause", "remedy", "variable")
            }
            yield Message(task[REFUSE]["id"], "error", **shown)


def collect(root: Path) -> list[Message]:
    """Return every message of a checkout, by identifier; one that several places raise alike is listed once."""
    found: set[Message] = set()
    for folder in ("plugins", "scripts/block_structure_tutor"):
        for path in (root / folder).rglob("*.py"):
            found.update(Source(path).messages())
    for path in (root / "roles" / "block_structure" / "tasks").rglob("*.yml"):
        found.update(_of_tasks(yaml.safe_load(path.read_text())))
    return sorted(found)


@dataclass(frozen=True, order=True)
class Refusal:
    """What the command line says when it ends without a report: cause, remedy, and the name of its exit code."""

    code: str
    cause: str
    remedy: str


CODES = ("USAGE", "ENVIRONMENT", "REFUSED", "INTERRUPTED")


def _refusal(source: Source, call: ast.Call) -> Refusal | None:
    """Return what a call of Failure or Problem says; None for other calls, and for words that come from elsewhere."""
    name = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
    if name not in ("Failure", "Problem"):
        return None
    given = dict(zip(("cause", "remedy", "code"), call.args, strict=False))
    given.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
    cause, remedy = (source.text(given.get(field)) for field in ("cause", "remedy"))
    code = given.get("code")
    said = (getattr(code, "id", None) or getattr(code, "attr", None)) if code else "ENVIRONMENT"
    if said not in CODES or not cause.strip("… ") or not remedy.strip("… "):
        return None
    return Refusal(str(said), cause, remedy)


def refusals(root: Path) -> list[Refusal]:
    """Return every refusal of the command line itself, by exit code; those of the role are messages."""
    found: set[Refusal] = set()
    for path in (root / "scripts" / "block_structure_cli").rglob("*.py"):
        source = Source(path)
        calls = (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
        found.update(refusal for call in calls if (refusal := _refusal(source, call)))
    return sorted(found, key=lambda one: (CODES.index(one.code), one.cause, one.remedy))
