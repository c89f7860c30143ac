"""The role's plugin in the real Tutor of each series: enabled, rendered, and the rendered settings executed.

BLOCK_STRUCTURE_SLOW takes every series from 3 to 22; without it the oldest, the first with Redis, those of the demo's release
and of the sandbox's default one, and the newest. Each is installed once, into .cache/tutor.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
import yaml
from block_structure.plugin_utils import tutor_plugin

from .conftest import ROOT, SERIES, Tutor

SHORT = (min(SERIES), 11, 16, 20, max(SERIES))
CHOSEN = list(SERIES) if os.environ.get("BLOCK_STRUCTURE_SLOW") else SHORT
TABLE = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
# Braces, quotes and letters beyond ASCII must come through YAML, Jinja and Python as they are.
SETTINGS: dict[str, Any] = {
    "BLOCK_STRUCTURES_SETTINGS": {
        "COURSE_PUBLISH_TASK_DELAY": 45,
        "DIRECTORY_PREFIX": "block_structures/",
        "STORAGE_CLASS": "storages.backends.s3boto3.S3Boto3Storage",
        "STORAGE_KWARGS": {
            "bucket_name": "example",
            "secret_key": "{{ a }}{% b %}'\"\\é",
            "default_acl": None,
            "file_overwrite": True,
        },
    }
}


SOURCES = tutor_plugin.sources(ROOT / "plugins/module_utils/probe/block_structure_runtime")
# The warnings of Django that the settings import in order to silence them, by the major release that removes.
PAIR = r"^from django\.utils\.deprecation import RemovedInDjango(?P<major>\d)0Warning, RemovedInDjango(?P=major)1Warning"
RUNTIME = tutor_plugin.Runtime("out_of_band", "hash_once", SOURCES)


@pytest.fixture(scope="module", params=CHOSEN)
def tutor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tutor:
    """A saved environment of one series, without any plugin."""
    made = Tutor(request.param, tmp_path_factory.mktemp(f"tutor-{request.param}"))
    made.run("config", "save")
    return made


def test_the_plugin_reaches_lms_and_studio_and_goes_again(tutor: Tutor) -> None:
    stock = {system: tutor.settings(system) for system in ("lms", "cms")}
    path = tutor.plugins / "block_structure.yml"
    path.write_text(tutor_plugin.render(SETTINGS, RUNTIME))
    tutor.run("plugins", "enable", "block_structure")
    tutor.run("config", "save")
    for system, before in stock.items():
        kept = before["BLOCK_STRUCTURES_SETTINGS"]
        settings = tutor.settings(system)
        assert settings["BLOCK_STRUCTURES_SETTINGS"] == {**kept, **SETTINGS["BLOCK_STRUCTURES_SETTINGS"]}
        # Only the LMS and its workers have structures to read; what executes the settings here is neither, and left as it is.
        wanted = {"collector": "out_of_band", "keys": "hash_once"} if system == "lms" else None
        assert settings["BLOCK_STRUCTURE_RUNTIME"] == wanted
        assert settings["thresholds"] == before["thresholds"]
    tutor.run("plugins", "disable", "block_structure")
    path.unlink()
    tutor.run("config", "save")
    assert {system: tutor.settings(system) for system in stock} == stock


def test_what_the_role_asks_of_tutor_is_answered(tutor: Tutor) -> None:
    version = tutor.run("--version").rpartition(" ")[2]
    assert (tutor.root / "env" / "version").read_text().strip() == version
    assert tutor.run("config", "printroot") == str(tutor.root)
    assert tutor.run("plugins", "printroot") == str(tutor.plugins)
    assert tutor.run("config", "printvalue", "PLUGINS").startswith("[")
    assert tutor.run("config", "printvalue", "K8S_NAMESPACE") == "openedx"


@pytest.fixture(scope="module")
def row(tutor: Tutor) -> dict[str, Any]:
    """The release table's row for the release that this Tutor runs."""
    major = int(tutor.run("--version").rpartition(" ")[2].split(".")[0])
    (found,) = (row for row in TABLE.values() if row["tutor_major"] == major)
    return found


def test_the_cache_is_the_one_of_the_release_table(tutor: Tutor, row: dict[str, Any]) -> None:
    """Memcached up to Tutor 10, Redis from 11 on: what the role's messages and its verdict on Redis rest on."""
    caches = tutor.settings("lms")["CACHES"]
    if caches is None:  # up to Tutor 10 the cache stands in the environment's file
        (config,) = (tutor.root / "env/apps/openedx/config").glob("lms.env.*")
        caches = yaml.safe_load(config.read_text())["CACHES"]
    assert row["tutor_cache"] in caches["default"]["BACKEND"].lower()
    assert row["tutor_cache"] in str(caches["default"]["LOCATION"])


def test_the_image_names_the_settings_files_as_the_release_table_does(tutor: Tutor, row: dict[str, Any]) -> None:
    """Nothing else names them there, so these are the variables that LMS and Studio of the release read."""
    dockerfile = (tutor.root / "env/build/openedx/Dockerfile").read_text()
    named = set(re.findall(r"^ENV (CONFIG_ROOT|LMS_CFG|CMS_CFG|STUDIO_CFG)\b", dockerfile, re.MULTILINE))
    assert named == set(row["config_env"].values())


def test_the_django_is_the_one_of_the_release_table(tutor: Tutor, row: dict[str, Any]) -> None:
    """Django has both warnings of a pair in one release alone, X.2 of the major before. Imports within `try` say nothing."""
    sources = [path.read_text() for path in (tutor.root / "env/apps/openedx/settings/lms").glob("*.py")]
    pairs = [found for text in sources for found in re.findall(PAIR, text, re.MULTILINE)]
    if not pairs:
        pytest.skip("this series imports no warnings of Django")
    assert {f"{int(major) - 1}.2" for major in pairs} == {row["django"]}
