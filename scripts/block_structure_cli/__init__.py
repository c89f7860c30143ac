"""The operator's command-line tool: it runs the playbooks and renders what they report. Decisions live in module_utils."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Ansible ships module_utils to hosts; on the controller the package needs a place on the path.
sys.path.insert(0, str(ROOT / "roles" / "block_structure" / "module_utils"))
