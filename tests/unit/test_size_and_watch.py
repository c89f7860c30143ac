"""size and watch: output for a saved diagnosis, and refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import memcached_sizing, redis_sizing
from block_structure.plugin_utils.diagnosis import metrics
from block_structure_cli import exits
from block_structure_cli.commands import watch
from block_structure_cli.main import main
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

MIB = memcached_sizing.MIB
SERVER = {
    "server": "cache1:11211",
    "aliases": ["default"],
    "error": None,
    "memory_mb": 64,
    "item_size_bytes": MIB,
    "used_mb": 30.0,
    "evictions": 7,
    "hit_rate": 0.5,
}


def report(**given_keys: Any) -> dict[str, Any]:
    courses = [
        {"key": f"c{size}", "bytes": size, "cached": True, "fresh": True, "tier": "cache", "tier_when_cold": "storage"}
        for size in (50_000, 400_000, 1_500_000)
    ]
    return {
        "release": "teak",
        "site": "learn.example.com",
        "generated": "2026-11-25T01:00:00Z",
        "courses": courses,
        "servers": [SERVER],
        "findings": [{"id": "cache-evictions", "severity": "warning"}],
        "limits": {"client_item_limit_bytes": None, "cache_cap_bytes": 2 * MIB, "item_size_bytes": MIB},
        **given_keys,
    }


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """A saved diagnosis."""
    path = tmp_path / "site.json"
    path.write_text(json.dumps(report()))
    return str(path)


def size(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["size", *arguments])


def test_a_site_is_planned_from_its_diagnosis_with_the_arithmetic(saved):
    ended = size("--report", saved, "--format", "json")
    assert ended.exit_code == 0, ended.output
    reported = json.loads(ended.output)
    assert (reported["plan"]["item_size_flag"], reported["plan"]["memory_mb"]) == ("3m", 128)
    assert reported["asked"] == {"courses": 3, "growth_percent": 30, "servers": 1, "other_tenants_mb": 64}
    assert "in total, in steps of" in size("--report", saved).output


def test_size_plans_for_another_number_of_courses(saved):
    few, many = (
        json.loads(size("--report", saved, "--format", "json", "--courses", number, "--growth", "50%").output)["plan"]
        for number in ("3", "5000")
    )
    assert many["memory_mb"] > 10 * few["memory_mb"]
    assert "5000 structures" in " ".join(many["arithmetic"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--courses", "0"], "A site of 0 courses cannot be planned.\nRemedy: set --courses to 1 or more."),
        (["--growth", "many"], "'many' is not a valid percent"),
    ],
)
def test_impossible_plan_is_refused(saved, arguments, text):
    ended = size("--report", saved, *arguments)
    assert ended.exit_code == exits.USAGE
    assert text in ended.output


REDIS = {
    "server": "redis:6379",
    "error": None,
    "maxmemory_bytes": 4096 * MIB,
    "maxmemory_policy": "noeviction",
    "used_bytes": 0,
}


def test_a_site_on_redis_is_planned_with_tutors_patch(tmp_path):
    path = tmp_path / "site.json"
    used = 1_950_000 + 200 * MIB
    path.write_text(json.dumps(report(servers=[], redis={**REDIS, "used_bytes": used})))
    given = ["--report", str(path), "--courses", "5000", "--growth", "50%"]
    ended = size(*given, "--format", "json")
    assert ended.exit_code == 0, ended.output
    reported = json.loads(ended.output)
    # Everything that is no structure needs what it has now; the mix is as measured.
    assert reported["asked"]["other_tenants_mb"] == 200
    content = 5000 * (1_950_000 / 3 + 512) * 1.5 / MIB + 200
    assert content <= reported["plan"]["memory_mb"] < content + 80
    assert reported["plan"]["redis_conf"] == f"maxmemory {reported['plan']['memory_mb']}mb\nmaxmemory-policy allkeys-lru\n"
    shown = size(*given).output
    assert "noeviction" in shown
    assert shown.endswith(reported["plan"]["redis_conf"])
    assert "maxmemory_policy" in size(*given, "--format", "csv").output.splitlines()[0]


def test_a_redis_that_does_not_answer_is_planned_without_it(tmp_path):
    path = tmp_path / "site.json"
    path.write_text(json.dumps(report(servers=[], redis={"server": "redis:6379", "error": "ConnectionError: refused"})))
    ended = size("--report", str(path))
    assert (ended.exit_code, "does not answer" in ended.output) == (0, True), ended.output


def test_redis_is_not_shared_by_several_servers(tmp_path):
    path = tmp_path / "site.json"
    path.write_text(json.dumps(report(servers=[], redis=REDIS)))
    ended = size("--report", str(path), "--servers", "2")
    assert (ended.exit_code, ended.output) == (exits.USAGE, "This site has one Redis.\nRemedy: leave --servers out.\n")


@given(st.lists(st.integers(0, 3_000_000), max_size=30), st.integers(0, 100), st.integers(0, 300), st.integers(64, 4096))
def test_a_planned_redis_holds_what_it_was_planned_for(sizes, unmeasured, growth, others):
    planned = redis_sizing.plan(sizes, unmeasured=unmeasured, growth_percent=growth, other_tenants_mb=others)
    assert planned.memory_mb * MIB >= redis_sizing.needed_bytes(sizes, growth, others)
    redis_sizing.check("x", planned.memory_mb)


@pytest.mark.parametrize("content", ["no JSON", "{}"])
def test_file_that_is_not_a_diagnosis_is_refused(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    ended = size("--report", str(path))
    assert ended.exit_code == exits.USAGE
    assert " is not a diagnosis: " in ended.output
    assert ended.output.endswith("\nRemedy: write it with `block-structure diagnose --format json`.\n")


@pytest.mark.parametrize("command", ["size", "diagnose"])
def test_a_diagnosis_with_something_else_in_it_is_refused(tmp_path, command):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(report(courses=[{"key": "c"}], platform="native", host="lms1")))
    ended = CliRunner().invoke(main, [command, "--report", str(path)])
    assert ended.exit_code == exits.USAGE
    assert f"{path} is not a whole diagnosis: KeyError: '" in ended.output
    assert ended.output.endswith("\nRemedy: write it anew with `block-structure diagnose --format json`.\n")


def test_a_site_without_structures_has_nothing_to_scale(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(report(courses=[])))
    ended = size("--report", str(path), "--courses", "10")
    assert (ended.exit_code, "has been measured yet, so there is nothing to scale." in ended.output) == (exits.USAGE, True)


@given(st.lists(st.integers(1, 3_000_000), min_size=1, max_size=30), st.integers(1, 200))
def test_a_scaled_site_has_the_same_mix_and_the_largest_course(sizes, courses):
    made = memcached_sizing.scaled(sizes, courses)
    assert len(made) == courses
    assert set(made) <= set(sizes)
    assert max(made) == max(sizes)
    if courses % len(sizes) == 0:
        assert sorted(made) == sorted(sizes * (courses // len(sizes)))


def test_scaling_nothing_is_an_error():
    with pytest.raises(BlockStructureError, match="nothing to scale"):
        memcached_sizing.scaled([], 10)


# The Prometheus documentation, "Text-based format".
_LINE = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? [-+.0-9e]+)')


def test_metrics_are_well_formed_and_contain_the_findings():
    reported = metrics.prometheus(report(findings=[{"id": 'odd"\\\nname', "severity": "error"}]))
    assert reported.endswith("\n")
    for line in reported.splitlines():
        assert _LINE.fullmatch(line), line
    lines = set(metrics.prometheus(report()).splitlines())
    assert {
        'block_structure_courses{site="learn.example.com",tier="cache"} 3',
        'block_structure_courses_without_cache{site="learn.example.com",tier="modulestore"} 0',
        'block_structure_findings{site="learn.example.com",id="cache-evictions",severity="warning"} 1',
        'block_structure_memcached_up{site="learn.example.com",server="cache1:11211"} 1',
        'block_structure_memcached_evictions_total{site="learn.example.com",server="cache1:11211"} 7',
        f'block_structure_memcached_memory_bytes{{site="learn.example.com",server="cache1:11211"}} {64 * MIB}',
        'block_structure_looked_timestamp_seconds{site="learn.example.com"} 1795568400',
        'block_structure_info{site="learn.example.com",release="teak",platform="unknown"} 1',
    } <= lines


def test_redis_has_the_metrics_of_memcached():
    server = {
        "server": "redis:6379",
        "error": None,
        "maxmemory_bytes": 256 * MIB,
        "used_bytes": MIB,
        "evictions": 3,
        "hit_rate": 0.5,
        "uptime_seconds": 60,
    }
    lines = metrics.prometheus(report(servers=[], redis=server)).splitlines()
    label = '{site="learn.example.com",server="redis:6379"}'
    assert {line.split(label)[0]: line.split(" ")[-1] for line in lines if label in line} == {
        "block_structure_redis_up": "1",
        "block_structure_redis_memory_bytes": str(256 * MIB),
        "block_structure_redis_used_bytes": str(MIB),
        "block_structure_redis_evictions_total": "3",
        "block_structure_redis_hit_ratio": "0.5",
        "block_structure_redis_uptime_seconds": "60",
    }
    down = metrics.prometheus(report(redis={"server": "redis:6379", "error": "refused"}))
    assert f"block_structure_redis_up{label} 0" in down
    assert "redis_used" not in down


def test_each_tier_has_its_times():
    courses = [{**report()["courses"][0], "cache_ms": float(n), "storage_ms": None, "rebuild_ms": 9000.0} for n in range(1, 21)]
    lines = metrics.prometheus(report(courses=courses)).splitlines()
    site = 'block_structure_read_seconds{site="learn.example.com",'
    assert [line.removeprefix(site) for line in lines if line.startswith(site)] == [
        'tier="cache",statistic="median"} 0.0105',
        'tier="cache",statistic="p95"} 0.019',
        'tier="cache",statistic="worst"} 0.02',
        *(f'tier="modulestore",statistic="{name}"}} 9' for name in ("median", "p95", "worst")),
    ]


def test_server_that_is_down_has_only_its_up_metric():
    down = {"server": "cache1:11211", "aliases": ["default"], "error": "refused"}
    reported = metrics.prometheus(report(servers=[down]))
    assert 'memcached_up{site="learn.example.com",server="cache1:11211"} 0' in reported
    assert "evictions_total" not in reported


def test_file_is_replaced_atomically_and_readable(tmp_path):
    path = tmp_path / "x.prom"
    path.write_text("old")
    watch.write(path, "new\n")
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], exits.USAGE, "Nothing would be written.\nRemedy: give --textfile, --json or --history."),
        (["--textfile", "x.txt"], exits.USAGE, "would not read x.txt.\nRemedy: name a file that ends with .prom."),
    ],
)
def test_watch_refuses_a_file_that_no_monitor_reads(arguments, code, text):
    ended = CliRunner().invoke(main, ["watch", *arguments])
    assert (ended.exit_code, text in ended.output) == (code, True), ended.output


def test_missing_directory_is_reported_with_a_remedy(tmp_path):
    with pytest.raises(exits.Failure, match="cannot be written: No such file or directory") as refused:
        watch.write(tmp_path / "missing" / "x.prom", "")
    assert "Remedy: name a file in a folder that you can write to." in refused.value.message
