"""Time the cold read of a structure: plain S3 at several latencies against the local copy of the resilient class.

The sandbox's S3 API runs in a separate process on loopback, with latency added to each request. The work after the read
(mainly unpickling) is the same for both and not measured. Then local copies alone: the overhead of a read over reading the
file, and the time of a write, with few and many copies. The last line is one JSON object.

| key                         | meaning (medians)                                                                         |
|-----------------------------|-------------------------------------------------------------------------------------------|
| plain_ms, local_ms          | reading 3 MB from S3 at each added latency (ms), and from the local copy                  |
| local_read_overhead_us_N    | `open().read()` of a 20 kB copy minus reading its file, among N copies; includes the       |
|                             | check of digest and signature                                                             |
| local_write_ms_N            | keeping a copy of 20 kB, among N copies                                                   |
| sign_ms_3mb                 | digest and signature of 3 MB                                                              |
"""

from __future__ import annotations

import functools
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
from block_structure_storage import envelope, signing, storage

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
COPIES = (100, 50_000)
COPY_BYTES = 20_000  # a course of about a hundred blocks
FILLER_BYTES = 100  # of the copies that only fill the directory
SAMPLES = 300


def milliseconds(work: Callable[[], Any]) -> float:
    """Return the time that `work` takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def read(made: Any, name: str) -> bytes:
    """Return an object as a structure's reader gets it."""
    data: bytes = made.open(name).read()
    return data


def local_side(kwargs: dict[str, Any], folder: str, copies: int) -> dict[str, float]:
    """Measure reads and writes among this number of copies, without S3."""
    made: Any = storage.ResilientS3Storage(**kwargs, local_directory=folder)
    data = os.urandom(COPY_BYTES)
    names = [f"block_structures/course{number}/2026-11-24-033000-123456" for number in range(copies + SAMPLES)]
    measured, added = names[: copies : max(1, copies // SAMPLES)][:SAMPLES], names[copies:]
    of_measured = set(measured)
    for name in names[:copies]:
        made._copies.write(name, data if name in of_measured else data[:FILLER_BYTES])
    plain, through = [], []
    for name in measured:
        path = Path(folder, "objects", made._copies.file(name))
        plain.append(milliseconds(path.read_bytes))
        through.append(milliseconds(functools.partial(read, made, name)))
    writes = [milliseconds(functools.partial(made._copies.write, name, data)) for name in added]
    overhead = statistics.median(through) - statistics.median(plain)
    return {
        f"local_read_overhead_us_{copies}": round(overhead * 1000, 1),
        f"local_write_ms_{copies}": round(statistics.median(writes), 3),
    }


def sign_ms() -> float:
    """Return the time of digest and signature of 3 MB."""
    signer, data = signing.Signing(signing.REQUIRE, [b"secret"]), os.urandom(BYTES)
    return statistics.median(milliseconds(lambda: signer.sign(NAME, envelope.digest(data))) for _ in range(READS))


def median_ms(read: Callable[[], bytes]) -> float:
    """Return the median of the reads without the first one, which opens the connection."""
    times = []
    for _ in range(READS + 1):
        start = time.perf_counter()
        assert len(read()) == BYTES
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[1:])


def main() -> None:
    """Measure and print."""
    django.conf.settings.configure(SECRET_KEY="a secret of the benchmark")
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
                **kwargs,
                local_directory=f"{folder}/cold",
                budget_seconds=60,
                read_timeout_seconds=60,
                connect_timeout_seconds=60,
            )
            resilient.save(NAME, ContentFile(os.urandom(BYTES)))
            result: dict[str, Any] = {"bytes": BYTES, "reads": READS, "plain_ms": {}}
            for latency in LATENCIES_MS:
                order = json.dumps({"kind": "delay", "seconds": latency / 1000}).encode()
                urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{control}/", order, method="PUT"), timeout=10)
                result["plain_ms"][latency] = round(median_ms(lambda: plain.open(NAME).read()), 2)
                print(f"plain S3 at {latency} ms per request: {result['plain_ms'][latency]:.2f} ms", flush=True)
            result["local_ms"] = round(median_ms(lambda: resilient.open(NAME).read()), 2)
            print(f"local copy: {result['local_ms']:.2f} ms", flush=True)
            for latency, milliseconds in result["plain_ms"].items():
                result[f"cold_read_ratio_plain_to_local_{latency}ms"] = round(milliseconds / result["local_ms"], 1)
            for copies in COPIES:
                local = local_side(kwargs, f"{folder}/{copies}", copies)
                result.update(local)
                print(f"among {copies} copies: {local}", flush=True)
            result["sign_ms_3mb"] = round(sign_ms(), 2)
            print(f"digest and signature of {BYTES} bytes: {result['sign_ms_3mb']:.2f} ms", flush=True)
        finally:
            server.terminate()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
