"""The libraries that this command needs, and the command that installs what is missing. Imports none of them."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Iterable

from . import IN_CLONE, ROOT

ENVIRONMENT = 3  # as exits.ENVIRONMENT, which needs click
OLDEST_PYTHON = (3, 11)
# Module -> its package, by extra of the wheel; None is the wheel itself. tests/install holds them to pyproject.toml.
LIBRARIES: dict[str | None, dict[str, str]] = {
    None: {
        "ansible": "ansible-core",
        "ansible_runner": "ansible-runner",
        "click": "click",
        "rich": "rich",
        "yaml": "pyyaml",
    },
    "report": {
        "gprof2dot": "gprof2dot",
        "jinja2": "jinja2",
        "jsonschema": "jsonschema",
        "numpy": "numpy",
    },
    "load": {"locust": "locust"},
    "s3": {"boto3": "boto3"},
}
# What each extra is for.
PURPOSES = {
    "report": "report and benchmark, and the pictures of profile",
    "load": "the load test of benchmark",
    "s3": "creating and configuring the bucket",
}
# Commands that need an extra from their first step on; they load it late, and would do half of their work without it.
COMMANDS = {"benchmark": "report", "profile": "report", "report": "report"}


def missing(extra: str | None) -> list[str]:
    """Return the packages of an extra that cannot be imported here."""
    return [package for module, package in LIBRARIES[extra].items() if find_spec(module) is None]


def extra_of(module: str | None) -> str | None:
    """Return the extra that brings a module, None if none does."""
    top = (module or "").partition(".")[0]
    return next((extra for extra, modules in LIBRARIES.items() if extra and top in modules), None)


def install_command(packages: Iterable[str]) -> str:
    """Return the command that adds packages to the environment of this command."""
    wanted = " ".join(shlex.quote(package) for package in packages)
    if (Path(sys.prefix) / "pipx_metadata.json").exists():
        return f"pipx inject block-structure {wanted}"
    if find_spec("pip") is None:
        return f"uv pip install --python {sys.executable} {wanted}"
    return f"{sys.executable} -m pip install {wanted}"


def remedy(packages: Iterable[str]) -> str:
    """Return how to add packages, as a remedy."""
    # Outside of a virtual environment pip may refuse to install, as on Debian.
    if IN_CLONE and sys.prefix == sys.base_prefix:
        return f"run `{ROOT}/scripts/dev/setup python`, which creates an environment with everything that it needs."
    return f"run `{install_command(packages)}`."


def missing_extra(extra: str) -> tuple[str, str]:
    """Return cause and remedy for a command whose extra is not installed."""
    packages = missing(extra)
    return f"{sys.executable} has no {', '.join(packages)}, for {PURPOSES[extra]}.", remedy(packages)


def refuse(cause: str, remedied_by: str) -> None:
    """Print cause and remedy, and exit with the code for an incomplete environment."""
    print(f"{cause}\nRemedy: {remedied_by}", file=sys.stderr)
    sys.exit(ENVIRONMENT)
