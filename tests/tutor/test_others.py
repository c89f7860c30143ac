"""Plugins of others beside the role's, in the real Tutor: who sets block structures too is named, however it was installed.

BLOCK_STRUCTURE_SLOW takes every series from 14 on, each with its own tutor-minio; without it one old series and the newest.
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

from .conftest import REQUIRED, SERIES, Tutor, others_plugin, pip_install

SUPPORTED = [series for series in SERIES if series >= 14]
NEWEST = max(SUPPORTED)
CHOSEN = SUPPORTED if os.environ.get("BLOCK_STRUCTURE_SLOW") else (15, NEWEST)
# Others of the newest series that set the storage of something else, or where tasks go -> their names for Tutor.
OTHERS = {"tutor-contrib-s3scorm": "s3scorm", "tutor-contrib-celery": "celery"}
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
    names = ("tutor-minio", *(OTHERS if series == NEWEST else ()))
    others = [others_plugin(name, series) for name in names]
    made = Tutor(series, folder, pip_install(folder / "packages", source), *others, REQUIRED)
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


@pytest.mark.parametrize("tutor", [NEWEST], indirect=True)
def test_others_that_set_storages_and_queues_change_nothing_of_ours(tutor: Tutor) -> None:
    before = effective(tutor)
    tutor.run("plugins", "enable", *OTHERS.values())
    try:
        tutor.run("config", "save")
        rendered = (tutor.root / "env/apps/openedx/settings/lms/production.py").read_text()
        assert "def scorm_storage(xblock):" in rendered and "CELERY_ACKS_LATE = True" in rendered
        assert effective(tutor) == before
    finally:
        tutor.run("plugins", "disable", *OTHERS.values())
        tutor.run("config", "save")


def patching(name: str, where: str) -> tuple[str, str]:
    """Return path and text of a plugin in YAML that sets our key in one patch."""
    return f"{name}.yml", yaml.safe_dump({"name": name, "version": "1.0", "patches": {where: THEIRS}})


@pytest.mark.parametrize("name", ["site_storage", "a_site_storage", "site-packaged", "studio_storage"])
def test_a_plugin_that_comes_later_is_named_before_anything_changes(tutor: Tutor, name: str) -> None:
    kinds = {
        "site_storage": patching(name, "openedx-common-settings"),
        "a_site_storage": ("a_site_storage.py", MODULE),
        "studio_storage": patching(name, "openedx-cms-production-settings"),
    }
    path, text = kinds.get(name, (None, ""))
    if path:
        (tutor.plugins / path).write_text(text)
    tutor.run("plugins", "enable", name)
    tutor.run("config", "save")
    try:
        live = effective(tutor)
        if all(own["STORAGE_KWARGS"] == OURS["STORAGE_KWARGS"] for own in live.values()):
            # Before 15.3.2 the order of plugins made some come earlier; then it is the role's that counts.
            candidate.judge_effective(live, OURS, lambda: pytest.fail("nobody is to blame"))
            return
        with pytest.raises(candidate.BlockStructureError) as refused:
            candidate.judge_effective(live, OURS, lambda: named(tutor))
        assert refused.value.identifier == "settings-overridden"
        who = "Studio" if name == "studio_storage" else "the LMS and Studio"
        assert f"after the role's settings ({name}), and {who} would run with it: " in refused.value.cause
    finally:
        tutor.run("plugins", "disable", name)
        if path:
            (tutor.plugins / path).unlink()
