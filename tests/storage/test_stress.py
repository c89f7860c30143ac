"""The short form of the stress run; scripts/dev/stress_storage.py says what it does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "dev" / "stress_storage.py"


def test_nothing_is_lost_wrong_or_undocumented_under_faults_and_kills() -> None:
    command = [sys.executable, str(SCRIPT), "--seconds=12", "--processes=2", "--threads=3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["lost"], result["wrong"], result["undocumented"]) == (0, 0, 0)
    # It met what it is there to meet.
    assert result["courses"] and result["kills"] and result["spooled"] and result["reads"] > result["not_found"]
