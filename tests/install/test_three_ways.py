"""The three ways to install, each from an empty directory: a clone, the collection, and the role by its name."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.decisions import releases
from block_structure.module_utils.host import memcached_client

from ..unit.surveys import survey
from .conftest import BAD_BUCKET, COLLECTION, DEPENDENCIES, NEWEST, OLDEST, REFUSED, ROOT, Core, Installation, refusal

CORES = pytest.mark.parametrize("core", [OLDEST, NEWEST], ids=lambda core: core.version)
RELEASES = ROOT / "roles" / "block_structure" / "vars" / "releases.yml"


def write(path: Path, data: Any) -> Path:
    """Write data as YAML and return the path."""
    path.write_text(yaml.safe_dump(data))
    return path


def play(hosts: str) -> dict[str, Any]:
    """Return a play of an operator that has the role by its name."""
    return {"name": "Block structures", "hosts": hosts, "gather_facts": False, "roles": [f"{COLLECTION}.block_structure"]}


def groups(lms: dict[str, Any], memcached: dict[str, Any]) -> dict[str, Any]:
    """Return an inventory with an LMS host and a memcached host of its own, both this machine and both without Open edX."""
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "block_structure_storage_bucket": "example-block-structures",
        "block_structure_manage_bucket": False,  # the first thing that a deploy looks at, and these installations have no boto3
        # Whatever runs on this machine is not to be found.
        **{f"block_structure_{name}": "/nonexistent" for name in ("native_code_dir", "tutor_command", "tutor_kubectl")},
    }
    return {
        "block_structure_lms": {"hosts": {"lms1": {**shared, **lms}}},
        "block_structure_memcached": {"hosts": {"cache1": {**shared, **memcached}}},
    }


def refusals(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return the cause by host of everything that a run refused."""
    failed = re.findall(r"^fatal: \[(\S+)\]: FAILED! =>(.*?)(?=^\S|\Z)", done.stdout, flags=re.MULTILINE | re.DOTALL)
    return {host: str(yaml.safe_load(answer)["error"]["cause"]) for host, answer in failed}


@pytest.fixture
def memcached(tmp_path):
    """The socket of a real memcached with its stock flags."""
    socket, user = tmp_path / "memcached.sock", pwd.getpwuid(os.geteuid()).pw_name
    binary = shutil.which("memcached") or pytest.fail("There is no memcached.\nRemedy: run scripts/setup memcached.")
    process = subprocess.Popen([binary, "-u", user, "-s", str(socket)])
    try:
        end = time.monotonic() + 10
        while not socket.exists() and time.monotonic() < end:
            time.sleep(0.05)
        memcached_client.stats(str(socket), 0)
        yield socket
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def repository(installation, clone, tmp_path_factory):
    """Return an operator's own repository into which a Core's ansible-galaxy installed the collection, without a network."""
    made: dict[Core, Path] = {}

    def install(core: Core) -> Path:
        if core not in made:
            folder = tmp_path_factory.mktemp("infrastructure")
            (folder / "ansible.cfg").write_text(f"[defaults]\ncollections_path = collections:{DEPENDENCIES}\n")
            (folder / "hosts.yml").write_text(yaml.safe_dump(REFUSED))
            # --offline: what the collection depends on has to be satisfied by what is installed.
            argv = ("ansible-galaxy", "collection", "install", f"git+file://{clone}", "--offline", "-p", "collections")
            done = installation(core).run(*argv, cwd=folder)
            assert done.returncode == 0, done.stdout
            made[core] = folder
        return made[core]

    return install


@CORES
def test_clone_runs_its_playbooks(core, installation, clone, operator):
    done = installation(core).run("ansible-playbook", "playbooks/deploy.yml", "-i", operator / "hosts.yml", cwd=clone)
    assert refusal(done) == BAD_BUCKET


@CORES
def test_every_playbook_of_a_clone_loads(core, installation, clone, operator):
    playbooks = sorted(path.relative_to(clone) for path in (clone / "playbooks").glob("*.yml"))
    argv = ("ansible-playbook", "--syntax-check", "-i", operator / "hosts.yml", *playbooks)
    done = installation(core).run(*argv, cwd=clone)
    assert done.returncode == 0, done.stdout
    assert [name for name in playbooks if f"playbook: {name}" not in done.stdout] == []


def test_clone_runs_its_tool_with_the_python_that_has_the_libraries(clone, tmp_path):
    version = yaml.safe_load((clone / "galaxy.yml").read_text())["version"]
    tool = Installation(Path(sys.executable).parent, tmp_path)
    # Not the environment of the clone, which has none, and not from its root.
    shown = tool.run(clone / "scripts/block-structure", "--version", cwd=tmp_path)
    assert (shown.returncode, shown.stdout) == (0, f"block-structure {version}\n")
    helped = tool.run(clone / "scripts/block-structure", "--help", cwd=tmp_path)
    assert helped.returncode == 0
    assert "diagnose" in helped.stdout


def test_clone_prefers_its_own_environment(clone, tmp_path):
    """The tool of a checkout with a .venv runs there, whatever Python starts it and whatever is activated."""
    copy = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", str(clone), str(copy)], check=True)
    (copy / ".venv").symlink_to(Path(sys.prefix))
    shown = Installation(Path("/usr/bin"), tmp_path).run(copy / "scripts/block-structure", "--version", cwd=tmp_path)
    assert shown.stdout.startswith("block-structure "), shown.stdout


@CORES
def test_tool_names_the_command_that_installs_what_a_bare_environment_lacks(core, installation, clone):
    tool = installation(core)
    done = tool.run("scripts/block-structure", "--version", cwd=clone)
    cause, remedy = refusal(done)
    python = tool.bin / "python3"
    assert done.returncode == 3
    assert cause.startswith(f"{python} has no ansible-runner, click, ")
    assert remedy.startswith(f"Remedy: run `{python} -m pip install ansible-runner click ")


@CORES
def test_collection_runs_its_playbook_by_name(core, installation, repository):
    done = installation(core).run("ansible-playbook", f"{COLLECTION}.deploy", "-i", "hosts.yml", cwd=repository(core))
    assert refusal(done) == BAD_BUCKET


@CORES
def test_collection_is_imported_by_a_playbook_of_the_operator(core, installation, repository):
    playbook = write(
        repository(core) / "site.yml", [{"name": "Deploy", "ansible.builtin.import_playbook": f"{COLLECTION}.deploy"}]
    )
    done = installation(core).run("ansible-playbook", playbook, "-i", "hosts.yml", cwd=playbook.parent)
    assert refusal(done) == BAD_BUCKET


@CORES
def test_role_runs_by_name_in_a_play_of_the_operator(core, installation, repository):
    playbook = write(repository(core) / "role.yml", [play("block_structure_lms")])
    done = installation(core).run("ansible-playbook", playbook, "-i", "hosts.yml", cwd=playbook.parent)
    assert refusal(done) == BAD_BUCKET


def test_role_on_a_memcached_host_asks_it_for_nothing_of_an_lms(installation, repository, tmp_path):
    """Where memcached is a group of its own, its hosts are sized from what the LMS host measured, and not without that."""
    hosts = write(tmp_path / "hosts.yml", groups(lms={}, memcached={}))
    playbook = write(repository(NEWEST) / "both.yml", [play("block_structure_lms:block_structure_memcached")])
    done = installation(NEWEST).run("ansible-playbook", "--check", playbook, "-i", hosts, cwd=playbook.parent)
    assert refusals(done) == {
        "lms1": (
            "No Open edX was found on this host: no native installation at the block_structure_native_ paths, and no "
            "LMS that Tutor or kubectl can reach as block_structure_tutor_user."
        ),
        "cache1": "lms1 was not inspected in this run, so memcached cannot be sized.",
    }


def test_role_on_a_memcached_host_asks_its_server(installation, repository, tmp_path, memcached):
    """The survey of the LMS host is given in the inventory: no LMS runs here. memcached is a real one."""
    table = yaml.safe_load(RELEASES.read_text())["__block_structure_releases"]
    release = releases.as_named_row(releases.pick(table, "teak"))
    hosts = write(
        tmp_path / "hosts.yml",
        groups(
            lms={"__block_structure_survey": survey(bytes=600_000), "__block_structure_desired": {"release": release}},
            memcached={"block_structure_memcached_listen_host": str(memcached), "block_structure_manage_memcached": False},
        ),
    )
    playbook = write(repository(NEWEST) / "cache.yml", [play("block_structure_memcached")])
    done = installation(NEWEST).run("ansible-playbook", playbook, "-i", hosts, cwd=playbook.parent)
    assert done.returncode == 0, done.stdout
    arithmetic = " ".join(done.stdout.split())
    assert "1 structures (0 not measured yet)" in arithmetic, done.stdout
    # The -m of the running server, which nothing but the server knows.
    assert "the running value (64)" in arithmetic, done.stdout
