"""The operator's command-line tool: runs the playbooks and renders their reports. Decisions are made in plugins/."""

from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[1]
_INSTALLED = _BESIDE / "ansible_collections" / "openedx_operators" / "block_structure"
# The collection: where pip installed it, else the clone.
IN_CLONE = not _INSTALLED.is_dir()
ROOT = _BESIDE.parent if IN_CLONE else _INSTALLED
