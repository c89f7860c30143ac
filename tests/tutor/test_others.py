"""Plugins of others beside the role's, in the real Tutor: who sets block structures too is named, however it was installed.

BLOCK_STRUCTURE_SLOW takes every series from 14 on; without it the newest.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
import yaml
from block_structure.module_utils.decisions import candidate
from block_structure.module_utils.host import tutor_patches
from block_structure.plugin_utils import tutor_plugin

from .conftest import REQUIRED, SERIES, Tutor, pip_install, tutor_minio

SUPPORTED = [series for series in SERIES if series >= 14]
CHOSEN = SUPPORTED if os.environ.get("BLOCK_STRUCTURE_SLOW") else (max(SUPPORTED),)
KEY = "BLOCK_STRUCTURES_SETTINGS"
OURS = {"STORAGE_CLASS": "storages.backends.s3boto3.S3Boto3Storage", "STORAGE_KWARGS": {"bucket_name": "ours"}}
THEIRS = f'{KEY}["STORAGE_CLASS"] = "a.B"\n{KEY}["STORAGE_KWARGS"] = {{"bucket_name": "site-media"}}'
# A plugin of the first kind (Tutor 14 and later), as a file and as a package.
MODULE = f"""from tutor import hooks

hooks.Filters.ENV_PATCHES.add_item(("openedx-common-settings", {THEIRS!r}))
"""
PACKAGE = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "tutor-contrib-site-storage"
version = "1.0.0"
[project.entry-points."tutor.plugin.v1"]
site-packaged = "site_packaged"
[tool.setuptools]
py-modules = ["site_packaged"]
"""


@pytest.fixture(scope="module", params=CHOSEN)
def tutor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tutor:
    """A site of one series with the role's plugin, tutor-minio of the series, and no plugin of others yet."""
    series = request.param
    folder = tmp_path_factory.mktemp(f"others-{series}")
    source = folder / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(PACKAGE)
    (source / "site_packaged.py").write_text(MODULE)
    made = Tutor(series, folder, pip_install(folder / "packages", source), tutor_minio(series), REQUIRED)
    (made.plugins / "block_structure.yml").write_text(tutor_plugin.render({KEY: OURS}))
    made.run("config", "save")
    for name in ("block_structure", "minio"):
        made.run("plugins", "enable", name)
    made.run("config", "save")
    return made


def named(tutor: Tutor) -> list[str]:
    """Return whom the candidate step names."""
    environment = ["env", f"PYTHONPATH={tutor.path}", f"TUTOR_PLUGINS_ROOT={tutor.plugins}"]
    program = "from tutor.commands.cli import main; main()"
    argv = [*environment, sys.executable, "-S", "-c", program, "--root", str(tutor.root)]
    enabled = yaml.safe_load((tutor.root / "config.yml").read_text())["PLUGINS"]
    found = tutor_patches.setting(argv, str(tutor.root), enabled, KEY)
    assert sorted(yaml.safe_load((tutor.root / "config.yml").read_text())["PLUGINS"]) == sorted(enabled)
    return found


def effective(tutor: Tutor) -> dict[str, dict[str, Any]]:
    """Return what LMS and Studio would have."""
    return {system: tutor.settings(system)[KEY] for system in ("lms", "cms")}


def test_tutor_minio_sets_other_storages_and_is_not_blamed(tutor: Tutor) -> None:
    live = effective(tutor)
    assert {own["STORAGE_KWARGS"]["bucket_name"] for own in live.values()} == {"ours"}
    candidate.judge_effective(live, OURS, lambda: pytest.fail("nobody is to blame"))
    assert named(tutor) == []


@pytest.mark.parametrize("name", ["site_storage", "a_site_storage", "site-packaged"])
def test_a_plugin_that_comes_later_is_named_before_anything_changes(tutor: Tutor, name: str) -> None:
    patch = {"name": name, "version": "1.0", "patches": {"openedx-common-settings": THEIRS}}
    kinds = {"site_storage": ("site_storage.yml", yaml.safe_dump(patch)), "a_site_storage": ("a_site_storage.py", MODULE)}
    path, text = kinds.get(name, (None, ""))
    if path:
        (tutor.plugins / path).write_text(text)
    tutor.run("plugins", "enable", name)
    tutor.run("config", "save")
    try:
        live = effective(tutor)
        if live["lms"]["STORAGE_KWARGS"] == OURS["STORAGE_KWARGS"]:
            # Before 15.3.2 the order of plugins made some come earlier; then it is the role's that counts.
            candidate.judge_effective(live, OURS, lambda: pytest.fail("nobody is to blame"))
            return
        with pytest.raises(candidate.BlockStructureError) as refused:
            candidate.judge_effective(live, OURS, lambda: named(tutor))
        assert refused.value.identifier == "settings-overridden"
        assert f"after the role's settings ({name}), and the LMS and Studio would run with it: " in refused.value.cause
    finally:
        tutor.run("plugins", "disable", name)
        if path:
            (tutor.plugins / path).unlink()
