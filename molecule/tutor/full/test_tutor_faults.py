"""Each fault on a Tutor site has its own message, and the site is as it was."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from ...conftest import stopped

pytestmark = pytest.mark.slow


def test_a_redis_that_is_too_small_or_evicts_nothing_is_reported(verify, findings, site) -> None:
    site.set_redis(maxmemory="20mb", maxmemory_policy="noeviction")
    try:
        report = findings(verify())
    finally:
        site.set_redis(maxmemory="4gb", maxmemory_policy="allkeys-lru")
    assert report["redis-small"].startswith("Redis holds at most 20 MiB (maxmemory); the structures and everything else need ")
    assert "Remedy: set `maxmemory " in report["redis-small"]
    assert report["redis-policy"] == (
        "The maxmemory-policy of Redis is noeviction: it rejects writes when it is full.\n"
        "Remedy: set `maxmemory-policy allkeys-lru` with Tutor's patch redis-conf."
    )


def test_a_candidate_that_does_not_boot_changes_nothing(playbooks, message, lms: Host, site) -> None:
    before = site.state()
    ended = playbooks.run("deploy", "-e", "block_structure_storage_class=example.storages.NoSuchStorage")
    assert ended.exit_code != 0
    assert "The LMS does not start: ModuleNotFoundError: No module named 'example'" in message(ended)
    assert site.state() == before
    assert lms.check_output("find /tmp -maxdepth 1 -name 'block_structure.*'") == ""


def test_an_environment_rendered_without_the_plugin_is_rendered_again(playbooks, lms: Host, verify, findings, site) -> None:
    """Somebody rendered while the plugin was away: file and list are right, and what the LMS reads is not."""
    lms.check_output("mv %s /root/plugin.yml", site.plugin)
    site.tutor("config", "save")
    lms.check_output("mv /root/plugin.yml %s", site.plugin)
    predicted = playbooks.run("deploy", "--check")
    done = playbooks.run("deploy")
    assert (predicted.exit_code, done.exit_code) == (0, 0), done.output
    assert done.changed
    assert predicted.changed == done.changed
    assert findings(verify()) == {}


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        (
            "block_structure_release=sumac",
            (
                "block_structure_release is 'sumac', which Tutor 19 installs, and this host has Tutor 20.0.5, "
                "which installs teak. "
                "Remedy: name the installed release, or correct block_structure_tutor_command."
            ),
        ),
        (
            "block_structure_platform=native",
            (
                "block_structure_platform is 'native', and this host runs tutor_local "
                "(`tutor local exec lms` works). Remedy: set block_structure_platform to the installed platform or to auto;"
            ),
        ),
        (
            "block_structure_tutor_command=tutr",
            "No Open edX was found on this host: no native installation at the block_structure_native_ paths, and",
        ),
        (
            "block_structure_platform=tutor_local block_structure_tutor_command=tutr",
            (
                "tutr: not found Remedy: correct block_structure_tutor_command, block_structure_tutor_user or "
                "block_structure_tutor_root."
            ),
        ),
        (
            "block_structure_platform=tutor_local block_structure_tutor_root=/home/tutor/elsewhere",
            "fails: Error: Project root does not exist.",
        ),
        (
            "block_structure_memcached_memory_mb=256",
            (
                "block_structure_memcached_memory_mb is set, and the cache of Tutor 20 (teak) is Redis, to which it does "
                "not apply. "
                "Remedy: remove it; size Redis with Tutor's patch redis-conf (docs/tutor.md)."
            ),
        ),
    ],
)
def test_a_wrong_combination_is_refused_before_anything_is_touched(
    playbooks, message, boots, variables: str, text: str
) -> None:
    before = boots.count()
    ended = playbooks.run("deploy", "-e", variables)
    assert ended.exit_code != 0
    assert text in message(ended)
    assert ended.changed == []
    assert boots.count() == before


def test_a_site_that_does_not_run_is_refused(playbooks, message, lms: Host) -> None:
    with stopped(lms, "lms"):
        ended = playbooks.run("verify", "-e", "block_structure_platform=tutor_local")
        unnamed = playbooks.run("verify")
    assert ended.exit_code != 0
    assert 'service "lms" is not running' in message(ended)
    assert (
        "Remedy: start the site with `tutor local start --detach`, as the user that block_structure_tutor_user names."
        in message(ended)
    )
    assert "No Open edX was found on this host" in message(unnamed)
