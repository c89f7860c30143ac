"""Nobody is signed out for nothing: memory grows in a running memcached, and a restart has to be worth it."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.filter.block_structure import cache_need
from block_structure.module_utils.decisions import memcached_restart, releases
from block_structure.module_utils.host import memcached_client
from block_structure.plugin_utils.diagnosis import verdict
from block_structure.plugin_utils.diagnosis.snapshot import Server, Snapshot

from . import modules
from .conftest import ROLE
from .surveys import survey

MIB = 1024 * 1024
SESSION = "default:1:django.contrib.sessions.cache"


TABLE = yaml.safe_load((ROLE / "vars" / "releases.yml").read_text())["__block_structure_releases"]
TEAK = releases.pick(TABLE, "teak")


@dataclass
class Memcached:
    """A real memcached, and the file of its flags."""

    binary: str
    port: int
    config: Path
    flags: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.process = subprocess.Popen([self.binary, "-u", user, "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", *flags])
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                break
            time.sleep(0.05)

    def sign_in(self, learners: int) -> None:
        """Store a session for each learner, and something else."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            for name in [f"{SESSION}{number:032x}" for number in range(learners)] + ["default:1:something"]:
                connection.sendall(f"set {name} 0 0 2\r\nab\r\n".encode())
                assert connection.recv(100) == b"STORED\r\n"

    def stats(self) -> dict[str, dict[str, str]]:
        return memcached_client.stats("127.0.0.1", self.port)

    def run(self, *options: str, need: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Return the result of the module."""
        arguments = {
            "port": self.port,
            "config_path": str(self.config),
            "binary": self.binary,
            "need": {"release": releases.as_named_row(TEAK), "sizes": [500_000], **(need or {})},
        }
        return modules.run("memcached", {**arguments, **more}, *options)


@pytest.fixture
def memcached(memcached_binary: str, tmp_path: Path) -> Iterator[Memcached]:
    """A running memcached with its default flags and three sessions."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Memcached(memcached_binary, port, tmp_path / "memcached.conf")
    server.config.write_text("-m 64\n")
    server.start()
    server.sign_in(3)
    yield server
    assert server.process
    server.process.kill()
    server.process.wait()


def test_memory_grows_and_shrinks_in_the_running_process_which_keeps_every_item(memcached: Memcached):
    before = memcached.stats()["stats"]
    for wanted in (256, 100):
        grown = memcached.run(memory_mb=wanted, item_size="1m")
        assert (grown["changed"], grown["restart_required"], grown["plan"]["findings"]) == (True, False, [])
        now = memcached.stats()
        assert int(now["settings"]["maxbytes"]) == wanted * MIB
        assert (now["stats"]["pid"], now["stats"]["curr_items"]) == (before["pid"], before["curr_items"])
        assert f"-m {wanted}" in memcached.config.read_text()
        assert not memcached.run(memory_mb=wanted, item_size="1m")["changed"]


def test_a_preview_changes_neither_process_nor_file(memcached: Memcached):
    predicted = memcached.run("--check", memory_mb=256, item_size="1m")
    assert (predicted["changed"], predicted["restart_required"]) == (True, False)
    assert int(memcached.stats()["settings"]["maxbytes"]) == 64 * MIB
    assert memcached.config.read_text() == "-m 64\n"


def test_a_record_that_cannot_be_written_is_named_and_the_flags_stay(memcached: Memcached):
    refused = memcached.run(memory_mb=256, item_size="1m", record="/proc/block-structure/memcached.conf")
    assert refused["msg"] == (
        "/proc/block-structure/memcached.conf cannot be written: No such file or directory.\n"
        "Remedy: correct block_structure_state_dir, or the rights of its folder; the file is untouched."
    )
    assert memcached.config.read_text() == "-m 64\n"
    assert int(memcached.stats()["settings"]["maxbytes"]) == 64 * MIB


def test_another_item_size_waits_for_the_next_start_and_says_what_a_restart_would_cost(memcached: Memcached):
    """The platform's default: sessions are in the cache alone."""
    for options in (["--check"], []):
        waits = memcached.run(*options, memory_mb=128, item_size="3m")
        assert (waits["changed"], waits["restart_required"]) == (True, False)
        [finding] = waits["plan"]["findings"]
        assert (finding["id"], finding["severity"], finding["value"]) == ("memcached-restart-pending", "info", "always")
        assert finding["message"] == (
            f"-I 3m of memcached at 127.0.0.1:{memcached.port} counts from its next start on; it was not restarted, because a "
            "restart signs out 3 learners (gain: not measured).\n"
            "Remedy: nothing; or set block_structure_memcached_restart to always for one deploy at a quiet hour."
        )
        assert "signs out 3 learners" in waits["plan"]["arithmetic"][-1]
    assert memcached.config.read_text() == "-m 128\n-I 3m\n"
    # The memory is there already.
    assert int(memcached.stats()["settings"]["maxbytes"]) == 128 * MIB
    again = memcached.run(memory_mb=128, item_size="3m")
    assert (again["changed"], again["changes"], again["restart_required"]) == (False, [], False)
    assert [finding["id"] for finding in again["plan"]["findings"]] == ["memcached-restart-pending"]


TIMES = {"cache_ms": 2.0, "storage": [[2 * MIB, 150.0], [500_000, 5.0]]}


@pytest.mark.parametrize(
    ("policy", "need", "restarts", "findings"),
    [
        ("auto", {"times": TIMES}, True, ["memcached-restart-signs-out"]),
        ("auto", {"times": {**TIMES, "storage": [[2 * MIB, 90.0], [500_000, 500.0]]}}, False, ["memcached-restart-pending"]),
        ("auto", {"sessions": False}, True, []),
        ("always", {}, True, ["memcached-restart-signs-out"]),
        ("always", {"sessions": False}, True, []),
        ("never", {"times": TIMES, "sessions": False}, False, ["memcached-restart-pending"]),
    ],
)
def test_a_restart_has_to_be_worth_it_or_asked_for(memcached: Memcached, policy, need, restarts, findings):
    answer = memcached.run("--check", memory_mb=128, item_size="3m", restart=policy, need=need)
    assert answer["restart_required"] is restarts
    assert [finding["id"] for finding in answer["plan"]["findings"]] == findings
    if findings == ["memcached-restart-signs-out"]:
        message = answer["plan"]["findings"][0]["message"]
        assert "-I 3m of memcached at 127.0.0.1:" in message
        assert "needs a restart, which signs out 3 learners, because their sessions are in this cache and nowhere" in message
        assert "Remedy: deploy at a quiet hour, or set block_structure_memcached_restart to never." in message


def test_a_server_that_cannot_change_its_memory_says_so(memcached: Memcached):
    """An old one, which does not know the command, or one whose memory is allocated at the start (-L)."""
    answering = socket.create_server(("127.0.0.1", 0))
    with answering:

        def serve() -> None:
            connection, _ = answering.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"ERROR\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        assert memcached_client.set_memory("127.0.0.1", answering.getsockname()[1], 128) is False
        thread.join()
    assert memcached_client.set_memory("127.0.0.1", memcached.port, 128) is True
    assert memcached_client.set_memory("127.0.0.1", memcached.port, 2) is False  # too small for it
    judged = memcached_restart.judge("auto", True, None, None, "-m 128 of memcached at x:1")
    assert not judged.restart
    assert "signs out every learner (their number cannot be counted) (gain: not measured)" in str(judged.findings[0])


@pytest.mark.parametrize("policy", ["auto", "always"])
@pytest.mark.parametrize(("sessions", "signed_out"), [(0, []), (1, ["1 learner,"]), (2, ["2 learners,"])])
def test_a_restart_that_signs_out_nobody_is_no_warning(policy, sessions, signed_out):
    judged = memcached_restart.judge(policy, True, sessions, 150.0, "-I 3m of memcached at x:1")
    assert judged.restart
    assert ("costs no session" in judged.why) is (not signed_out)
    assert len(judged.findings) == len(signed_out)
    for finding, words in zip(judged.findings, signed_out, strict=True):
        assert f"needs a restart, which signs out {words}" in finding.cause


def test_without_sessions_a_restart_needs_no_gain():
    assert memcached_restart.judge("auto", True, 0, None, "-I 3m").restart
    assert not memcached_restart.judge("never", True, 0, None, "-I 3m").restart


def test_sessions_are_counted_among_everything_else(memcached: Memcached):
    assert memcached_client.count_keys("127.0.0.1", memcached.port, memcached_restart.SESSION_KEY) == 3
    assert memcached_client.count_keys("127.0.0.1", memcached.port, "nothing") == 0
    assert memcached_client.count_keys("127.0.0.1", 1, memcached_restart.SESSION_KEY) is None


@pytest.mark.parametrize(
    ("sessions", "holds"),
    [
        (None, True),
        ({"only_in_cache": True, "locations": ["cache1:11211"]}, True),
        ({"only_in_cache": True, "locations": ["sessions1:11211"]}, False),
        ({"only_in_cache": False, "locations": ["cache1:11211"]}, False),
    ],
)
def test_sessions_are_at_stake_only_where_they_are_in_the_servers_of_the_structures(sessions, holds):
    settings = {"cache": {"locations": ["cache1:11211"]}, **({"sessions": sessions} if sessions else {})}
    assert memcached_restart.holds_sessions(settings) is holds


@pytest.mark.parametrize(
    ("tier", "policy", "storage_ms", "severity"),
    [
        ("storage", "auto", 40.0, "info"),
        ("storage", "never", 400.0, "info"),
        ("storage", "auto", 400.0, "warning"),
        ("storage", "always", 40.0, "warning"),
        # Nothing is behind the cache, so the first deploy comes before any question of item sizes.
        ("modulestore", "auto", 40.0, "warning"),
    ],
)
def test_diagnose_needs_no_attention_for_what_is_not_worth_a_restart(tier, policy, storage_ms, severity):
    given = survey(bytes=3 * MIB // 2, cached=False, tier=tier, tier_when_cold=tier, storage_ms=storage_ms)
    own = given["settings"]["cache"]["locations"]
    given["settings"]["sessions"] = {"engine": "x.cache", "only_in_cache": True, "locations": own}
    plan = {"memory_mb": 64, "item_size_bytes": 3 * MIB, "item_size_flag": "3m", "structures_mb": 4, "arithmetic": []}
    server = Server(
        own[0],
        live={"memory_mb": 64, "item_size_bytes": MIB},
        stats={"uptime": "10", "evictions": "0"},
        plan=plan,
    )
    found = verdict.site(Snapshot(TEAK, given, (server,), memcached_restart=policy))["findings"]
    sizes = ("item-size-small", "memcached-small")
    severities = {finding["id"]: finding["severity"] for finding in found if finding["id"] in sizes}
    # One cause is one finding: it has memory enough.
    assert severities == {"item-size-small": severity}


def test_the_times_of_a_benchmark_are_the_medians_of_its_rounds():
    given = survey(bytes=MIB, cache_ms=[3.0, 1.0, 2.0], storage_ms=[40.0, 400.0, 50.0], blocks=8, rebuild_ms=[900.0])
    given["courses"].append({**given["courses"][0], "storage_ms": [], "cache_ms": [], "rebuild_ms": []})
    [row] = [{**row, "name": name} for name, row in TABLE.items() if name == "teak"]
    times = cache_need(given, row, {})["times"]
    assert times == {"cache_ms": 2.0, "storage": [[MIB, 50.0]]}
