"""The plugin that pip installs, in the real Tutor of each series: enabled, configured, rendered, refused, and gone again.

BLOCK_STRUCTURE_SLOW takes every series from 15 on; without it the oldest, that of Teak, and the newest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from block_structure.plugin_utils import tutor_plugin

from .conftest import REQUIRED, ROOT, SERIES, Tutor, others_plugin, pip_install

SUPPORTED = [series for series in SERIES if series >= 15]
CHOSEN = SUPPORTED if os.environ.get("BLOCK_STRUCTURE_SLOW") else (min(SUPPORTED), max(SUPPORTED))
NAME = "block-structure"
BUCKET = "BLOCK_STRUCTURE_STORAGE_BUCKET=example-block-structures"
# AWS's example, with what must come through YAML, Jinja and Python as it is. Tutor itself renders what it is told to set.
SECRET = "wJalrXUtnFEMI/K7MDENG/{bPxRfiCY}\\'\"é#EXAMPLEKEY"
KEYS = (
    "--set",
    "BLOCK_STRUCTURE_STORAGE_ACCESS_KEY=AKIAIOSFODNN7EXAMPLE",
    "--set",
    f"BLOCK_STRUCTURE_STORAGE_SECRET_KEY={json.dumps(SECRET)}",
)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which pip installed this checkout."""
    return pip_install(tmp_path_factory.mktemp("installed"), ROOT)


@pytest.fixture(scope="module", params=CHOSEN)
def tutor(request: pytest.FixtureRequest, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Tutor:
    """A saved environment of one series, with the plugin installed and not enabled."""
    made = Tutor(request.param, tmp_path_factory.mktemp(f"tutor-{request.param}"), installed, REQUIRED)
    made.run("config", "save")
    return made


@pytest.fixture
def enabled(tutor: Tutor) -> Tutor:
    """The same with the plugin enabled, and nothing configured."""
    tutor.run("plugins", "enable", NAME)
    tutor.run("config", "save")
    yield tutor
    configured = [line.split(":")[0] for line in (tutor.root / "config.yml").read_text().splitlines() if "BLOCK_STR" in line]
    tutor.run("config", "save", *(word for name in configured for word in ("--unset", name)))
    tutor.run("plugins", "disable", NAME)
    tutor.run("config", "save")


def environment(tutor: Tutor) -> dict[str, bytes]:
    """Return every file of the rendered environment."""
    root = tutor.root / "env"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refusal(ended: subprocess.CompletedProcess[str]) -> str:
    """Return what a command that failed said last, on either stream."""
    assert ended.returncode == 1, ended.stdout + ended.stderr
    return ended.stderr.rpartition("Error: ")[2].strip()


def test_settings_reach_lms_and_studio_and_go_again(tutor: Tutor) -> None:
    before = environment(tutor)
    stock = {system: tutor.settings(system) for system in ("lms", "cms")}
    tutor.run("plugins", "enable", NAME)
    tutor.run("config", "save")
    assert {system: tutor.settings(system) for system in stock} == stock
    tutor.run("config", "save", "--set", BUCKET, *KEYS, "--set", "BLOCK_STRUCTURE_RUNTIME_COLLECTOR=out_of_band")
    for system in stock:
        settings = tutor.settings(system)
        ours = settings["BLOCK_STRUCTURES_SETTINGS"]
        assert ours["STORAGE_CLASS"] == "storages.backends.s3boto3.S3Boto3Storage"
        assert ours["KEPT"]
        kwargs = ours["STORAGE_KWARGS"]
        assert (kwargs["bucket_name"], kwargs["default_acl"]) == ("example-block-structures", None)
        assert (kwargs["access_key"], kwargs["secret_key"]) == ("AKIAIOSFODNN7EXAMPLE", SECRET)
        wanted = {"collector": "out_of_band", "keys": "stock"} if system == "lms" else None
        assert settings["BLOCK_STRUCTURE_RUNTIME"] == wanted
    tutor.run("plugins", "disable", NAME)
    tutor.run("config", "save")
    assert environment(tutor) == before


def test_redis_gets_the_memory_that_is_asked_for(enabled: Tutor) -> None:
    configuration = enabled.root / "env/apps/redis/redis.conf"
    before = configuration.read_text()
    asked = ("--set", BUCKET, "--set", "BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB=6144")
    planned = enabled.end(NAME, "plan", *asked)
    if enabled.series < 17:
        assert refusal(planned).startswith("BLOCK_STRUCTURE_REDIS_MAXMEMORY_MB has no effect: Tutor")
        return
    assert "redis.maxmemory: 4gb -> 6144mb\n  for Redis: the cache has room" in planned.stdout
    assert "tutor local restart redis" in planned.stdout
    enabled.run("config", "save", *asked)
    after = configuration.read_text()
    assert after.startswith(before.rstrip())
    assert after.rstrip().endswith("\nmaxmemory 6144mb\nmaxmemory-policy allkeys-lru")
    assert "Nothing would change." in enabled.run(NAME, "plan")


def test_the_rendered_settings_are_those_of_the_roles_plugin(enabled: Tutor) -> None:
    """What `print` shows is the role's plugin; alone it renders the same settings as the package does."""
    enabled.run("config", "save", "--set", BUCKET, *KEYS, "--set", "BLOCK_STRUCTURE_RUNTIME_KEYS=hash_once")
    rendered = environment(enabled)
    printed = enabled.end("block-structure", "print", "--with-secrets")
    enabled.run("plugins", "disable", NAME)
    (enabled.plugins / "block_structure.yml").write_text(printed.stdout)
    enabled.run("plugins", "enable", "block_structure")
    enabled.run("config", "save")
    alone = environment(enabled)
    enabled.run("plugins", "disable", "block_structure")
    (enabled.plugins / "block_structure.yml").unlink()
    enabled.run("plugins", "enable", NAME)
    assert alone == rendered


def test_print_leaves_secrets_out(enabled: Tutor) -> None:
    enabled.run("config", "save", "--set", BUCKET, *KEYS)
    printed = enabled.end("block-structure", "print")
    assert printed.returncode == 0, printed.stderr
    assert "wJalr" not in printed.stdout
    assert "AKIA" not in printed.stdout
    assert "# Without access_key, secret_key, which a plugin of your own adds" in printed.stdout
    assert tutor_plugin.parse(printed.stdout)["BLOCK_STRUCTURES_SETTINGS"]["STORAGE_KWARGS"]["bucket_name"]


def test_plan_says_what_would_change_and_why(enabled: Tutor) -> None:
    before = environment(enabled)
    assert "BLOCK_STRUCTURE_STORAGE_BUCKET is not set, so the plugin changes nothing." in enabled.end(NAME, "plan").stdout
    given = [word.replace("--set", "-s") for word in ("--set", BUCKET, *KEYS)]
    planned = enabled.end(NAME, "plan", *given)
    assert planned.returncode == 0, planned.stderr
    assert 'STORAGE_KWARGS.bucket_name: not set -> "example-block-structures"\n  for LMS and Studio: where' in planned.stdout
    assert "STORAGE_KWARGS.secret_key: not set -> (secret)\n" in planned.stdout
    assert "EXAMPLEKEY" not in planned.stdout
    assert environment(enabled) == before
    enabled.run("config", "save", "--set", BUCKET, *KEYS)
    assert "Nothing would change." in enabled.run(NAME, "plan")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "STORAGE_BUCKET=Bad_Bucket",
            (
                "BLOCK_STRUCTURE_STORAGE_BUCKET 'Bad_Bucket' must consist of lower-case letters, digits, dots and hyphens, and "
                "begin and end with a letter or a digit.\nRemedy: choose a name such as 'example-block-structures'."
            ),
        ),
        (
            "STORAGE_BUKET=example-block-structures",
            "Variable BLOCK_STRUCTURE_STORAGE_BUKET does not exist.\nRemedy: did you mean BLOCK_STRUCTURE_STORAGE_BUCKET?",
        ),
        (
            "NATIVE_USER=edxapp",
            (
                "BLOCK_STRUCTURE_NATIVE_USER has no effect: block_structure_native_user belongs to the Ansible role.\n"
                "Remedy: run `tutor config save --unset BLOCK_STRUCTURE_NATIVE_USER`."
            ),
        ),
        (
            "GENERATION_WORKERS=many",
            (
                "BLOCK_STRUCTURE_GENERATION_WORKERS is not of the type int.\n"
                "Remedy: give BLOCK_STRUCTURE_GENERATION_WORKERS the type in docs/variables.md."
            ),
        ),
    ],
    ids=["bucket", "misspelt", "of the role", "type"],
)
def test_a_wrong_setting_is_refused_and_the_environment_stays(enabled: Tutor, setting: str, message: str) -> None:
    before = environment(enabled)
    for command in ((NAME, "plan", "--set"), ("config", "save", "--set")):
        assert refusal(enabled.end(*command, f"BLOCK_STRUCTURE_{setting}")) == message
    assert environment(enabled) == before


def test_the_plugin_of_the_role_and_this_one_are_never_both_rendered(enabled: Tutor) -> None:
    enabled.run("config", "save", "--set", BUCKET)
    before = environment(enabled)
    (enabled.plugins / "block_structure.yml").write_text(tutor_plugin.render({"FEATURES": {"A": True}}))
    enabled.end("plugins", "enable", "block_structure")
    ended = enabled.end("config", "save")
    enabled.end("plugins", "disable", "block_structure")
    (enabled.plugins / "block_structure.yml").unlink()
    assert refusal(ended) == (
        "The Ansible role's plugin block_structure is enabled, and sets what this plugin sets.\n"
        "Remedy: run openedx_operators.block_structure.rollback of the role and keep this plugin; or disable this one with "
        "`tutor plugins disable block-structure`."
    )
    assert {name: text for name, text in environment(enabled).items() if "settings/" in name} == {
        name: text for name, text in before.items() if "settings/" in name
    }


@pytest.fixture(scope="module")
def minio(tutor: Tutor) -> Path:
    """The real plugin tutor-minio of the same series."""
    return others_plugin("tutor-minio", tutor.series)


def test_beside_tutor_minio_both_sets_of_settings_are_rendered(enabled: Tutor, minio: Path) -> None:
    alone = enabled.path
    enabled.path = os.pathsep.join((alone, str(minio)))
    try:
        enabled.run("plugins", "enable", "minio")
        enabled.run("config", "save", "--set", BUCKET, *KEYS)
        planned = enabled.end(NAME, "plan")
        sources = [path.read_text() for path in (enabled.root / "env/apps/openedx/settings").glob("*/production.py")]
        assert len(sources) == 2
        for source in sources:
            compile(source, "production.py", "exec")
            kwargs = tutor_plugin.updates(source)["BLOCK_STRUCTURES_SETTINGS"]["STORAGE_KWARGS"]
            assert (kwargs["bucket_name"], kwargs["secret_key"]) == ("example-block-structures", SECRET)
            assert "AWS_S3_ENDPOINT_URL = " in source
        assert "so the LMS looks for this bucket there.\nRemedy: set BLOCK_STRUCTURE_STORAGE_ENDPOINT_URL to" in planned.stdout
        own = "BLOCK_STRUCTURE_STORAGE_ENDPOINT_URL=https://s3.eu-central-1.amazonaws.com"
        assert "AWS_S3_ENDPOINT_URL" not in enabled.end(NAME, "plan", "--set", own).stdout
    finally:
        enabled.run("plugins", "disable", "minio")
        enabled.path = alone


@pytest.mark.parametrize("job", ["diagnose", "generate", "verify"])
def test_a_job_on_a_site_that_does_not_run_says_so(enabled: Tutor, tmp_path: Path, job: str) -> None:
    enabled.run("config", "save", "--set", BUCKET)
    # Whatever engine this machine has is not to be found.
    for name in ("docker", "docker-compose"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'service \"lms\" is not running' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    ended = enabled.end("local", "do", f"block-structure-{job}", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "No command can be run in Tutor's LMS: " in ended.stderr
    assert "Remedy: start the site with `tutor local start --detach`, as the user who installed it.\n" in ended.stderr
    assert "Traceback" not in ended.stderr


KUBECTL = """#!/bin/sh
echo "$*" >> {folder}/asked
case "$*" in
  "config current-context") echo example-staging ;;
  "config get-contexts --output=name") printf '%s\\n' example-staging example-production ;;
  *--raw=/readyz*) echo 'Unable to connect to the server: EOF' >&2; exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            None,
            "has 2 contexts (example-staging, example-production), and BLOCK_STRUCTURE_TUTOR_KUBE_CONTEXT is not set.",
        ),
        ("example-production", "Remedy: run `kubectl config use-context example-production` as the user who runs tutor, or"),
        (
            "example-staging",
            "The Kubernetes API of the context example-staging does not answer: Unable to connect to",
        ),
    ],
    ids=["ambiguous", "another", "no answer"],
)
def test_a_job_refuses_the_cluster_before_tutor_waits_there(enabled: Tutor, tmp_path: Path, named: str, message: str) -> None:
    context = ("--set", f"BLOCK_STRUCTURE_TUTOR_KUBE_CONTEXT={named}") if named else ()
    enabled.run("config", "save", "--set", BUCKET, *context)
    (tmp_path / "kubectl").write_text(KUBECTL.format(folder=tmp_path))
    (tmp_path / "kubectl").chmod(0o755)
    ended = enabled.end("k8s", "do", f"{NAME}-verify", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert message in ended.stderr
    assert "\nRemedy: " in ended.stderr
    asked = (tmp_path / "asked").read_text()
    assert "config get-contexts" in asked
    assert "wait " not in asked


def test_the_plugin_needs_no_ansible(installed: Path, tutor: Tutor) -> None:
    program = "import sys, block_structure_tutor.plugin; print([name for name in sys.modules if name.startswith('ansible')])"
    path = os.pathsep.join(map(str, (tutor.packages, installed)))
    argv = [sys.executable, "-S", "-c", program]
    shown: Any = subprocess.run(argv, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert shown.stdout == "[]\n", shown.stderr
