"""The role on Tutor: plugin text, version check, messages about memcached, findings about Redis."""

from __future__ import annotations

import ast
import gc
import json
import subprocess
import sys
from typing import Any

import pytest
import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import desired, redis_sizing, tutor
from block_structure.module_utils.host import kubectl as kubectl_client
from block_structure.module_utils.host import probe_client
from block_structure.module_utils.probe.engine import facts, running
from block_structure.plugin_utils import tutor_plugin
from block_structure.plugin_utils.diagnosis import redis
from block_structure.plugin_utils.diagnosis.snapshot import Headroom, Snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from . import surveys
from .conftest import PLUGINS

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SETTINGS = st.dictionaries(st.sampled_from(["BLOCK_STRUCTURES_SETTINGS", "FEATURES"]), st.dictionaries(st.text(), VALUES))


def rendered_by_tutor(text: str) -> str:
    """Return the patch of a plugin as Tutor adds it to the settings: parsed from YAML and rendered by Jinja."""
    return SandboxedEnvironment(autoescape=False).from_string(yaml.safe_load(text)["patches"][tutor_plugin.PATCH]).render()


@settings(deadline=None)
@given(SETTINGS)
def test_rendered_plugin_evaluates_to_the_settings(settings):
    found = {}
    for statement in ast.parse(rendered_by_tutor(tutor_plugin.render(settings))).body:
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.Call)
        found[ast.unparse(statement.value.func)] = ast.literal_eval(statement.value.args[0])
    assert found == {f"{name}.update": value for name, value in settings.items()}


@settings(deadline=None)
@given(SETTINGS)
def test_plugin_is_parsed_for_its_diff(settings):
    assert tutor_plugin.parse(tutor_plugin.render(settings)) == settings


@pytest.mark.parametrize("text", ["", "name: block_structure\n", "  openedx-common-settings: |\n    ((\n", "\x00"])
def test_foreign_plugin_has_no_settings(text):
    assert tutor_plugin.parse(text) == {}


def test_plugin_has_the_format_of_tutor():
    plugin = yaml.safe_load(tutor_plugin.render({"FEATURES": {"A": "{{ é }}"}}))
    assert (plugin["name"], plugin["version"], list(plugin["patches"])) == (
        "block_structure",
        "1.0.0",
        ["openedx-common-settings"],
    )
    assert tutor_plugin.render({"FEATURES": {"A": "é"}}).isascii()


SOURCES = tutor_plugin.sources(PLUGINS / "module_utils/probe/block_structure_runtime")


@settings(deadline=None)
@given(SETTINGS, st.sampled_from(["stock", "out_of_band"]), st.sampled_from(["stock", "hash_once"]))
def test_settings_and_runtime_are_read_back_from_one_plugin(settings, collector, keys):
    text = tutor_plugin.render(settings, tutor_plugin.Runtime(collector, keys, SOURCES))
    assert tutor_plugin.parse(text) == settings
    assert tutor_plugin.runtime_of(text) == {"collector": collector, "keys": keys}
    assert tutor_plugin.runtime_of(tutor_plugin.render(settings)) is None
    assert yaml.safe_load(text)["patches"].keys() == {tutor_plugin.PATCH, tutor_plugin.LMS_PATCH}


@given(SETTINGS)
def test_the_environment_comes_first_and_is_part_of_the_diff(settings):
    environment = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
    text = tutor_plugin.render(settings, environment=environment)
    assert tutor_plugin.parse(text) == {**settings, "os.environ": environment}
    assert rendered_by_tutor(text).startswith("import os\nos.environ.update({")


def test_the_rendered_runtime_prepares_a_pool_process_and_nothing_else(tmp_path):
    """As the LMS's settings do, without uWSGI and with Celery. Without edx-opaque-keys, its keys stay as they are."""
    text = tutor_plugin.render({}, tutor_plugin.Runtime("out_of_band", "hash_once", SOURCES))
    patch = yaml.safe_load(text)["patches"][tutor_plugin.LMS_PATCH]
    rendered = SandboxedEnvironment(autoescape=False).from_string(patch).render()
    (tmp_path / "settings.py").write_text(rendered.replace("/tmp/", f"{tmp_path}/"))
    program = (
        "import gc, settings; from celery.signals import worker_process_init as begin;"
        "print(gc.get_threshold(), settings.BLOCK_STRUCTURE_RUNTIME); begin.send(None)"
    )
    (tmp_path / "celery").mkdir()
    (tmp_path / "celery" / "__init__.py").touch()
    (tmp_path / "celery" / "signals.py").write_text(
        "class Signal:\n"
        "    def __init__(self):\n        self.receivers = []\n"
        "    def connect(self, receiver, weak=True):\n        self.receivers.append(receiver)\n"
        "    def send(self, sender):\n        [receiver(sender=sender) for receiver in self.receivers]\n"
        "worker_process_init, worker_ready, task_postrun = Signal(), Signal(), Signal()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"SERVICE_VARIANT": "lms"},
        capture_output=True,
        text=True,
        check=True,
    )
    chosen = "{'collector': 'out_of_band', 'keys': 'hash_once'}"
    assert ended.stdout.strip() == f"{gc.get_threshold()} {chosen}"
    (report,) = (tmp_path / "block_structure_runtime" / "reports").glob("*.json")
    reported = json.loads(report.read_text())
    assert (reported["kind"], reported["collector"]["mode"]) == ("celery", "out_of_band")
    assert reported["thresholds"][0] == reported["collector"]["bound"]
    assert reported["frozen"] > 0
    assert reported["keys"]["mode"] == "stock"
    assert "No module named 'opaque_keys'" in reported["keys"]["why"]


@pytest.mark.parametrize(
    ("given_variables", "message"),
    [
        (
            {"block_structure_release": "juniper"},
            (
                "A runtime for the LMS's workers is requested, and Tutor 10 (juniper) serves by gunicorn, configured in the "
                "image.\n"
                "Remedy: remove block_structure_runtime_collector and block_structure_runtime_keys."
            ),
        ),
        (
            {"block_structure_manage_settings": False},
            (
                "A runtime for the LMS's workers is requested, which on Tutor is part of the settings, and "
                "block_structure_manage_settings is off.\n"
                "Remedy: turn it on, or remove block_structure_runtime_collector and block_structure_runtime_keys."
            ),
        ),
    ],
)
def test_a_runtime_that_tutor_cannot_apply_is_refused(on_tutor, variables, table, given_variables, message):
    asked = {**on_tutor, "block_structure_runtime_collector": "out_of_band", **given_variables}
    assert messages(desired.resolve(asked, table, platforms=PLATFORMS, defaults=variables)) == [message]


MAJORS = {"teak": 20, "sumac": 19, "ulmo": 21}


@pytest.mark.parametrize(
    ("installed", "rendered", "message"),
    [
        (
            "19.0.5",
            "19.0.5",
            (
                "block_structure_release is 'teak', which Tutor 20 installs, and this host has Tutor 19.0.5, "
                "which installs sumac.\n"
                "Remedy: name the installed release, or correct block_structure_tutor_command."
            ),
        ),
        ("3.12.6", "3.12.6", "this host has Tutor 3.12.6, which installs no release that this role knows.\n"),
        (
            "20.0.5",
            "",
            (
                "Tutor has no rendered environment on this host.\n"
                "Remedy: launch the site with Tutor first, or correct block_structure_tutor_root and "
                "block_structure_tutor_user."
            ),
        ),
        (
            "20.0.5",
            "19.0.1\n",
            (
                "Tutor 20.0.5 is installed, but the environment on this host was rendered by Tutor 19.0.1.\n"
                "Remedy: finish Tutor's own upgrade (`tutor local launch` or `tutor k8s launch`), then run again."
            ),
        ),
    ],
)
def test_tutor_of_another_series_is_refused(release, installed, rendered, message):
    with pytest.raises(BlockStructureError) as refused:
        tutor.check_version(installed, rendered, release("teak"), MAJORS)
    assert message in str(refused.value)


def test_tutor_of_the_release_is_accepted(release):
    tutor.check_version("20.0.5-nightly", "20.0.1", release("teak"), MAJORS)


@pytest.mark.parametrize(
    ("named", "current", "contexts"), [(None, None, []), (None, "site", ["site"]), ("site", "site", ["other", "site"])]
)
def test_cluster_that_is_certain_is_accepted(named, current, contexts):
    tutor.check_context(named, current, contexts)


@pytest.mark.parametrize(
    ("named", "current", "contexts", "message"),
    [
        (
            "site",
            "other",
            ["other", "site"],
            (
                "block_structure_tutor_kube_context is 'site', and kubectl's current context, which Tutor uses, is 'other'.\n"
                "Remedy: run `kubectl config use-context site` as the user who runs tutor, or correct "
                "block_structure_tutor_kube_context."
            ),
        ),
        (
            "site",
            None,
            [],
            "kubectl's current context, which Tutor uses, is not set.",
        ),
        (
            None,
            "other",
            ["other", "site"],
            (
                "The kubeconfig has 2 contexts (other, site), and block_structure_tutor_kube_context is not set.\n"
                "Remedy: set it to the context of this site's cluster; the current one is other."
            ),
        ),
    ],
)
def test_cluster_that_is_not_certain_is_refused(named, current, contexts, message):
    with pytest.raises(BlockStructureError) as refused:
        tutor.check_context(named, current, contexts)
    assert message in str(refused.value)


# Answers as the real kubectl does to the module's three questions.
KUBECTL = """#!/bin/sh
case "$*" in
  "config current-context") echo site ;;
  "config get-contexts --output=name") echo site ;;
  "get --raw=/readyz --request-timeout=15s") {ready} ;;
  *) exit 9 ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path):
    def make(ready: str) -> list[str]:
        path = tmp_path / "kubectl"
        path.write_text(KUBECTL.replace("{ready}", ready))
        path.chmod(0o755)
        return [str(path)]

    return make


def test_cluster_of_kubectl_is_named(kubectl):
    assert kubectl_client.cluster(kubectl("echo ok"), None) == "site"


@pytest.mark.parametrize(
    ("containers", "named"),
    [
        ([{"name": "lms"}], ["lms"]),
        ([{"name": "sidecar"}, {"name": "lms", "readinessProbe": {"httpGet": {"path": "/heartbeat"}}}], []),
    ],
)
def test_deployments_without_a_readiness_probe_are_named(tmp_path, containers, named):
    def deployment(name: str, of: list[dict[str, Any]]) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": {"template": {"spec": {"containers": of}}}}

    ready = deployment("cms", [{"name": "cms", "readinessProbe": {}}])
    (tmp_path / "answer.json").write_text(json.dumps({"kind": "List", "items": [deployment("lms", containers), ready]}))
    program = tmp_path / "kubectl"
    expected = "--namespace=openedx get deployment/lms deployment/cms --output=json"
    program.write_text(f'#!/bin/sh\n[ "$*" = "{expected}" ] && cat {tmp_path}/answer.json\n')
    program.chmod(0o755)
    assert kubectl_client.without_readiness([str(program)], "openedx") == named
    # kubectl that fails says nothing about them.
    assert kubectl_client.without_readiness([str(program)], "other") == []


def test_kubernetes_that_does_not_answer_has_its_own_remedy(kubectl):
    refused_connection = "The connection to the server 192.0.2.9:6443 was refused - did you specify the right host or port?"
    with pytest.raises(BlockStructureError) as refused:
        kubectl_client.cluster(kubectl(f"echo noise >&2; echo '{refused_connection}' >&2; exit 1"), "site")
    assert str(refused.value) == (
        f"The Kubernetes API of the context site does not answer: {refused_connection}\n"
        "Remedy: check the network or VPN to the cluster, and renew the login of the kubeconfig; `kubectl get --raw /readyz` "
        "says when it answers."
    )


PLATFORMS = {"tutor_local": {"tutor": True}}


@pytest.fixture
def on_tutor(variables):
    return {**variables, "block_structure_platform": "tutor_local"}


def messages(wanted: desired.Resolution) -> list[str]:
    return [str(error) for error in wanted.errors]


def test_memcached_in_the_inventory_of_a_tutor_site_is_refused(on_tutor, variables, table):
    given_variables = {
        **on_tutor,
        "block_structure_memcached_item_size": "3m",
        "block_structure_memcached_growth_percent": 50,
    }
    wanted = desired.resolve(given_variables, table, platforms=PLATFORMS, defaults=variables, memcached_hosts=["cache1"])
    tail = (
        "and the cache of Tutor 20 (teak) is Redis, to which it does not apply.\n"
        "Remedy: remove it; size Redis with Tutor's patch redis-conf (docs/tutor.md)."
    )
    assert messages(wanted) == [
        f"The group block_structure_memcached has cache1, {tail}",
        f"block_structure_memcached_item_size is set, {tail}",
    ]


def test_before_redis_tutor_runs_its_own_memcached_container(on_tutor, variables, table):
    given_variables = {**on_tutor, "block_structure_release": "juniper"}
    wanted = desired.resolve(given_variables, table, platforms=PLATFORMS, defaults=variables, memcached_hosts=["cache1"])
    assert messages(wanted) == [
        (
            "The group block_structure_memcached has cache1, and the cache of Tutor 10 (juniper) is a memcached in its own "
            "container, to which it does not apply.\n"
            "Remedy: remove it; that container keeps memcached's defaults (docs/tutor.md)."
        )
    ]


def test_memcached_client_limits_do_not_apply_to_redis(on_tutor, variables, table):
    wanted = desired.resolve({**on_tutor, "block_structure_release": "palm"}, table, platforms=PLATFORMS, defaults=variables)
    assert wanted.errors == ()
    row = wanted.desired.release
    assert (row.cache_client, row.client_item_limit_bytes) == ("django-redis", None)
    assert table["palm"]["client_item_limit_bytes"] == 1048576


def test_a_platform_without_a_vars_file_is_refused(variables, table):
    wanted = desired.resolve({**variables, "block_structure_platform": "devstack"}, table, platforms=PLATFORMS)
    assert messages(wanted) == [
        "block_structure_platform is 'devstack', which this role does not know.\nRemedy: set it to one of tutor_local."
    ]


MIB = 1024 * 1024
SERVER = {"maxmemory": 512 * MIB, "maxmemory_policy": "allkeys-lru", "used_memory": 1, "evicted_keys": 0, "version": "7.4"}


def redis_messages(release: Any, **changed: Any) -> list[str]:
    ten = [surveys.entry(bytes=10 * MIB, key=f"course-v1:X+{number}+1") for number in range(10)]
    snapshot = Snapshot(
        release("teak"), {**surveys.survey(), "cache_server": {**SERVER, **changed}, "courses": ten}, headroom=Headroom(30, 64)
    )
    return [finding.as_dict()["message"] for finding in redis.find(snapshot)]


@pytest.mark.parametrize(
    "location",
    ["192.0.2.5:11211;192.0.2.6:11211", "192.0.2.5:11211, 192.0.2.6:11211", ["192.0.2.5:11211", "192.0.2.6:11211"]],
    ids=["semicolon", "comma", "list"],
)
def test_several_servers_are_found_in_every_form_that_django_takes(location):
    assert facts.cache_locations({"LOCATION": location}) == ["192.0.2.5:11211", "192.0.2.6:11211"]


@pytest.mark.parametrize("location", ["redis://@127.0.0.1:6379/1", ["redis://user:word@127.0.0.1:6379/1"]])
def test_cache_has_the_same_name_in_workers_and_processes_without_password(location):
    reported = running._comparable_of_worker({"CACHES": {"default": {"LOCATION": location}}})
    assert reported["cache_locations"] == facts.cache_locations({"LOCATION": location}) == ["redis://127.0.0.1:6379/1"]


def test_sufficient_redis_is_no_finding(release):
    assert redis_messages(release) == []
    assert redis.find(Snapshot(release("teak"), surveys.survey())) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"maxmemory": 100 * MIB},
            (
                "Redis holds at most 100 MiB (maxmemory); the structures and everything else need 195 MiB.\n"
                "Remedy: set `maxmemory 195mb` or more with Tutor's patch redis-conf."
            ),
        ),
        (
            {"maxmemory": 0},
            (
                "Redis has no maxmemory: it grows until its host or pod runs out of memory.\n"
                "Remedy: set `maxmemory 195mb` or more and `maxmemory-policy allkeys-lru` with Tutor's patch redis-conf."
            ),
        ),
        (
            {"maxmemory_policy": "noeviction"},
            (
                "The maxmemory-policy of Redis is noeviction: it rejects writes when it is full.\n"
                "Remedy: set `maxmemory-policy allkeys-lru` with Tutor's patch redis-conf."
            ),
        ),
        (
            {"maxmemory_policy": "volatile-lru"},
            (
                "The maxmemory-policy of Redis is volatile-lru: it evicts only what expires; structures never do.\n"
                "Remedy: set `maxmemory-policy allkeys-lru` with Tutor's patch redis-conf."
            ),
        ),
        (
            {"error": {"type": "ConnectionError", "message": "Connection refused."}},
            (
                "The LMS cannot connect to its Redis: ConnectionError: Connection refused.\n"
                "Remedy: start Redis, or correct REDIS_HOST and REDIS_PORT in Tutor's configuration."
            ),
        ),
    ],
)
def test_a_redis_that_loses_structures_is_reported(release, changed, message):
    assert redis_messages(release, **changed) == [message]


def redis_findings(release: Any, cached: bool, **changed: Any) -> list[dict[str, Any]]:
    one = [surveys.entry(bytes=10 * MIB, key="course-v1:X+1+1", cached=cached)]
    survey = {**surveys.survey(), "cache_server": {**SERVER, **changed}, "courses": one}
    return [finding.as_dict() for finding in redis.find(Snapshot(release("teak"), survey, headroom=Headroom(30, 64)))]


def test_evictions_of_redis_are_a_warning_while_a_structure_is_not_cached(release):
    evicting = {"evicted_keys": 7, "used_memory": 500 * MIB, "uptime_in_seconds": 60}
    (finding,) = redis_findings(release, cached=False, **evicting)
    assert (finding["id"], finding["severity"]) == ("redis-evictions", "warning")
    assert finding["message"] == (
        "Redis evicted 7 keys in 60 s, which may have been structures; it holds 500 MiB now.\n"
        "Remedy: set `maxmemory 1024mb` or more with Tutor's patch redis-conf."
    )
    assert finding["evidence"]["courses_not_cached"] == ["course-v1:X+1+1"]
    (finding,) = redis_findings(release, cached=True, **evicting)
    assert finding["severity"] == "info"
    assert redis_findings(release, cached=False) == []


@given(st.lists(st.integers(0, 5 * MIB)), st.integers(0, 200), st.integers(0, 512), st.integers(1, MIB))
def test_redis_memory_grows_with_its_content(sizes, growth, others, more):
    needed = redis_sizing.needed_bytes(sizes, growth, others)
    assert needed >= sum(sizes) + others * MIB
    assert redis_sizing.needed_bytes([*sizes, more], growth, others) > needed


MANAGE_PY = """
import json, os, sys
settings = sys.modules[os.environ["DJANGO_SETTINGS_MODULE"]]
print(json.dumps({"argv": sys.argv, "value": settings.VALUE, "name": settings.__name__, "rest": sys.stdin.read()}))
"""


def test_loader_boots_manage_py_with_settings_from_stdin(tmp_path):
    package = tmp_path / "lms" / "envs" / "tutor"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "production.py").write_text("VALUE = 'in place'\n")
    (tmp_path / "manage.py").write_text(MANAGE_PY)
    source = "# -*- coding: utf-8 -*-\nVALUE = 'the candidaté'\n"
    ended = subprocess.run(
        [sys.executable, "-c", probe_client.SETTINGS_LOADER, "lms", "shell"],
        input=json.dumps(source) + "\nprint('probe')\n",
        cwd=tmp_path,
        env={"DJANGO_SETTINGS_MODULE": "lms.envs.tutor.production"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ended.stdout) == {
        "argv": ["./manage.py", "lms", "shell"],
        "value": "the candidaté",
        "name": "lms.envs.tutor.production",
        "rest": "print('probe')\n",
    }


def test_loader_is_valid_syntax_for_old_pythons():
    ast.parse(probe_client.SETTINGS_LOADER, feature_version=(3, 5))
