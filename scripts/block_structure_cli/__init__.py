"""The operator's command-line tool: it runs the playbooks and renders what they report. Decisions are in plugins/."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def version() -> str:
    """Return the version of the collection that this tool runs, as galaxy.yml states it."""
    return str(yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"])
