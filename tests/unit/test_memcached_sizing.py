"""A real memcached with the planned flags holds what the plan promises."""

from __future__ import annotations

import math
import os
import pwd
import subprocess
import time
from typing import Any

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import memcached_sizing
from block_structure.module_utils.host import memcached_client
from block_structure_cli.commands import size
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymemcache.client.base import Client

SIZES = st.lists(st.integers(1_000, 2_600_000), min_size=1, max_size=40)


def start(binary: str, path: str, plan: memcached_sizing.MemcachedPlan) -> subprocess.Popen:
    """Start memcached with the planned flags on a unix socket and wait until it answers."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    process = subprocess.Popen([binary, "-u", user, "-s", path, "-m", str(plan.memory_mb), "-I", plan.item_size_flag])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            memcached_client.stats(path, 0)
        except BlockStructureError:
            time.sleep(0.05)
        else:
            return process
    process.kill()
    raise AssertionError("memcached did not start")


def survives(binary: str, path: str, plan: memcached_sizing.MemcachedPlan, sizes: list[int], tenants_mb: int = 0) -> None:
    """Assert that memcached with the planned flags holds values of these sizes at once, next to other tenants.

    The tenants come first, as sessions and fragments of some KiB do, and their memory is counted as `used_mb` counts it.
    """
    process = start(binary, path, plan)
    try:
        client = Client(path, ignore_exc=False)
        number = 0
        while tenants_mb and int(client.stats()[b"bytes"]) < tenants_mb * memcached_sizing.MIB:
            client.set_many({f"tenant{number + count}": bytes(700 + 97 * (count % 40)) for count in range(400)}, noreply=False)
            number += 400
        for place, value in enumerate(sizes):
            client.set(f"{place:0250d}", bytes(value), noreply=False)
        for place, value in enumerate(sizes):
            kept = client.get(f"{place:0250d}")
            assert kept is not None, (value, plan)
            assert len(kept) == value
        assert memcached_client.stats(path, 0)["stats"]["evictions"] == "0", plan
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("name", ["sumac", "teak"])
def test_what_the_plan_says_fits_does_fit(release, name, memcached_binary, tmp_path_factory):
    row = release(name)

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(SIZES)
    def holds(sizes):
        plan = memcached_sizing.plan(sizes, row, other_tenants_mb=0)
        path = str(tmp_path_factory.mktemp("memcached") / "s")
        survives(memcached_binary, path, plan, memcached_sizing.cacheable(sizes, row))

    holds()


def diagnosis(name: str, sizes: list[int], tenants_mb: int) -> dict[str, Any]:
    """Return the part of a diagnosis that `size` reads. Nothing is cached, so all used memory belongs to other tenants."""
    courses = [{"key": str(number), "bytes": value, "cached": False} for number, value in enumerate(sizes)]
    server = {"server": "cache1:11211", "aliases": ["default"], "error": None, "memory_mb": 64, "item_size_bytes": 1024 * 1024}
    limits = {"client_item_limit_bytes": None}
    return {"release": name, "courses": courses, "servers": [{**server, "used_mb": tenants_mb}], "limits": limits}


@pytest.mark.parametrize("name", ["sumac", "teak"])
def test_memcached_planned_for_growth_holds_the_structures(release, name, memcached_binary, tmp_path_factory):
    """`size --courses --growth`: a site with this number of courses of the same mix, plus growth, next to today's tenants."""
    row = release(name)

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.integers(1_000, 2_600_000), min_size=1, max_size=12),
        st.integers(1, 80),
        st.integers(0, 100),
        st.sampled_from([0, 30, 150]),
    )
    # Regression: the plan counted the items of other tenants, but not the chunks that hold them.
    @example([1000, 1966278], 14, 36, 150)
    def holds(sizes, courses, growth, tenants_mb):
        report = size.plan_for(diagnosis(name, sizes, tenants_mb), courses=courses, growth=growth, servers=None, tenants=None)
        plan = memcached_sizing.MemcachedPlan(report["plan"]["memory_mb"], report["plan"]["item_size_bytes"], 0)
        grown = memcached_sizing.scaled(sizes, math.floor(courses * (100 + growth) / 100))
        path = str(tmp_path_factory.mktemp("memcached") / "s")
        survives(memcached_binary, path, plan, memcached_sizing.cacheable(grown, row), tenants_mb)

    holds()


@given(SIZES, st.integers(0, 100), st.integers(1, 4))
def test_memcached_starts_with_the_planned_flags(release, sizes, growth, servers):
    plan = memcached_sizing.plan(sizes, release("teak"), growth_percent=growth, servers=servers)
    assert plan.item_size_bytes % memcached_sizing.CHUNK_BYTES == 0
    assert plan.item_size_bytes * 2 <= plan.memory_mb * memcached_sizing.MIB
    assert plan.memory_mb % memcached_sizing.MEMORY_STEP_MB == 0
    assert memcached_sizing.parse_item_size(plan.item_size_flag) == plan.item_size_bytes


@given(SIZES, st.integers(1_000, 2_600_000))
def test_one_more_course_never_needs_less(release, sizes, size):
    less, more = (memcached_sizing.plan(some, release("sumac")) for some in (sizes, [*sizes, size]))
    assert more.memory_mb >= less.memory_mb
    assert more.item_size_bytes >= less.item_size_bytes


@given(SIZES)
def test_measuring_estimated_courses_does_not_change_the_plan(release, sizes):
    usual = [min(size, memcached_sizing.UNMEASURED_BYTES) for size in sizes]
    first = memcached_sizing.plan([], release("teak"), unmeasured=len(usual))
    second = memcached_sizing.plan(
        usual, release("teak"), live_memory_mb=first.memory_mb, live_item_size_bytes=first.item_size_bytes
    )
    assert (second.memory_mb, second.item_size_bytes) == (first.memory_mb, first.item_size_bytes)


def test_a_running_server_is_never_shrunk_unless_told(release):
    kept = memcached_sizing.plan([1000], release("teak"), live_memory_mb=1024, live_item_size_bytes=8 * memcached_sizing.MIB)
    assert (kept.memory_mb, kept.item_size_flag) == (1024, "8m")
    report = memcached_sizing.plan([1000], release("teak"), memory_mb=128, item_size="3m", live_memory_mb=1024)
    assert (report.memory_mb, report.item_size_flag) == (128, "3m")


def test_pointless_item_sizes_are_reported_with_the_figure(release):
    over_cap = memcached_sizing.plan([], release("teak"), item_size="8m")
    assert [finding.identifier for finding in over_cap.findings] == ["item-size-over-cap"]
    assert "has no benefit over 3m" in over_cap.findings[0].cause
    over_client = memcached_sizing.plan([], release("palm"), item_size="3m")
    assert [finding.identifier for finding in over_client.findings] == ["item-size-over-client"]
    assert "server_max_value_length: 3145728" in over_client.findings[0].remedy


def test_a_server_that_is_too_small_is_reported(release):
    plan = memcached_sizing.plan([1_900_000] * 200, release("teak"), memory_max_mb=128)
    assert plan.memory_mb == 128
    assert [finding.identifier for finding in plan.findings] == ["memory-short"]


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("cache1:11211", ("cache1", 11211)),
        ("cache1", ("cache1", 11211)),
        ("unix:/run/memcached.sock", ("/run/memcached.sock", 0)),
        ("/run/memcached.sock", ("/run/memcached.sock", 0)),
        ("[2001:db8::1]:11212", ("2001:db8::1", 11212)),
        ("inet6:[fd00::1]:11211", ("fd00::1", 11211)),
        ("inet:192.0.2.7:11212", ("192.0.2.7", 11212)),
    ],
)
def test_servers_as_django_names_them(server, address):
    assert memcached_client.address(server) == address


@pytest.mark.parametrize("text", ["9" * 400, "\uff13m", "9" * 13])
def test_a_number_that_memcached_cannot_read_is_refused(text):
    with pytest.raises(BlockStructureError) as refused:
        memcached_sizing.parse_item_size(text)
    assert refused.value.identifier == "item-size-suffix"


def test_a_size_far_too_large_is_refused_with_the_largest_one():
    with pytest.raises(BlockStructureError, match="Remedy: use 1024m"):
        memcached_sizing.parse_item_size("999999999999m")
