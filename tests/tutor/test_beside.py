"""The plugin that pip installs beside plugins of others from PyPI that patch the same places, in the newest Tutor.

Theirs is rendered as without ours, ours as without theirs, and a plugin of ours that goes leaves no byte. BLOCK_STRUCTURE_SLOW
takes each of them alone too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from .conftest import REQUIRED, ROOT, SERIES, Tutor, others_plugin, pip_install

NEWEST = max(SERIES)
# Package -> its name for Tutor.
OTHERS = {
    "tutor-minio": "minio",
    "tutor-forum": "forum",
    "tutor-mfe": "mfe",
    "tutor-notes": "notes",
    "tutor-contrib-sentry": "sentry",
    "tutor-contrib-pod-autoscaling": "pod-autoscaling",
}
# Those that patch what the readiness plugin patches (k8s-override); the others patch the settings of LMS or Studio.
OVERRIDES = {"pod-autoscaling"}
ALONE = [name for name in OTHERS.values() if name not in OVERRIDES] if os.environ.get("BLOCK_STRUCTURE_SLOW") else ["mfe"]
NAME = "block-structure"
BUCKET = "example-block-structures"
SETTINGS = {
    "STORAGE_BUCKET": BUCKET,
    "STORAGE_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com",
    "REDIS_MAXMEMORY_MB": "6144",
}
ASKED = [word for name, value in SETTINGS.items() for word in ("--set", f"BLOCK_STRUCTURE_{name}={value}")]
SYSTEMS = ("lms", "cms")


@pytest.fixture(scope="module")
def tutor(tmp_path_factory: pytest.TempPathFactory) -> Tutor:
    """A saved environment with every package installed and no plugin enabled."""
    installed = pip_install(tmp_path_factory.mktemp("installed"), ROOT)
    others = [others_plugin(package, NEWEST) for package in OTHERS]
    made = Tutor(NEWEST, tmp_path_factory.mktemp("tutor"), installed, *others, REQUIRED)
    shutil.copy(ROOT / "docs/tutor-plugins/readiness.yml", made.plugins)
    made.run("config", "save")
    # Enabled by default, once they are installed.
    made.run("plugins", "disable", "mfe", "indigo")
    made.run("config", "save")
    return made


def files(tutor: Tutor) -> dict[str, bytes]:
    """Return every file of the rendered environment."""
    root = tutor.root / "env"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def enable(tutor: Tutor, *names: str) -> dict[str, bytes]:
    """Enable plugins and return what is rendered then."""
    tutor.run("plugins", "enable", *names)
    tutor.run("config", "save")
    return files(tutor)


def disable(tutor: Tutor, *names: str) -> dict[str, bytes]:
    """Disable plugins and return what is rendered then."""
    tutor.run("plugins", "disable", *names)
    tutor.run("config", "save")
    return files(tutor)


def settings_of(rendered: dict[str, bytes]) -> list[bytes]:
    """Return the rendered settings of LMS and Studio."""
    return [rendered[f"apps/openedx/settings/{system}/production.py"] for system in SYSTEMS]


@pytest.mark.parametrize("name", ALONE)
def test_beside_one_that_patches_the_settings_both_are_in_force_and_ours_leaves_no_byte(tutor: Tutor, name: str) -> None:
    stock = files(tutor)
    alone = enable(tutor, name)
    try:
        assert settings_of(alone) != settings_of(stock)
        theirs = {system: tutor.settings(system) for system in SYSTEMS}
        enable(tutor, NAME)
        tutor.run("config", "save", *ASKED)
        for system in SYSTEMS:
            both = tutor.settings(system)
            ours = both["BLOCK_STRUCTURES_SETTINGS"]
            assert ours["STORAGE_KWARGS"]["bucket_name"] == BUCKET
            assert {**both, "BLOCK_STRUCTURES_SETTINGS": 0} == {**theirs[system], "BLOCK_STRUCTURES_SETTINGS": 0}
        assert (tutor.root / "env/apps/redis/redis.conf").read_text().rstrip().endswith("maxmemory-policy allkeys-lru")
        planned = tutor.end(NAME, "plan")
        assert "Nothing would change." in planned.stdout, planned.stdout + planned.stderr
        assert disable(tutor, NAME) == alone
    finally:
        disable(tutor, NAME, name)


def deployments(tutor: Tutor) -> dict[str, Any]:
    """Return the containers of LMS and Studio as the real kubectl renders them. It asks no cluster."""
    kubectl = shutil.which("kubectl")
    assert kubectl, "run scripts/dev/setup kubectl"
    shown = subprocess.run([kubectl, "kustomize", tutor.root / "env"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    found = {one["metadata"]["name"]: one for one in yaml.safe_load_all(shown.stdout) if one["kind"] == "Deployment"}
    return {system: found[system]["spec"]["template"]["spec"]["containers"][0] for system in SYSTEMS}


def test_all_of_them_and_ours_reach_the_pods(tutor: Tutor) -> None:
    """With the readiness probe, which goes into the same override as the limits of pod-autoscaling."""
    theirs = enable(tutor, *OTHERS.values())
    try:
        limits = {system: container["resources"] for system, container in deployments(tutor).items()}
        enable(tutor, NAME, "readiness")
        tutor.run("config", "save", *ASKED)
        for system, container in deployments(tutor).items():
            assert container["resources"] == limits[system]
            assert container["readinessProbe"]["httpGet"]["path"] == "/heartbeat"
            assert tutor.settings(system)["BLOCK_STRUCTURES_SETTINGS"]["STORAGE_KWARGS"]["bucket_name"] == BUCKET
        assert disable(tutor, NAME, "readiness") == theirs
    finally:
        disable(tutor, NAME, "readiness", *OTHERS.values())
