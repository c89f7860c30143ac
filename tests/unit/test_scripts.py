"""Failures of the scripts: one line of cause, one line of remedy, exit code 1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import ROOT, run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the scripts, before setup."""
    shutil.copytree(ROOT / "scripts", tmp_path / "checkout/scripts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "checkout"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory that is first on PATH; `program` adds stand-ins."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, *lines: str) -> None:
    """Add a stand-in for a program."""
    path = folder / name
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)


def refusal(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the two lines of a refusal."""
    assert ended.returncode == 1
    return ended.stderr.splitlines()


@pytest.mark.parametrize(
    ("argv", "lines"),
    [
        (
            ["scripts/dev/setup", "everything"],
            [
                "scripts/dev/setup has no stage 'everything'.",
                (
                    "Remedy: use python, engine, images, browser, memcached, monitoring, swift, ceph, juicefs or kubectl, "
                    "or no argument for the first three."
                ),
            ],
        ),
        (
            ["scripts/dev/sandbox"],
            [
                "scripts/dev/sandbox needs a command.",
                "Remedy: use scripts/dev/sandbox up, down, status or env.",
            ],
        ),
        (
            ["scripts/dev/release", "1.2.3"],
            [
                "scripts/dev/release takes no argument.",
                "Remedy: state the version in galaxy.yml.",
            ],
        ),
        (
            ["scripts/dev/sandbox", "down", "--everything"],
            [
                "scripts/dev/sandbox down has no option '--everything'.",
                "Remedy: use 'scripts/dev/sandbox down' or 'scripts/dev/sandbox down --images'.",
            ],
        ),
    ],
)
def test_wrong_argument(argv: list[str], lines: list[str]) -> None:
    assert refusal(run(*argv)) == lines


def test_unknown_engine(checkout: Path) -> None:
    assert refusal(run("scripts/dev/setup", "engine", root=checkout, BLOCK_STRUCTURE_ENGINE="lxc")) == [
        "BLOCK_STRUCTURE_ENGINE is 'lxc'.",
        "Remedy: set it to podman or docker, or unset it.",
    ]


def test_no_engine_and_not_root(checkout: Path, programs: Path) -> None:
    for engine in ("podman", "docker"):
        program(programs, engine, "exit 125")
    program(programs, "id", "echo 1000")
    ended = run(
        "scripts/dev/setup", "engine", root=checkout, PATH=f"{programs}:{os.environ['PATH']}", BLOCK_STRUCTURE_ENGINE=""
    )
    assert refusal(ended) == [
        "Neither podman nor docker answers, and only root on Debian or Ubuntu can install podman.",
        "Remedy: install podman (Debian, Ubuntu: apt-get install podman), or start the docker service, or run this as root.",
    ]


def without_ssh(programs: Path, user: int) -> str:
    """Return a PATH with every program that the engine setup calls, except ssh."""
    for name in ("bash", "dirname", "cat", "mkdir", "mv", "sed", "stat", "timeout"):
        (programs / name).symlink_to(str(shutil.which(name)))
    program(programs, "podman", "exit 0")
    program(programs, "id", f"echo {user}")
    return str(programs)


def test_no_ssh_and_not_root(checkout: Path, programs: Path) -> None:
    ended = run("scripts/dev/setup", "engine", root=checkout, PATH=without_ssh(programs, 1000), BLOCK_STRUCTURE_ENGINE="")
    assert refusal(ended) == [
        "The command ssh, which Ansible uses for the sandbox, is missing.",
        "Remedy: install ssh (Debian, Ubuntu: apt-get install openssh-client), or run this as root.",
    ]


def test_root_installs_a_missing_ssh(checkout: Path, programs: Path) -> None:
    path = without_ssh(programs, 0)
    program(programs, "apt-get", f'echo "$@" >> {checkout}/asked')
    ended = run("scripts/dev/setup", "engine", root=checkout, PATH=path, BLOCK_STRUCTURE_ENGINE="")
    assert ended.returncode == 0, ended.stderr
    assert (checkout / "asked").read_text().split()[-1] == "openssh-client"


def test_root_installs_a_missing_podman(checkout: Path, programs: Path) -> None:
    """apt-get is a stand-in that makes the stand-in for podman work, as an installation would."""
    asked = checkout / "asked"
    program(programs, "docker", "exit 1")
    program(programs, "podman", f"test -e {asked}")
    program(programs, "id", "echo 0")
    program(programs, "apt-get", f'echo "$@" >> {asked}')
    ended = run(
        "scripts/dev/setup", "engine", root=checkout, PATH=f"{programs}:{os.environ['PATH']}", BLOCK_STRUCTURE_ENGINE=""
    )
    assert ended.returncode == 0, ended.stderr
    assert "podman runc netavark aardvark-dns iptables" in asked.read_text()
    assert ":=podman}" in (checkout / ".cache/environment.sh").read_text()


def test_docker_is_used_if_podman_does_not_answer(checkout: Path, programs: Path) -> None:
    program(programs, "podman", "exit 125")
    program(programs, "docker", "exit 0")
    ended = run(
        "scripts/dev/setup", "engine", root=checkout, PATH=f"{programs}:{os.environ['PATH']}", BLOCK_STRUCTURE_ENGINE=""
    )
    assert ended.returncode == 0, ended.stderr
    assert ":=docker}" in (checkout / ".cache/environment.sh").read_text()


def test_chosen_docker_that_does_not_answer_is_not_replaced(checkout: Path, programs: Path) -> None:
    program(programs, "podman", "exit 0")
    program(programs, "docker", "exit 1")
    ended = run(
        "scripts/dev/setup", "engine", root=checkout, PATH=f"{programs}:{os.environ['PATH']}", BLOCK_STRUCTURE_ENGINE="docker"
    )
    assert refusal(ended)[0] == "docker is not installed or its service does not answer."


def test_no_browser_and_not_root(checkout: Path, programs: Path) -> None:
    program(programs, "id", "echo 1000")
    assert refusal(
        run(
            "scripts/dev/setup",
            "browser",
            root=checkout,
            PATH=f"{programs}:/usr/bin:/bin",
            BLOCK_STRUCTURE_CHROMIUM="/nowhere/chromium",
        )
    ) == [
        "Chromium or Graphviz is missing, and only root on Debian can install them.",
        "Remedy: install chromium and graphviz (apt-get install chromium graphviz), or set BLOCK_STRUCTURE_CHROMIUM.",
    ]


def test_no_memcached_and_not_root(checkout: Path, programs: Path) -> None:
    for name in ("bash", "dirname"):
        (programs / name).symlink_to(str(shutil.which(name)))
    program(programs, "id", "echo 1000")
    assert refusal(run("scripts/dev/setup", "memcached", root=checkout, PATH=str(programs))) == [
        "memcached is missing, and only root on Debian or Ubuntu can install it.",
        "Remedy: install memcached (Debian, Ubuntu: apt-get install memcached), or run this as root.",
    ]


def test_root_installs_a_missing_memcached(checkout: Path, programs: Path) -> None:
    """apt-get is a stand-in that creates memcached, as an installation would."""
    for name in ("bash", "dirname", "mkdir", "chmod"):
        (programs / name).symlink_to(str(shutil.which(name)))
    program(programs, "id", "echo 0")
    laid = f"printf '#!/bin/sh\\necho memcached 1.6.18\\n' > {programs}/memcached; chmod +x {programs}/memcached"
    program(programs, "apt-get", f'echo "$@" >> {checkout}/asked; {laid}')
    ended = run("scripts/dev/setup", "memcached", root=checkout, PATH=str(programs))
    assert ended.returncode == 0, ended.stderr
    assert (checkout / "asked").read_text().split()[-1] == "memcached"
    assert ended.stdout.splitlines()[-1].endswith("memcached: memcached 1.6.18 is ready")


def test_no_python(checkout: Path, programs: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        program(programs, name, "exit 1")
    program(programs, "id", "echo 1000")
    ended = run("scripts/dev/setup", "python", root=checkout, PATH=f"{programs}:{os.environ['PATH']}")
    assert refusal(ended) == [
        "No Python 3.11 or later with the modules venv and ensurepip was found.",
        "Remedy: install Python 3.11 or later with its venv module (Debian, Ubuntu: apt-get install python3 python3-venv).",
    ]


@pytest.fixture
def buildable(checkout: Path) -> Path:
    """A checkout with empty directories for the sources of the images."""
    for folder in ("images/base", "images/lms", "images/cache", "images/s3", "edxapp/requirements", "edxapp/platform"):
        (checkout / "molecule" / folder).mkdir(parents=True)
    return checkout


def set_up_images(checkout: Path, programs: Path, engine: str) -> subprocess.CompletedProcess[str]:
    path = f"{programs}:{os.environ['PATH']}"
    return run("scripts/dev/setup", "engine", "images", root=checkout, PATH=path, BLOCK_STRUCTURE_ENGINE=engine)


def test_no_space_for_the_images(buildable: Path, programs: Path) -> None:
    program(programs, "podman", 'case "$1 $2" in "image inspect") exit 1;; "info --format") echo /;; esac')
    program(programs, "df", "echo ' Avail'; echo '    2'")
    assert refusal(set_up_images(buildable, programs, "podman")) == [
        "The images need 6 GiB in /, and 2 GiB are free.",
        "Remedy: free some space there ('podman system prune' removes unused images), or point the engine's storage elsewhere.",
    ]


@pytest.mark.parametrize(
    ("version", "cause"),
    [
        ("28.2.2", "docker 28.2.2 has no buildx component, which builds the images."),
        # The older client includes it, so the next error is about disk space.
        ("20.10.24+dfsg1", "The images need 6 GiB in /, and 2 GiB are free."),
    ],
)
def test_docker_without_buildx(buildable: Path, programs: Path, version: str, cause: str) -> None:
    answers = f'"image inspect"|"buildx version") exit 1;; "version --format") echo {version};; "info --format") echo /;;'
    program(programs, "docker", f'case "$1 $2" in {answers} esac')
    program(programs, "df", "echo ' Avail'; echo '    2'")
    lines = refusal(set_up_images(buildable, programs, "docker"))
    assert lines[0] == cause
    assert lines[1].startswith("Remedy: ")


def test_sandbox_before_setup(checkout: Path) -> None:
    assert refusal(run("scripts/dev/sandbox", "up", root=checkout)) == [
        "The sandbox's tools are not installed.",
        "Remedy: run scripts/dev/setup.",
    ]


def test_lint_before_setup(checkout: Path) -> None:
    assert refusal(run("scripts/dev/lint", root=checkout)) == [
        "The linters are not installed.",
        "Remedy: run scripts/dev/setup python.",
    ]


@pytest.fixture
def releasable(checkout: Path) -> Path:
    """A git repository with a finished release: its version is in galaxy.yml and in the changelog."""
    (checkout / "galaxy.yml").write_text("namespace: openedx_operators\nname: block_structure\nversion: 1.2.3\n")
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n<!-- scriv-insert-here -->\n\n## 1.2.3 (2027-01-01)\n")
    (checkout / "changelog.d").mkdir()
    (checkout / ".gitignore").write_text(".venv\n.cache\n__pycache__\n")
    (checkout / ".venv").symlink_to(sys.prefix)
    git(checkout, "init", "--quiet")
    commit(checkout)
    return checkout


def git(checkout: Path, *argv: str) -> None:
    """Run git with a test author."""
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *argv], cwd=checkout, check=True)


def commit(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "x")


def test_release_of_a_dirty_checkout(releasable: Path) -> None:
    (releasable / "new").write_text("x")
    assert refusal(run("scripts/dev/release", root=releasable)) == [
        "The checkout has changes that are not committed.",
        "Remedy: commit or stash them; 'git status' lists them.",
    ]


def test_release_of_a_tagged_version(releasable: Path) -> None:
    git(releasable, "tag", "v1.2.3")
    assert refusal(run("scripts/dev/release", root=releasable)) == [
        "Version 1.2.3 is tagged already.",
        "Remedy: raise the version in galaxy.yml.",
    ]


def test_release_without_a_changelog_entry(releasable: Path) -> None:
    galaxy = releasable / "galaxy.yml"
    galaxy.write_text(galaxy.read_text().replace("1.2.3", "1.2.4"))
    commit(releasable)
    assert refusal(run("scripts/dev/release", root=releasable)) == [
        "CHANGELOG.md has no entry for 1.2.4, and changelog.d has no fragment to make one of.",
        "Remedy: write one with 'scriv create'.",
    ]


def test_release_with_fragments_and_an_existing_entry(releasable: Path) -> None:
    (releasable / "changelog.d/one.md").write_text("### Added\n\n- A.\n  Operator action: none.\n")
    commit(releasable)
    assert refusal(run("scripts/dev/release", root=releasable)) == [
        "CHANGELOG.md has an entry for 1.2.3, and changelog.d has fragments.",
        "Remedy: raise the version in galaxy.yml, or move the fragments into that entry.",
    ]


def test_release_before_setup(checkout: Path) -> None:
    assert refusal(run("scripts/dev/release", root=checkout)) == [
        "The release tools are not installed.",
        "Remedy: run scripts/dev/setup python.",
    ]


def test_pip_configuration_for_builds_keeps_what_a_container_can_see(tmp_path: Path) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        "[global]\n"
        "index-url = https://packages.example.com/simple\n"
        "extra-index-url = file:///srv/simple https://mirror.example.com/simple\n"
        "find-links = /srv/wheels\n"
        "cert = /etc/ssl/certs/example.pem\n"
        "timeout = 60\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    written = subprocess.run(
        [sys.executable, str(ROOT / "scripts/dev/lib/pip_for_builds.py")],
        env={**environment, "PIP_CONFIG_FILE": str(configuration), "PIP_RETRIES": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert written == (
        "[global]\n"
        "extra-index-url = https://mirror.example.com/simple\n"
        "index-url = https://packages.example.com/simple\n"
        "retries = 7\n"
        "timeout = 60\n"
    )


def test_leftovers_of_tools_do_not_change_the_image_digest(checkout: Path) -> None:
    def digest() -> str:
        program = ". scripts/dev/lib/common.sh; digest scripts/dev/lib <<<base"
        return subprocess.run(["bash", "-c", program], cwd=checkout, text=True, capture_output=True, check=True).stdout

    before = digest()
    for folder in (".ruff_cache/0.17.6", "__pycache__"):
        (checkout / "scripts/dev/lib" / folder).mkdir(parents=True)
    (checkout / "scripts/dev/lib/.ruff_cache/0.17.6/1").write_text("x")
    (checkout / "scripts/dev/lib/__pycache__/x.pyc").write_text("x")
    assert digest() == before
    (checkout / "scripts/dev/lib/new").write_text("x")
    assert digest() != before
