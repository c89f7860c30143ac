"""The execution environment: ansible-builder accepts it, and it has what this collection and its dependencies ask for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from .conftest import COLLECTION, DEPENDENCIES, NEWEST, OLDEST, ROOT

BUILDER = Path(sys.executable).with_name("ansible-builder")
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())


def built(*argv: str | Path) -> str:
    """Return what ansible-builder prints."""
    done = subprocess.run([BUILDER, *argv], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Path:
    """The folder that podman or docker builds the image from."""
    folder = tmp_path_factory.mktemp("context")
    built("create", "--context", folder, "--output-filename", "Containerfile")
    return folder


def test_the_image_gets_the_collection_from_where_the_collection_says_it_is(context):
    (collection,) = yaml.safe_load((context / "_build/requirements.yml").read_text())["collections"]
    assert (collection["name"], collection["type"]) == (f"{GALAXY['repository']}.git", "git")
    # git is needed for that, in the stage that fetches.
    stage = (context / "Containerfile").read_text().partition("AS galaxy")[2].partition("AS builder")[0]
    assert stage.index("install -y git-core") < stage.index("ansible-galaxy collection install")


def test_the_image_gets_the_releases_of_ansible_that_the_collection_claims(context):
    stated = re.search(r'ANSIBLE_INSTALL_REFS="(.+)"', (context / "Containerfile").read_text())
    assert stated is not None
    installed = {found.name: found.specifier for found in map(Requirement, stated[1].split())}
    claimed = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"]
    assert installed["ansible-core"] == Requirement(f"ansible-core{claimed}").specifier
    wheel = map(Requirement, tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    assert installed["ansible-runner"] == next(found for found in wheel if found.name == "ansible-runner").specifier


def test_every_supported_ansible_runs_on_the_python_of_the_image(context):
    minor = re.search(r'PYCMD="/usr/bin/python3\.(\d+)"', (context / "Containerfile").read_text())
    assert minor is not None
    assert all(int(minor[1]) in core.pythons for core in (OLDEST, NEWEST))


def test_the_image_gets_what_the_collection_and_its_dependencies_ask_for(tmp_path):
    """Read by ansible-builder itself from the collections, as it does inside of the image."""
    for name, source in ((COLLECTION, ROOT), ("amazon.aws", DEPENDENCIES / "ansible_collections/amazon/aws")):
        path = tmp_path / "ansible_collections" / name.replace(".", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(source)
    assert set(GALAXY["dependencies"]) == {"amazon.aws"}
    found = yaml.safe_load(built("introspect", tmp_path))
    assert {Requirement(line.partition("#")[0].strip()).name for line in found["python"]} == {"boto3", "botocore"}
    own = [line.partition("  #")[0] for line in found["system"] if line.endswith(f"from collection {COLLECTION}")]
    assert own == ["openssh-clients [platform:rpm]", "openssh-client [platform:dpkg]"]
