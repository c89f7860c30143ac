"""The operator's command-line tool: it runs the playbooks and renders what they report. Decisions are in plugins/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
