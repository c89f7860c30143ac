"""`doctor`: say what this command has and what it lacks, with the command that brings it. Contacts no host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from .. import ROOT, environment, output
from ..exits import ENVIRONMENT
from ..options import document_format_option
from ..version import version

_INDENT = " " * 8  # the width of the first column


@dataclass(frozen=True)
class Check:
    """One thing that the command needs. needed_for: empty where every command needs it. remedy: empty where it is there."""

    name: str
    found: str
    needed_for: str
    remedy: str

    @property
    def lacking(self) -> bool:
        """Return whether it is missing and every command needs it."""
        return bool(self.remedy) and not self.needed_for


def _ansible() -> Check:
    from importlib import metadata

    import yaml
    from packaging.specifiers import SpecifierSet

    wanted = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    found = metadata.version("ansible-core")
    fits = found in SpecifierSet(wanted)
    return Check("ansible-core", found, "", "" if fits else environment.remedy([f"ansible-core{wanted}"]))


def _program(name: str, needed_for: str, remedy: str) -> Check:
    path = shutil.which(name)
    return Check(name, path or "missing", needed_for, "" if path else remedy)


def _extra(extra: str) -> Check:
    absent = environment.missing(extra)
    found = f"without {', '.join(absent)}" if absent else "complete"
    return Check(f"extra '{extra}'", found, environment.PURPOSES[extra], environment.remedy(absent) if absent else "")


def _collections(galaxy_program: str) -> Iterator[Check]:
    """Ask Ansible itself, as each run does, which collections it finds.

    galaxy_program: with its path, because pipx links no program but our own.
    """
    import yaml
    from packaging.specifiers import SpecifierSet

    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    listed = subprocess.run(
        [galaxy_program, "collection", "list", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
    )
    folders = json.loads(listed.stdout) if listed.returncode == 0 else {}
    found = {name: entry["version"] for folder in folders.values() for name, entry in folder.items()}
    own = f"{galaxy['namespace']}.{galaxy['name']}"
    yield Check(
        own, found.get(own, "missing"), "", "" if own in found else "install this command again; its collection is incomplete."
    )
    for name, wanted in galaxy["dependencies"].items():
        has = found.get(name)
        fits = has is not None and has in SpecifierSet(wanted)
        remedy = f"run `{galaxy_program} collection install '{name}:{wanted}'`."
        yield Check(name, has or "missing", environment.PURPOSES["s3"], "" if fits else remedy)


def checks() -> Iterator[Check]:
    """Return every check in the order in which one needs them."""
    yield Check("block-structure", version(), "", "")
    yield Check("Python", f"{sys.version.split()[0]} ({sys.executable})", "", "")
    yield _ansible()
    yield _program("ansible-playbook", "", environment.remedy(["ansible-core"]))
    program = shutil.which("ansible-galaxy")
    if program:
        yield from _collections(program)
    yield _program("ssh", "hosts that are reached by SSH", "install it (Debian, Ubuntu: apt-get install openssh-client).")
    for extra in environment.PURPOSES:
        yield _extra(extra)


@click.command()
@document_format_option
def command(form: str) -> None:
    """Say what is installed and what is missing, and how to get it.

    Ends with 3 if something is missing that every command needs, else with 0.

    \b
    Example:
      block-structure doctor
    """
    found = list(checks())
    complete = not any(check.lacking for check in found)
    if form == "json":
        output.print_json({"checks": [asdict(check) for check in found], "complete": complete})
    else:
        for check in found:
            use = f", for {check.needed_for}" if check.remedy and check.needed_for else ""
            output.say(f"{'missing' if check.remedy else 'ok':8}{check.name}: {check.found}{use}", rest=_INDENT)
            if check.remedy:
                output.say(f"Remedy: {check.remedy}", first=_INDENT, rest=f"{_INDENT}  ")
    if not complete:
        sys.exit(ENVIRONMENT)
