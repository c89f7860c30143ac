"""What `tutor k8s start` would apply, as the real kubectl renders it: settings reach the pods, and a change rolls them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from .conftest import REQUIRED, ROOT, SERIES, Tutor, pip_install

SUPPORTED = [series for series in SERIES if series >= 15]
CHOSEN = SUPPORTED if os.environ.get("BLOCK_STRUCTURE_SLOW") else (max(SUPPORTED),)
BUCKET = "BLOCK_STRUCTURE_STORAGE_BUCKET=example-block-structures"


@pytest.fixture(scope="module", params=CHOSEN)
def tutor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tutor:
    """A saved environment of one series, with the plugin enabled and nothing configured."""
    installed = pip_install(tmp_path_factory.mktemp("installed"), ROOT)
    made = Tutor(request.param, tmp_path_factory.mktemp(f"tutor-{request.param}"), installed, REQUIRED)
    made.run("config", "save")
    made.run("plugins", "enable", "block-structure")
    made.run("config", "save")
    return made


def applied(tutor: Tutor) -> dict[tuple[str, str], dict[str, Any]]:
    """Return {(kind, name): object} of what kubectl would send to the cluster. It asks none."""
    kubectl = shutil.which("kubectl")
    assert kubectl, "run scripts/dev/setup kubectl"
    argv = [kubectl, "kustomize", str(tutor.root / "env")]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "KUBECONFIG": os.devnull})
    assert ended.returncode == 0, ended.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(ended.stdout)}


def mounted(objects: dict[tuple[str, str], dict[str, Any]], deployment: str) -> set[str]:
    """Return the names of the config maps that the pods of a deployment mount."""
    pod = objects["Deployment", deployment]["spec"]["template"]["spec"]
    return {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}


def settings(objects: dict[tuple[str, str], dict[str, Any]], deployment: str) -> str:
    """Return the settings that the pods of a deployment mount, as text."""
    maps = [objects["ConfigMap", name]["data"] for name in sorted(mounted(objects, deployment))]
    return "\n".join(data["production.py"] for data in maps if "production.py" in data)


def test_settings_reach_the_pods_which_roll_when_they_change(tutor: Tutor) -> None:
    before = applied(tutor)
    tutor.run("config", "save", "--set", BUCKET)
    after = applied(tutor)
    for deployment in ("lms", "lms-worker", "cms", "cms-worker"):
        assert "example-block-structures" not in settings(before, deployment)
        assert "example-block-structures" in settings(after, deployment)
        # The name of a config map ends in a digest of its content, so the template of the pod differs.
        assert mounted(before, deployment) != mounted(after, deployment)
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert {kind for kind, _name in changed} == {"Deployment", "Job"}
    tutor.run("config", "save", "--unset", BUCKET.partition("=")[0])
    assert applied(tutor) == before


def test_a_pod_gets_learners_once_it_answers_with_the_plugin_of_the_documents(tutor: Tutor) -> None:
    for deployment in ("lms", "cms"):
        assert "readinessProbe" not in container(tutor, deployment)
    shutil.copy(ROOT / "docs/tutor-plugins/readiness.yml", tutor.plugins)
    tutor.run("plugins", "enable", "readiness")
    tutor.run("config", "save", "--set", "LMS_HOST=lms.example.com", "--set", "CMS_HOST=studio.example.com")
    for deployment, host in (("lms", "lms.example.com"), ("cms", "studio.example.com")):
        asked = container(tutor, deployment)["readinessProbe"]["httpGet"]
        assert (asked["path"], asked["httpHeaders"]) == ("/heartbeat", [{"name": "Host", "value": host}])
        assert asked["port"] in [port["containerPort"] for port in container(tutor, deployment)["ports"]]
    tutor.run("plugins", "disable", "readiness")
    tutor.run("config", "save")


def container(tutor: Tutor, deployment: str) -> dict[str, Any]:
    """Return the only container of a deployment's pods."""
    [one] = applied(tutor)["Deployment", deployment]["spec"]["template"]["spec"]["containers"]
    return dict(one)
