"""Learners stay signed in while memcached is resized: their sessions are in it, as the platform has it by default."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from ...conftest import LMS_URL, ROOT, Memcached, Playbook, Playbooks

MIB = 1024 * 1024
ONLY = ("--tags", "block_structure_memcached")


@pytest.fixture
def site(playbooks: Playbooks) -> Iterator[Playbooks]:
    """A deployed site with a signed-in learner; afterwards memcached is as the sandbox's deploy makes it."""
    assert playbooks.run("deploy").exit_code == 0
    yield playbooks
    assert playbooks.run("deploy").exit_code == 0


def resize(playbooks: Playbooks, *options: str, **variables: object) -> Playbook:
    given = {"block_structure_memcached_restart": "auto", **variables}
    ended = playbooks.run("deploy", *ONLY, *options, "-e", json.dumps(given))
    assert ended.exit_code == 0, ended.output[-3000:]
    return ended


# Logs in and shows the session's cookies; a later request has nothing but them.
LOGIN = (ROOT / "scripts/loadtest/learner.py").read_text().partition('if __name__ == "__main__"')[0] + (
    f"print(login('{LMS_URL}', 'learner@example.com', 'edx').cookie_header())"
)


def test_a_learner_stays_signed_in_while_memory_grows_and_the_item_size_waits(site, memcached: Memcached, lms, courses) -> None:
    """One process throughout; what it holds stays, the session among it."""
    cookies = lms.check_output("python3 -c %s", LOGIN)
    page = f"{LMS_URL}/api/courses/v2/blocks/?depth=all&username=learner&course_id={quote(courses[0], safe='')}"

    def status(cookie: str) -> str:
        options = "--silent --output /dev/null --write-out %{http_code}"
        command = f"curl {options} --header {shlex.quote(f'Cookie: {cookie}')} {shlex.quote(page)}"
        return str(lms.check_output(command))

    assert status(cookies) == "200"
    assert status("lms_sessionid=none") in ("401", "403", "404")
    before = memcached.stats()
    memory = int(before["limit_maxbytes"]) // MIB + 64
    resize(site, block_structure_memcached_memory_mb=memory)
    grown = memcached.stats()
    assert int(grown["limit_maxbytes"]) == memory * MIB
    predicted = resize(site, "--check", block_structure_memcached_memory_mb=memory, block_structure_memcached_item_size="8m")
    waiting = resize(site, block_structure_memcached_memory_mb=memory, block_structure_memcached_item_size="8m")
    for ended in (predicted, waiting):
        output = " ".join(ended.output.split())
        assert re.search(r"it signs out \d+ learners?; gain: .* worth it from 100 ms: not restarted", output), output[-3000:]
    again = resize(site, block_structure_memcached_memory_mb=memory, block_structure_memcached_item_size="8m")
    assert again.changed == []
    after = memcached.stats()
    assert (after["pid"], after["total_items"] >= before["total_items"]) == (before["pid"], True)
    assert int(after["curr_items"]) >= int(before["curr_items"])
    assert int(memcached.stats("settings")["item_size_max"]) < 8 * MIB
    assert status(cookies) == "200"
    assert "-I 8m" in memcached.host.file("/etc/memcached.conf").content_string
