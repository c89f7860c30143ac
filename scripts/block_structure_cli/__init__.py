"""The operator's command-line tool: runs the playbooks and renders their reports. Decisions are made in plugins/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
