"""Run a script as an operator does: in a separate process, without a terminal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str, root: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a checkout with some variables set."""
    return subprocess.run(
        [str(root / argv[0]), *argv[1:]],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
