"""From an empty folder to a cured site and back, as the documents say: what was typed and printed becomes a page of theirs.

scripts/dev/transcripts.py writes the page from .cache/transcripts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from ...conftest import ENGINE, LMS_USER, NAME, OPERATOR, wait_for

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / ".cache/transcripts"
BUCKET = "example-block-structures"
ADDRESS = "https://github.com/openedx-operators/block_structure.git"
PACKAGE = f'"block-structure[s3] @ git+{ADDRESS}"'
# As few as the issue asks for.
MOST_COMMANDS = 7
# What the user has before: rights on buckets, as every client of S3 finds them, and the keys that the LMS shall have.
CREDENTIALS = f"[default]\naws_access_key_id = {OPERATOR[0]}\naws_secret_access_key = {OPERATOR[1]}\n"
LMS_KEYS = f"export LMS_ACCESS_KEY={LMS_USER[0]} LMS_SECRET_KEY={LMS_USER[1]}"
# Where Tutor's documents install it. The scenario's Tutor is in a folder, which this environment sees.
TUTOR = """
set -e
python3 -m venv tutor-venv
echo /opt/tutor > "$(echo tutor-venv/lib/python3*/site-packages)/tutor.pth"
printf '%s\\n' "#!$HOME/tutor-venv/bin/python3" 'from tutor.commands.cli import main' 'main()' > tutor-venv/bin/tutor
chmod 0755 tutor-venv/bin/tutor
"""
SETTINGS = rf"""tutor config save \
  --set BLOCK_STRUCTURE_STORAGE_BUCKET={BUCKET} --set BLOCK_STRUCTURE_STORAGE_REGION=us-east-1 \
  --set BLOCK_STRUCTURE_STORAGE_ENDPOINT_URL=https://s3:5000 --set BLOCK_STRUCTURE_STORAGE_ADDRESSING_STYLE=path \
  --set BLOCK_STRUCTURE_BUCKET_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
  --set BLOCK_STRUCTURE_STORAGE_ACCESS_KEY=$LMS_ACCESS_KEY --set BLOCK_STRUCTURE_STORAGE_SECRET_KEY=$LMS_SECRET_KEY"""
UNSET = " ".join(f"--unset {word.partition('=')[0]}" for word in SETTINGS.split() if word.startswith("BLOCK_STRUCTURE_"))
INVENTORY = f"""cat > hosts.yml <<'END'
all:
  children:
    block_structure_lms:
      hosts:
        localhost:
          ansible_connection: local
          ansible_become: false
          ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
          block_structure_tutor_user: ""
          block_structure_storage_bucket: {BUCKET}
          block_structure_storage_region: us-east-1
          block_structure_storage_endpoint_url: https://s3:5000
          block_structure_storage_addressing_style: path
          block_structure_storage_access_key: "{{{{ lookup('ansible.builtin.env', 'LMS_ACCESS_KEY') }}}}"
          block_structure_storage_secret_key: "{{{{ lookup('ansible.builtin.env', 'LMS_SECRET_KEY') }}}}"
          block_structure_bucket_ca_bundle: /etc/ssl/certs/ca-certificates.crt
END"""


class Terminal:
    """A terminal of the unprivileged user in an empty folder; what is typed there and printed is kept."""

    def __init__(self, lms: Host, name: str) -> None:
        self.lms, self.name = lms, name
        self.cure: list[dict[str, str]] = []
        self.undo: list[dict[str, str]] = []
        self.run(f"rm -rf ~/{name} && mkdir ~/{name}")
        assert self.run("id --user", name) == "1000\n"
        assert self.run("ls --almost-all", name) == ""

    def run(self, script: str, folder: str = ".") -> str:
        """Return what a script prints that ends well."""
        environment = f'cd ~/{folder} && export PATH="$HOME/tutor-venv/bin:$PATH" && {LMS_KEYS}'
        ended = self.lms.run("runuser --login tutor --command %s", f"{environment}\n{{ {script}\n}} 2>&1")
        assert ended.rc == 0, f"{script}\n{ended.stdout}{ended.stderr}"
        return str(ended.stdout)

    def type(self, command: str, to: list[dict[str, str]]) -> str:
        """Return what a command prints that ends well, and keep both."""
        printed = self.run(command, self.name)
        for secret in (LMS_USER[1], OPERATOR[1]):
            assert secret not in printed
        to.append({"typed": command, "printed": printed.rstrip()})
        return printed

    def state(self) -> dict[str, str]:
        """Return the digests of Tutor's configuration and of every file of its environment."""
        lines = self.run("sha256sum config.yml && find env -type f | sort | xargs sha256sum", ".local/share/tutor").splitlines()
        return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}

    def keep(self, before: dict[str, str], after: dict[str, str]) -> None:
        """Write the transcript, once the site is as before."""
        assert after == before
        assert len(self.cure) <= MOST_COMMANDS
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = {
            "tutor": self.run("tutor --version").strip(),
            "engine": self.run("docker info --format '{{.ServerVersion}}'").strip(),
            "config": before["config.yml"],
            "files": len(before) - 1,
            "cure": self.cure,
            "undo": self.undo,
        }
        (KEPT / f"{self.name}.json").write_text(json.dumps(kept, indent=1) + "\n")


@pytest.fixture(scope="module")
def user(lms: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An account with Tutor in an environment of its own, on a host whose pip and git find what the controller's find."""
    bundle = tmp_path_factory.mktemp("source") / "bundle"
    subprocess.run(["git", "bundle", "create", "--quiet", bundle, "HEAD"], cwd=ROOT, check=True)
    run_inside(["/usr/local/lib/tutor-engine/git-source", ADDRESS], bundle.read_bytes())
    found = subprocess.run([sys.executable, ROOT / "scripts/dev/lib/pip_for_builds.py"], check=True, capture_output=True)
    put("/etc/pip.conf", found.stdout + b"cert = /etc/pip.pem\ndisable-pip-version-check = true\n")
    put("/etc/pip.pem", Path(os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt")).read_bytes())
    lms.check_output("install --directory --owner=tutor --mode=0700 /home/tutor/.aws")
    put("/home/tutor/.aws/credentials", CREDENTIALS.encode())
    lms.check_output("chown tutor: /home/tutor/.aws/credentials")
    lms.check_output("runuser --login tutor --command %s", f"rm -rf tutor-venv\n{TUTOR}")
    # Tutor takes plugins that are not installed from its list when it next changes it.
    lms.check_output("runuser --login tutor --command 'tutor plugins disable mfe indigo && tutor config save'")
    yield
    lms.check_output("rm -rf /etc/pip.conf /etc/pip.pem /home/tutor/.aws /home/tutor/tutor-venv")


def run_inside(argv: list[str], data: bytes) -> None:
    """Run a program on the site's host with data on its standard input."""
    subprocess.run([ENGINE, "exec", "--interactive", f"{NAME}-lms1", *argv], input=data, check=True)


def put(path: str, data: bytes) -> None:
    """Write a file of the site's host."""
    run_inside(["install", "--mode=0644", "/dev/stdin", path], data)


def forget(lms: Host, s3_api: Any) -> None:
    """Leave no structure anywhere, and no bucket."""
    versions = s3_api.call("list_object_versions", Bucket=BUCKET)
    found = [entry for kind in ("Versions", "DeleteMarkers") for entry in versions.get(kind, [])]
    if found:
        objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]
        assert "Errors" not in s3_api.call("delete_objects", Bucket=BUCKET, Delete={"Objects": objects})
    s3_api.call("delete_bucket", Bucket=BUCKET)
    assert s3_api.call("head_bucket", Bucket=BUCKET)["status"] == 404
    lms.check_output("mariadb edxapp --execute 'DELETE FROM block_structure'")
    lms.check_output("docker exec tutor_local_redis_1 redis-cli -n 1 flushdb")


@pytest.fixture
def stock(lms: Host, s3_api: Any) -> Iterator[None]:
    """A site without a bucket, before and after."""
    forget(lms, s3_api)
    yield
    forget(lms, s3_api)


@pytest.fixture
def cured(lms: Host, s3_api: Any, courses: list[str], learner: Any) -> Callable[[], None]:
    """Return a function that asks S3 for every course, and the LMS for its pages."""

    def ask() -> None:
        stored = {entry["Key"].rpartition("/")[0] for entry in s3_api.call("list_objects_v2", Bucket=BUCKET)["Contents"]}
        assert len([folder for folder in stored if "+type@course+" in folder]) == len(courses), stored
        wait_for(lms, "lms")
        assert {answer["status"] for answer in learner.visit(*courses).values()} == {200}

    return ask


@pytest.mark.usefixtures("user", "stock")
@pytest.mark.parametrize(
    ("name", "cure", "undo"),
    [
        (
            "plugin",
            [
                f"pip install --quiet {PACKAGE}",
                "tutor plugins enable block-structure",
                SETTINGS,
                "tutor block-structure bucket --apply",
                "tutor local restart openedx",
                "tutor local do block-structure-generate",
                "tutor local do block-structure-verify",
            ],
            ["tutor plugins disable block-structure", f"tutor config save {UNSET}", "tutor local restart openedx"],
        ),
        (
            "role",
            [
                "python3 -m venv .venv",
                f".venv/bin/pip install --quiet {PACKAGE} ansible",
                INVENTORY,
                ".venv/bin/block-structure deploy -i hosts.yml --check",
                ".venv/bin/block-structure deploy -i hosts.yml",
                ".venv/bin/block-structure verify -i hosts.yml",
            ],
            [".venv/bin/block-structure rollback -i hosts.yml"],
        ),
    ],
)
def test_from_an_empty_folder_to_a_cured_site_and_back(
    lms: Host, cured: Callable[[], None], name: str, cure: list[str], undo: list[str]
) -> None:
    terminal = Terminal(lms, name)
    before = terminal.state()
    for command in cure:
        terminal.type(command, terminal.cure)
    cured()
    for command in undo:
        terminal.type(command, terminal.undo)
    terminal.keep(before, terminal.state())
