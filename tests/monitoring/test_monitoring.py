"""The examples of docs/monitoring, by what reads them: promtool, Prometheus, systemd and the schemas of Kubernetes."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from block_structure.plugin_utils.diagnosis import metrics
from block_structure_cli.main import main
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "docs" / "monitoring"
RULES = MONITORING / "block_structure.rules.yml"
DASHBOARD = MONITORING / "grafana-dashboard.json"
UNITS = sorted(MONITORING.glob("systemd/*"))
MANIFESTS = sorted(MONITORING.glob("kubernetes/*.yml"))
SAMPLES = ROOT / "tests" / "samples"
KUBERNETES = "1.31"
HOURS = 12


def program(name: str) -> str:
    """Return the path of a program; a machine without it fails, with the remedy."""
    found = shutil.which(name)
    if not found:
        pytest.fail(f"{name} is not installed.\nRemedy: run `scripts/dev/setup monitoring kubectl`.")
    return found


def checked(*argv: str, stdin: str | None = None) -> str:
    """Run a program that must succeed, and return what it wrote."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# As diagnosis/redis.py reports the Redis of a Tutor site.
REDIS = {
    "server": "redis:6379",
    "error": None,
    "maxmemory_bytes": 4294967296,
    "used_bytes": 52428800,
    "evictions": 3,
    "hit_rate": 0.97,
    "uptime_seconds": 86400,
}


def measured(*, redis: bool) -> str:
    """Return the metrics of a diagnosis that was made on the sandbox, as it is or with Redis in place of its memcached."""
    report = json.loads((SAMPLES / "sandbox_diagnosis.json").read_text())
    return metrics.prometheus({**report, "site": "tutor.example.com", "servers": [], "redis": REDIS} if redis else report)


@pytest.fixture(scope="module")
def emitted() -> str:
    """The metrics of a site with memcached and of one with Redis."""
    return measured(redis=False) + measured(redis=True)


def names(text: str) -> set[str]:
    """Return the metrics that are named in a text."""
    return set(re.findall(r"\bblock_structure_[a-z_]+\b", text))


def queries(dashboard: dict[str, Any]) -> list[str]:
    """Return every query of a dashboard."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_rules_are_valid_and_each_alert_fires_when_it_should():
    checked(program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    checked(program("promtool"), "test", "rules", str(ROOT / "tests" / "monitoring" / "alerts.test.yml"))
    tested = yaml.safe_load((ROOT / "tests" / "monitoring" / "alerts.test.yml").read_text())
    fired = {case["alertname"] for test in tested["tests"] for case in test["alert_rule_test"] if case.get("exp_alerts")}
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    assert fired == {rule["alert"] for rule in group["rules"]}


@pytest.mark.parametrize("redis", [False, True], ids=["memcached", "redis"])
def test_metrics_pass_the_linter_of_prometheus(redis):
    checked(program("promtool"), "check", "metrics", stdin=measured(redis=redis))


def test_rules_and_dashboard_name_only_metrics_that_watch_writes(emitted):
    known = names(emitted)
    assert names(RULES.read_text()) - known == set()
    assert names(DASHBOARD.read_text()) - known == set()


def panels_overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Return whether two places on the grid share a cell."""
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in (("x", "w"), ("y", "h")))


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """Return the paths of what a schema did not keep; it leaves out what is empty or the default."""
    if isinstance(given, dict):
        missing = [
            f"{path}/{key}" for key, value in given.items() if key not in kept and value not in ({}, [], "", False, None)
        ]
        return missing + [found for key in given if key in kept for found in lost(given[key], kept[key], f"{path}/{key}")]
    if isinstance(given, list):
        pairs = enumerate(zip(given, kept, strict=True))
        return [found for number, (one, other) in pairs for found in lost(one, other, f"{path}/{number}")]
    return [] if given == kept else [path]


def test_grafana_s_own_schema_keeps_all_of_the_dashboard():
    register_default_plugins()
    given = json.loads(DASHBOARD.read_text())
    assert lost(given, json.loads(JSONEncoder().encode(Dashboard.from_json(given)))) == []
    given["panels"][0]["datasourse"] = "misspelt"
    assert lost(given, json.loads(JSONEncoder().encode(Dashboard.from_json(given)))) == ["/panels/0/datasourse"]


def test_the_dashboard_asks_the_chosen_site_and_no_panel_covers_another():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] >= 36
    assert {entry["name"] for entry in dashboard["templating"]["list"]} == {"datasource", "site"}
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries", "table")
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["refId"] and "$site" in target["expr"] for target in panel["targets"])
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert not any(panels_overlap(panel["gridPos"], other["gridPos"]) for other in panels if other is not panel)


@pytest.fixture(scope="module")
def prometheus(emitted: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has the metrics of the last hours; counters grow."""
    folder = tmp_path_factory.mktemp("prometheus")
    now = int(time.time())
    lines = []
    for line in sorted(line for line in set(emitted.splitlines()) if not line.startswith("#")):
        series, _, value = line.rpartition(" ")
        for hour in range(HOURS + 1):
            grown = float(value) + (hour if "_total{" in series else 0)
            lines.append(f"{series} {grown} {now - 3600 * (HOURS - hour)}")
    source = folder / "metrics.txt"
    source.write_text("\n".join([*lines, "# EOF"]) + "\n")
    checked(program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(source), str(folder / "data"))
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--query.lookback-delta=3h",  # the newest block ends a little in the past
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"{address}/-/ready", timeout=1).read()
                    break
                except OSError:
                    time.sleep(0.1)
            yield address
        finally:
            server.terminate()
            server.wait(20)


def answer(address: str, query: str) -> list[dict[str, Any]]:
    """Return the result of a query."""
    url = f"{address}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)["data"]["result"]


@pytest.mark.parametrize("query", queries(json.loads(DASHBOARD.read_text())))
def test_each_query_of_the_dashboard_is_answered(prometheus, query):
    assert answer(prometheus, query.replace("$site", ".*")), query


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_the_units(unit, tmp_path):
    for path in UNITS:
        # systemd wants the program and the user of a unit to exist.
        text = path.read_text().replace("/usr/local/bin/block-structure", "/bin/true").replace("User=block-structure\n", "")
        (tmp_path / path.name).write_text(text)
    found = checked(program("systemd-analyze"), "verify", "--man=no", str(tmp_path / unit.name))
    assert not found


def commands() -> Iterator[list[str]]:
    """Yield the arguments of each call of the tool in the units and manifests."""
    for path in (*UNITS, *MANIFESTS):
        text = path.read_text().replace("\\\n", " ")
        for line in re.findall(
            r"(?:bin/|^ +)block-structure ((?:watch|regenerate|verify|trend) .*)$", text, flags=re.MULTILINE
        ):
            yield line.split()


def test_the_tool_takes_every_option_of_the_examples():
    found = list(commands())
    assert [arguments[0] for arguments in found] == ["regenerate", "watch", "regenerate", "verify", "watch", "trend"]
    for name, *arguments in found:
        helped = CliRunner().invoke(main, [name, "--help"]).output
        assert [option for option in arguments if option.startswith("-") and f"{option} " not in helped.replace(",", " ")] == []


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_valid_and_run_without_rights_that_they_do_not_need(manifest):
    read = yaml.safe_load(manifest.read_text())
    for document in read.get("items", [read]):  # kind List
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        if document["kind"] == "CronJob":
            (container,) = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            checked("sh", "-n", stdin=container["args"][0])
        if document["kind"] == "Role":
            verbs = {verb for rule in document["rules"] for verb in rule["verbs"]}
            assert verbs <= {"get", "list", "create"}


def option(arguments: list[str], name: str) -> str:
    """Return the value of an option."""
    return arguments[arguments.index(name) + 1]


def test_the_history_of_the_unit_outlives_it_and_the_documents_read_it():
    (kept,) = [option(arguments, "--history") for arguments in commands() if arguments[0] == "watch"][:1]
    unit = (MONITORING / "systemd/block-structure-watch.service").read_text()
    (state,) = re.findall(r"^StateDirectory=(.+)$", unit, flags=re.MULTILINE)
    assert kept.startswith(f"/var/lib/{state}/")
    assert "OnSuccess=block-structure-watch.service" in (MONITORING / "systemd/block-structure-cure.service").read_text()
    assert f"block-structure trend {kept}" in (ROOT / "docs/watch.md").read_text()


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """{(kind, name): object} of what `kubectl apply` sends to a cluster, as kubectl itself renders it; it asks none."""
    folder = tmp_path_factory.mktemp("kubernetes")
    for path in MANIFESTS:
        shutil.copy(path, folder)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [path.name for path in MANIFESTS]}))
    shown = yaml.safe_load_all(checked(program("kubectl"), "kustomize", str(folder)))
    return {(one["kind"], one["metadata"]["name"]): one for one in shown}


def test_each_pod_finds_what_it_mounts_and_the_history_outlives_it(applied):
    given = {"block-structure-tutor-config", "block-structure-inventory"}  # secrets that docs/watch.md makes
    claims = {name for kind, name in applied if kind == "PersistentVolumeClaim"}
    pods = {
        name: one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        for (kind, name), one in applied.items()
        if kind == "CronJob"
    }
    assert pods.keys() == {"block-structure-watch", "block-structure-cure"}
    for pod in pods.values():
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        (container,) = pod["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
        assert {volume["secret"]["secretName"] for volume in volumes.values() if "secret" in volume} <= given
        assert ("ServiceAccount", pod["serviceAccountName"]) in applied
    (container,) = pods["block-structure-watch"]["containers"]
    watch, trend = [arguments for arguments in commands() if arguments[0] in ("watch", "trend")][1:]
    kept = Path(option(watch, "--history"))
    assert trend[1] == str(kept)
    (mount,) = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == str(kept.parent)]
    volumes = {volume["name"]: volume for volume in pods["block-structure-watch"]["volumes"]}
    assert volumes[mount]["persistentVolumeClaim"]["claimName"] in claims
