"""The real Tutor of a series, installed once into .cache/tutor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SERIES: dict[int, list[str]] = yaml.safe_load((ROOT / "molecule/tutor/vars.yml").read_text())["tutor_series"]
# pkg_resources, with which Tutor loads plugins up to 17, asks for what a package requires.
REQUIRED = Path(yaml.__file__).resolve().parents[1]


def pip_install(folder: Path, *what: str | Path) -> Path:
    """Return a folder into which pip installed something, without what it requires."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "--target", folder, *what], check=True)
    return folder


def others_plugin(name: str, series: int) -> Path:
    """Return a folder with the real plugin of others for a series, installed once."""
    folder = ROOT / ".cache" / "tutor" / f"{name}-{series}"
    return folder if folder.exists() else pip_install(folder, f"{name}>={series},<{series + 1}")


class Tutor:
    """The real Tutor of one series, with a root and plugins of its own."""

    def __init__(self, series: int, folder: Path, *more: Path) -> None:
        """more: directories with further packages."""
        self.series = series
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        self.packages = ROOT / ".cache" / "tutor" / f"{series}-{version}"
        subprocess.run([ROOT / "molecule/tutor/install", self.packages, version, *SERIES[series]], check=True)
        self.path = os.pathsep.join(map(str, (self.packages, *more)))
        self.root = folder / "root"
        self.plugins = folder / "plugins"
        self.plugins.mkdir()

    def end(self, *message: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Return how one command ended."""
        own = {**os.environ, "PYTHONPATH": self.path, "TUTOR_PLUGINS_ROOT": str(self.plugins), **environment}
        program = "from tutor.commands.cli import main; main()"
        argv = [sys.executable, "-S", "-c", program, "--root", str(self.root), *message]
        return subprocess.run(argv, env=own, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def run(self, *message: str) -> str:
        """Return the last line of what one command says."""
        ended = self.end(*message)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return (ended.stdout.strip().splitlines() or [""])[-1]

    def settings(self, system: str) -> dict[str, Any]:
        """Return what the rendered settings of a system come to when they are executed."""
        program = ROOT / "tests/tutor/execute_settings.py"
        ended = subprocess.run(
            [sys.executable, program, self.root / "env", system], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer
