"""Find the Tutor plugins whose patches set something, whatever kind of plugin they are: Tutor renders without each of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

SETTINGS = "env/apps/openedx/settings"
OURS = "block_structure"


def _tutor(argv: list[str], *words: str) -> bool:
    ended = subprocess.run(
        [*argv, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return ended.returncode == 0


def _lines(root: Path, key: str) -> list[tuple[str, str]]:
    """Return the lines of the rendered settings that have the key, each with its file."""
    files = sorted((root / SETTINGS).glob("*/*.py"))
    return [(str(path), line) for path in files for line in path.read_text("utf-8", "replace").splitlines() if key in line]


def setting(argv: list[str], root: str, plugins: list[str], key: str) -> list[str]:
    """Return the names of those enabled plugins without which the rendered settings mention a key less often.

    argv: runs Tutor with `root`, which is a copy that nobody uses: its plugins are disabled in turn. A plugin without which
    Tutor does not render is left out.
    """
    before, found = _lines(Path(root), key), []
    for name in plugins:
        if name == OURS:
            continue
        if _tutor(argv, "plugins", "disable", name):
            if _tutor(argv, "config", "save") and len(_lines(Path(root), key)) < len(before):
                found.append(name)
            _tutor(argv, "plugins", "enable", name)
    return found
