"""Start the command: the entry point of the wheel, and of scripts/block-structure in a clone. Runs under any Python 3."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

from . import environment


def main() -> None:
    """Check the environment, then run the command."""
    if sys.version_info < environment.OLDEST_PYTHON:
        needed = ".".join(map(str, environment.OLDEST_PYTHON))
        environment.refuse(
            f"This command needs Python {needed} or later; {sys.executable} is {sys.version.split()[0]}.",
            f"install Python {needed} or later, and this command again with it.",
        )
    absent = environment.missing(None)
    if absent:
        environment.refuse(
            f"{sys.executable} has no {', '.join(absent)}, which this command needs.", environment.remedy(absent)
        )
    # Use the ansible-playbook next to this Python, even if its environment is not activated.
    programs = Path(sys.executable).parent
    if (programs / "ansible-playbook").exists():
        os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        import_module(f"{__package__}.main").main(prog_name="block-structure")
    except ModuleNotFoundError as error:
        extra = environment.extra_of(error.name)
        if extra is None:
            raise
        environment.refuse(*environment.missing_extra(extra))
