"""How the web processes of a host take new settings, for every fact that decides it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from block_structure.module_utils.decisions import reload

LMS = reload.Web("lms", workers=4, resident_kb=400_000)
STUDIO = reload.Web("cms", workers=2, resident_kb=300_000)


def choose(*webs: reload.Web, policy: str = reload.AUTO, available_kb: int = 10_000_000, **more: Any) -> reload.Way:
    return reload.choose(policy, list(webs), available_kb=available_kb, **{"expected": 2, "processors": 8, **more})


def test_workers_are_added_while_the_old_ones_serve():
    way = choose(LMS, STUDIO)
    assert (way.method, way.batch, way.why) == (reload.RELOAD, 4, "new workers load the new settings")
    [finding] = way.findings
    assert str(finding) == (
        "The workers of LMS (4) and Studio (2) are replaced without an interruption: up to 4 new ones start at a time, and the "
        "old ones go once all of them serve.\nRemedy: nothing."
    )


@pytest.mark.parametrize(
    ("available_kb", "reserve_kb", "method", "batch"),
    [
        (1_600_000, 0, "reload", 4),
        (1_599_999, 0, "restart", 0),
        (1_728_000, 128_000, "reload", 4),
        (1_728_000, 128_001, "restart", 0),
        (100, 200, "restart", 0),
    ],
)
def test_there_must_be_memory_for_twice_the_workers(available_kb, reserve_kb, method, batch):
    way = choose(LMS, STUDIO, available_kb=available_kb, reserve_kb=reserve_kb)
    assert (way.method, way.batch) == (method, batch)


@pytest.mark.parametrize(("processors", "batch"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 4)])
def test_half_of_the_processors_go_on_serving(processors, batch):
    assert choose(LMS, STUDIO, processors=processors).batch == batch


def test_old_workers_with_a_long_request_are_named():
    [finding] = reload.lingering({"lms": 2, "cms": 0})
    assert finding.severity == "warning"
    assert str(finding) == (
        "2 old worker(s) of LMS still finish a request on the previous settings.\n"
        "Remedy: nothing; each ends with its request. `verify` says whether one is left."
    )


def test_workers_without_a_known_size_are_not_added():
    assert choose(replace(LMS, resident_kb=0), expected=1).method == reload.RESTART


@pytest.mark.parametrize(
    ("webs", "policy", "why"),
    [
        ((LMS, STUDIO), "never", "block_structure_native_reload is never"),
        (
            (LMS,),
            "auto",
            "only a gunicorn of LMS runs as block_structure_native_user, and 2 heartbeat addresses are given",
        ),
        (
            (),
            "auto",
            "no gunicorn of LMS or Studio runs as block_structure_native_user, and 2 heartbeat addresses are given",
        ),
        (
            (LMS, replace(STUDIO, readable=False)),
            "auto",
            "the command line or environment of Studio's gunicorn cannot be read (setproctitle hides them)",
        ),
        (
            (replace(LMS, environment=("A", "B")), STUDIO),
            "auto",
            "LMS's gunicorn was started with another environment (A, B)",
        ),
        (
            (replace(LMS, preloads=True), STUDIO),
            "auto",
            "LMS's gunicorn has loaded the application itself (preload_app), so new workers have the old settings",
        ),
        # HUP would not give it the new settings either.
        (
            (replace(LMS, preloads=True, configuration="/lms_gunicorn.py"), STUDIO),
            "auto",
            "LMS's gunicorn has loaded the application itself (preload_app), so new workers have the old settings",
        ),
    ],
)
@pytest.mark.parametrize(("seconds", "measured"), [(None, ""), (14.2, " (a boot of the LMS with its survey took 14 s)")])
def test_a_restart_says_why_and_for_how_long(webs, policy, why, seconds, measured):
    way = choose(*webs, policy=policy, boot_seconds=seconds)
    assert (way.method, way.why) == (reload.RESTART, why)
    [finding] = way.findings
    assert finding.severity == "warning"
    assert finding.cause == f"LMS and Studio restart and answer nobody until they have started{measured}: {why}."


def test_a_newer_configuration_is_read_again():
    way = choose(replace(LMS, configuration="/lms_gunicorn.py"), STUDIO)
    assert (way.method, way.why) == (reload.HUP, "/lms_gunicorn.py is not what its gunicorn has read")
    [finding] = way.findings
    assert str(finding) == (
        "LMS must read /lms_gunicorn.py again (HUP): requests wait until new workers have started, none fails.\n"
        "Remedy: nothing."
    )


def test_a_host_with_workers_alone_has_nothing_to_say():
    assert choose(expected=0) == reload.Way(reload.RESTART, "neither LMS nor Studio runs on this host")
