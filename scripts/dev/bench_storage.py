"""Time the cold read of a structure: plain S3 at several latencies against the local copy of the resilient class.

The S3 API of the sandbox runs in a process of its own on loopback; latency is added to each request. What a learner waits
for after the read (unpickling above all) is the same for both, and not measured here. The last line is one JSON object.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django.conf
from django.core.files.base import ContentFile

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles/block_structure/files/block_structure_storage"))
from block_structure_storage import storage

ROOT = Path(__file__).resolve().parents[2]
SERVER = [sys.executable, "-m", "sandbox_s3.loopback"]
KWARGS = {
    "access_key": "AKIAIOSFODNN7EXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "bucket_name": "example-bench",
    "region_name": "us-east-1",
    "addressing_style": "path",
    "default_acl": None,
}
LATENCIES_MS = (0, 20, 100)
BYTES = 3_000_000
READS = 15
NAME = "block_structures/course/2026-11-24-033000-123456"


def median_ms(read: Callable[[], bytes]) -> float:
    """Return the median of the reads, the first one (which opens the connection) left out."""
    times = []
    for _ in range(READS + 1):
        start = time.perf_counter()
        assert len(read()) == BYTES
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[1:])


def main() -> None:
    """Measure and print."""
    django.conf.settings.configure()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "molecule/images/s3")}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(SERVER, stdout=subprocess.PIPE, text=True, env=environment) as server,
    ):
        try:
            assert server.stdout is not None
            api, control = server.stdout.readline().split()
            kwargs = {**KWARGS, "endpoint_url": f"http://127.0.0.1:{api}"}
            plain: Any = storage.ReleaseS3Storage(**kwargs)
            plain.connection.create_bucket(Bucket=kwargs["bucket_name"])
            resilient: Any = storage.ResilientS3Storage(
                **kwargs, local_directory=folder, budget_seconds=60, read_timeout_seconds=60, connect_timeout_seconds=60
            )
            resilient.save(NAME, ContentFile(os.urandom(BYTES)))
            report: dict[str, Any] = {"bytes": BYTES, "reads": READS, "plain_ms": {}}
            for latency in LATENCIES_MS:
                order = json.dumps({"kind": "delay", "seconds": latency / 1000}).encode()
                urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{control}/", order, method="PUT"), timeout=10)
                report["plain_ms"][latency] = round(median_ms(lambda: plain.open(NAME).read()), 2)
                print(f"plain S3 at {latency} ms a request: {report['plain_ms'][latency]:.2f} ms", flush=True)
            report["local_ms"] = round(median_ms(lambda: resilient.open(NAME).read()), 2)
            print(f"local copy: {report['local_ms']:.2f} ms", flush=True)
            for latency, milliseconds in report["plain_ms"].items():
                report[f"cold_read_ratio_plain_to_local_{latency}ms"] = round(milliseconds / report["local_ms"], 1)
        finally:
            server.terminate()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
