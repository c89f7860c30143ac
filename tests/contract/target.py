"""The platform that the contract is held against: how to run its manage.py, and nothing else of it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .releases import ContractRelease, release_row

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).parent / "contract_program"
MARK = "BLOCK_STRUCTURE_CONTRACT "
PREFIX = "BLOCK_STRUCTURE_CONTRACT_"
NEEDED = ("PYTHON", "MANAGE", "SETTINGS", "LMS_CFG", "RELEASE")
TIMEOUT_SECONDS = 600
# How long a command that took longer may need to remove what it made, before it is killed.
CLEANUP_SECONDS = 60

# One statement, so that it works in every Django's shell: the package is unpacked and asked for the rows.
LOADER = """
import json, sys, types
def load(sources, names, needs_long_keys):
    for name in sources:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["contract_program"].__path__ = []
    for name, source in sources.items():
        exec(compile(source, name, "exec"), sys.modules[name].__dict__)
    sys.modules["contract_program.session"].main(names, needs_long_keys)
"""


class UnusablePlatformError(Exception):
    """The platform cannot show the rows at all; the message has one line of cause and one of remedy."""


@dataclass(frozen=True)
class Finished:
    """A command that ended: its exit code, and everything that it wrote."""

    code: int
    out: str
    err: str

    def says(self, text: str) -> bool:
        """Return whether the command wrote the text anywhere."""
        return text in self.out or text in self.err


@dataclass(frozen=True)
class Target:
    """A platform.

    release: its row of the release table.
    python, manage, settings, lms_cfg: interpreter, manage.py, name of the settings module, path of the LMS's YAML.
    prefix: words in front of every command, for example to change the user or the host.
    cwd: working folder on this machine, or None.
    cms_cfg: path of Studio's settings file, None where Studio is not asked.
    """

    release: ContractRelease
    python: str
    manage: str
    settings: str
    lms_cfg: str
    prefix: tuple[str, ...] = ()
    cwd: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    cms_cfg: str | None = None

    def run(self, argv: Iterable[str], stdin: str = "") -> Finished:
        """Run a command on the platform's host."""
        with subprocess.Popen(
            [*self.prefix, "env", *(f"{name}={value}" for name, value in self.environment.items()), *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.cwd,
        ) as process:
            try:
                out, err = process.communicate(stdin, timeout=TIMEOUT_SECONDS)
            except BaseException:
                # Also when pytest is interrupted. The program removes its course on SIGTERM.
                process.terminate()
                try:
                    process.communicate(timeout=CLEANUP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise
        return Finished(process.returncode, out, err)

    def manage_lms(self, *arguments: str, stdin: str = "", lms_cfg: str | None = None) -> Finished:
        """Run `manage.py lms`, with the YAML of the platform or another."""
        return self._manage("lms", [self.names_settings(lms_cfg or self.lms_cfg)], arguments, stdin)

    def manage_cms(self, *arguments: str, stdin: str = "", named_by: Iterable[str]) -> Finished:
        """Run `manage.py cms`; named_by: the assignments that name a settings file."""
        return self._manage("cms", named_by, arguments, stdin)

    def _manage(self, system: str, named_by: Iterable[str], arguments: Iterable[str], stdin: str) -> Finished:
        message = [self.python, self.manage, system, f"--settings={self.settings}", *arguments]
        return self.run(["env", *named_by, *message], stdin)

    def names_settings(self, path: str, system: str = "lms") -> str:
        """Return the assignment that has a system read a settings file: by its path, or by its folder for a pair of files."""
        pair = self.release.config_format == "json"
        return f"{self.release.config_env[system]}={Path(path).parent if pair else path}"

    def observe(
        self, names: Iterable[str], lms_cfg: str | None = None, *, needs_long_keys: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Observe rows in one process; return the outcome of each: {"value": ...} or {"error": traceback}.

        needs_long_keys: observe nothing if the platform cannot hash long cache keys.
        Raises UnusablePlatformError in that case, RuntimeError if the course could not be removed afterwards.
        """
        names = list(names)
        done = self.manage_lms("shell", stdin=program(names, needs_long_keys), lms_cfg=lms_cfg)
        outcomes = [json.loads(line[len(MARK) :]) for line in done.out.splitlines() if line.startswith(MARK)]
        for outcome in outcomes:
            if "unusable" in outcome:
                raise UnusablePlatformError(self._no_long_keys(outcome["unusable"], lms_cfg or self.lms_cfg))
        rows = {outcome.pop("row"): outcome for outcome in outcomes}
        if done.code and set(names) <= set(rows):
            raise RuntimeError(
                f"The observations ended with exit code {done.code}, so their course may still exist: {done.err[-4000:]}\n"
                "Remedy: delete the courses of the organization BlockStructureContract."
            )
        missing = {"error": f"exit code {done.code}\n{done.err[-4000:]}"}
        return {name: rows.get(name, missing) for name in names}

    def _no_long_keys(self, cause: str, lms_cfg: str) -> str:
        feature = f"set FEATURES.ENABLE_BLAKE2B_HASHING to true in {lms_cfg}, or " if self.release.blake2b_feature else ""
        return (
            f"{self.release.name} cannot hash long cache keys here: {cause}.\n"
            f"Remedy: {feature}activate the legacy provider of OpenSSL, and run again."
        )

    @contextmanager
    def with_settings(self, changes: Mapping[str, Any], system: str = "lms") -> Iterator[str]:
        """Yield the path of a copy of a system's settings file with these top-level keys instead of its own.

        FEATURES is merged, because the platform needs the site's other features to start; every other key is replaced. The copy
        has the site's secrets, so it is removed at the end.
        """
        tokens = self.read(self.lms_cfg if system == "lms" else str(self.cms_cfg))
        if "FEATURES" in changes:
            changes = {**changes, "FEATURES": {**(tokens.get("FEATURES") or {}), **changes["FEATURES"]}}
        made = self.run(["mktemp", "--directory", "/tmp/block-structure-contract.XXXXXX"])
        folder = made.out.strip()
        if made.code or not folder:
            raise RuntimeError(f"No private folder could be made under /tmp: {made.err.strip()}\nRemedy: free space there.")
        try:
            path = f"{folder}/{file_name(self.release, system)}"
            self.write(path, {**tokens, **changes})
            yield path
        finally:
            self.run(["rm", "--recursive", folder])

    def read(self, path: str) -> dict[str, Any]:
        """Return the keys of a settings file, and of the one beside it that completes a pair."""
        # YAML takes JSON too.
        return {key: value for part in self.parts(path) for key, value in yaml.safe_load(self.run(["cat", part]).out).items()}

    def write(self, path: str, tokens: Mapping[str, Any]) -> None:
        """Write a settings file, for its owner alone; the second one of a pair stays empty."""
        dump = json.dumps if self.release.config_format == "json" else yaml.safe_dump
        for number, part in enumerate(self.parts(path)):
            command = f"umask 077 && mkdir -p {shlex.quote(str(Path(part).parent))} && cat > {shlex.quote(part)}"
            done = self.run(["/bin/sh", "-c", command], dump({} if number else dict(tokens)))
            if done.code:
                raise RuntimeError(f"{part} could not be written: {done.err.strip()}\nRemedy: free space there.")

    def parts(self, path: str) -> list[str]:
        """Return the files that a settings file consists of."""
        return [path, path.replace(".env.json", ".auth.json")] if self.release.config_format == "json" else [path]


def file_name(release: ContractRelease, system: str = "lms") -> str:
    """Return the name of a system's settings file on a native installation."""
    return Path(release.config_files[system]).name


def program(names: list[str], needs_long_keys: bool) -> str:
    """Return the program that observes the rows, as one line for the shell's standard input."""
    first = ["__init__", "harness", "course"]
    stems = first + sorted({path.stem for path in PROGRAM.glob("*.py")} - set(first))
    paths = {f"contract_program.{stem}".removesuffix(".__init__"): PROGRAM / f"{stem}.py" for stem in stems}
    sources = {name: path.read_text() for name, path in paths.items()}
    text = f"{LOADER}\nload({sources!r}, {names!r}, {needs_long_keys!r})"
    return f"exec(compile({text!r}, 'contract', 'exec'), {{'__name__': 'contract'}})\n"


def from_environment() -> Target | None:
    """Return the platform that the environment names, or None. Some but not all of its variables is an error."""
    given = {name: os.environ.get(PREFIX + name, "") for name in (*NEEDED, "PREFIX", "CWD", "USER", "CMS_CFG")}
    if not any(given[name] for name in NEEDED):
        return None
    missing = [PREFIX + name for name in NEEDED if not given[name]]
    if missing:
        raise RuntimeError(f"The platform is named in part only.\nRemedy: set {', '.join(missing)} too.")
    user = ("runuser", "--user", given["USER"], "--") if given["USER"] else ()
    return Target(
        release=release_row(given["RELEASE"]),
        python=given["PYTHON"],
        manage=given["MANAGE"],
        settings=given["SETTINGS"],
        lms_cfg=given["LMS_CFG"],
        prefix=(*shlex.split(given["PREFIX"]), *user),
        cwd=given["CWD"] or None,
        cms_cfg=given["CMS_CFG"] or None,
    )
