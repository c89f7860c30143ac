"""Execute the settings that Tutor rendered for one system, and write what came out as JSON.

Usage: execute_settings.py ENVIRONMENT lms|cms. The modules of edx-platform that they import are stand-ins: the names come from
molecule/tutor/image/tutor_base.py, and the YAML or JSON that Tutor rendered beside them is ENV_TOKENS, as in the platform.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import sys
import types
import warnings
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

# As edx-platform defines it before any settings of Tutor.
_FILES = "django.core.files.storage.FileSystemStorage"
STORAGES = {
    "STORAGES": {name: {"BACKEND": _FILES} for name in ("default", "staticfiles")},
    "USER_TASKS_ARTIFACT_STORAGE": _FILES,
    "XBLOCK_SETTINGS": {},
}
STOCK = {"COURSE_PUBLISH_TASK_DELAY": 30, "TASK_DEFAULT_RETRY_DELAY": 30, "TASK_MAX_RETRIES": 5, "KEPT": True}


def stand_in(name: str, **names: object) -> None:
    """Make a module importable, and the packages above it."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        module = sys.modules.setdefault(".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
        module.__path__ = []  # type: ignore[attr-defined]
    vars(sys.modules[name]).update(names)


def main(environment: Path, system: str) -> None:
    """Execute one system's production.py; it makes no folders here."""
    sys.path.insert(0, str(ROOT / "molecule" / "tutor" / "image"))
    tutor_base = importlib.import_module("tutor_base")
    (config,) = (environment / "apps/openedx/config").glob(f"{system}.env.*")
    base = tutor_base.extend({"BLOCK_STRUCTURES_SETTINGS": dict(STOCK), **STORAGES}, yaml.safe_load(config.read_text()))
    stand_in(f"{system}.envs.production", **base)
    stand_in("xmodule.modulestore.modulestore_settings", update_module_store_settings=tutor_base.update_module_store_settings)
    old = {f"RemovedInDjango{number}Warning": DeprecationWarning for number in (30, 31, 40, 41, 50, 51)}
    stand_in("django.utils.deprecation", **old)
    stand_in("rest_framework", RemovedInDRF310Warning=DeprecationWarning, RemovedInDRF311Warning=DeprecationWarning)
    # Of the image's Python, where tutor-minio derives from it up to Tutor 17.
    stand_in("storages.backends.s3boto3", S3Boto3Storage=object)
    os.makedirs = lambda *_, **__: None  # type: ignore[assignment]
    warnings.simplefilter("ignore")
    settings = runpy.run_path(str(environment / f"apps/openedx/settings/{system}/production.py"))
    wanted = ("BLOCK_STRUCTURES_SETTINGS", "BLOCK_STRUCTURE_RUNTIME", "CACHES", "FEATURES")
    report = {name: settings.get(name) for name in wanted}
    json.dump({**report, "thresholds": gc.get_threshold()}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
