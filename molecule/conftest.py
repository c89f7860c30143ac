"""What the Molecule tests share: the hosts of the sandbox, and plain questions to the systems that run on them.

A test asks the running system, never the file that the role wrote. When a test fails, the journal of each host is
added to the report.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host

ROOT = Path(__file__).resolve().parent.parent
ENGINE = os.environ.get("BLOCK_STRUCTURE_ENGINE", "podman")
NAME = os.environ.get("BLOCK_STRUCTURE_SANDBOX_NAME", "block-structure")
HOSTS = ("lms1", "cache1", "s3")
# Tests that name no inventory mean the sandbox's; a scenario with more inventories names them in its environment.
os.environ.setdefault("ANSIBLE_INVENTORY", str(ROOT / "inventory/sandbox"))
CONNECTION = yaml.safe_load((ROOT / "inventory/sandbox/group_vars/sandbox/connection.yml").read_text())

# The documentation keys of AWS; molecule/images/s3/sandbox_s3/users.json gives them their rights.
OPERATOR = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
LMS_USER = ("AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")

S3_CALL = """
import json, sys, boto3, botocore
from botocore.config import Config
request = json.load(sys.stdin)
keys = request["keys"]
client = boto3.client(
    "s3", endpoint_url=request["endpoint"], region_name="us-east-1", verify="/etc/ssl/certs/ca-certificates.crt",
    aws_access_key_id=keys and keys[0], aws_secret_access_key=keys and keys[1],
    config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1},
                  signature_version="s3v4" if keys else botocore.UNSIGNED),
)
if "Body" in request["arguments"]:
    request["arguments"]["Body"] = request["arguments"]["Body"].encode("latin-1")
try:
    answer = getattr(client, request["operation"])(**request["arguments"])
    answer.pop("ResponseMetadata")
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().decode("latin-1")
except botocore.exceptions.ClientError as error:
    answer = {"code": error.response["Error"]["Code"], "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
print(json.dumps(answer, default=str))
"""

MEMCACHED_CALL = """
import socket, sys
connection = socket.create_connection(("127.0.0.1", 11211), 5)
connection.sendall(sys.argv[1].encode() + b"\\r\\n")
answer = b""
while not answer.endswith((b"END\\r\\n", b"OK\\r\\n")):
    part = connection.recv(65536)
    if not part:
        sys.exit("memcached closed the connection")
    answer += part
sys.stdout.write(answer.decode())
"""


# How long anything may take to answer on a machine with other work to do; what answers sooner is not waited for.
PATIENCE_SECONDS = 180


def wait_until(question: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Ask until the answer is true, at most so many seconds; return the last answer, which the caller asserts."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


@dataclass(frozen=True)
class Service:
    """A service of the sandbox.

    control: the command that starts and stops it, without the verb. unit: its name there. answers: shell commands on its host,
    each of which ends with 0 once the service answers; a process that has only been started does not count.
    """

    control: str
    unit: str
    answers: tuple[str, ...]


LMS_URL = os.environ.get("BLOCK_STRUCTURE_SANDBOX_LMS", "http://127.0.0.1:8000")
LMS_ANSWERS = f"curl --silent --fail --output /dev/null --max-time 20 {LMS_URL}/heartbeat"
STUDIO_ANSWERS = "curl --silent --fail --output /dev/null --max-time 20 http://127.0.0.1:8010/heartbeat"
# Celery's own question, put to this worker alone: it takes tasks from the broker.
WORKER_ANSWERS = (
    "runuser --user=www-data -- env SERVICE_VARIANT=lms DJANGO_SETTINGS_MODULE=lms.envs.production /edx/app/edxapp/run.sh"
    ' celery --app=lms.celery:APP inspect ping --timeout 5 --destination "celery@edx.lms.core.default.$(hostname)"'
)
SERVICES = {
    "lms": Service("supervisorctl", "lms", (LMS_ANSWERS,)),
    "studio": Service("supervisorctl", "cms", (STUDIO_ANSWERS,)),
    "lms worker": Service("supervisorctl", "edxapp_worker:lms_default_1", (WORKER_ANSWERS,)),
    "platform": Service("supervisorctl", "all", (LMS_ANSWERS, STUDIO_ANSWERS, WORKER_ANSWERS)),
    "mariadb": Service("systemctl", "mariadb", ("mariadb edxapp --execute 'SELECT 1'",)),
    "memcached": Service("systemctl", "memcached", (f"python3 -c {shlex.quote(MEMCACHED_CALL)} stats",)),
}


def wait_for(host: Host, *services: str) -> None:
    """Wait until services answer on their host."""
    for service in services:
        for command in SERVICES[service].answers:
            assert wait_until(partial(answers, host, command)), f"{service} does not answer: {command}"


def answers(host: Host, command: str) -> bool:
    """Return whether a command on a host ends with 0."""
    return bool(host.run(command).rc == 0)


def restart(host: Host, service: str) -> None:
    """Restart a service and wait until it answers."""
    host.check_output(f"{SERVICES[service].control} restart %s", SERVICES[service].unit)
    wait_for(host, service)


@contextmanager
def stopped(host: Host, service: str) -> Iterator[None]:
    """Stop a service while the body runs; at the end it answers again."""
    host.check_output(f"{SERVICES[service].control} stop %s", SERVICES[service].unit)
    try:
        yield
    finally:
        start(host, service)


def start(host: Host, service: str) -> None:
    """Start a service that a test stopped, and wait until it answers."""
    host.check_output(f"{SERVICES[service].control} start %s", SERVICES[service].unit)
    wait_for(host, service)


def connect(name: str) -> Host:
    """Return the host of the sandbox that the inventory calls by this name."""
    return testinfra.get_host(
        f"ssh://{CONNECTION['ansible_user']}@{NAME}-{name}",
        ssh_extra_args=CONNECTION["ansible_ssh_common_args"].replace("{{ sandbox_engine }}", ENGINE),
        # Ansible's own folder; testinfra formats the whole command, hence the two signs.
        controlpath="~/.ansible/cp/%%C",
    )


@pytest.fixture(scope="session")
def lms() -> Host:
    """The host of LMS, Studio and their workers."""
    return connect("lms1")


@pytest.fixture(scope="session")
def cache() -> Host:
    """The memcached host."""
    return connect("cache1")


@pytest.fixture(scope="session")
def s3() -> Host:
    """The S3 host."""
    return connect("s3")


@dataclass(frozen=True)
class Memcached:
    """The running memcached, asked over its own protocol."""

    host: Host

    def ask(self, command: str) -> str:
        """Return its answer to one command of the text protocol."""
        return self.host.check_output("python3 -c %s %s", MEMCACHED_CALL, command)

    def flush(self) -> None:
        """Forget every item, as a restart would."""
        assert self.ask("flush_all") == "OK"

    def stats(self, section: str = "") -> dict[str, str]:
        """Return one section of its statistics ("" or "settings", "items", ...) by name."""
        text = self.ask(f"stats {section}".strip())
        return dict(line.split(maxsplit=2)[1:] for line in text.splitlines() if line.startswith("STAT"))


@pytest.fixture(scope="session")
def memcached(cache: Host) -> Memcached:
    """The running memcached of cache1."""
    return Memcached(cache)


@dataclass(frozen=True)
class S3:
    """The running S3 API, asked from the host that a caller would ask from."""

    host: Host

    def call(
        self,
        operation: str,
        *,
        keys: tuple[str, str] | None = OPERATOR,
        endpoint: str = "https://s3:5000",
        **arguments: Any,
    ) -> dict[str, Any]:
        """Return the answer to a boto3 S3 operation, or {"code", "status"} if S3 refuses it.

        `keys` None asks anonymously. A Body is text of the bytes in latin-1, both ways.
        """
        request = {"operation": operation, "keys": keys, "endpoint": endpoint, "arguments": arguments}
        program = f"printf %s {shlex.quote(json.dumps(request))} | /opt/s3/venv/bin/python -c {shlex.quote(S3_CALL)}"
        answer: dict[str, Any] = json.loads(self.host.check_output(program))
        return answer


@pytest.fixture(scope="session")
def s3_api(s3: Host) -> S3:
    """The S3 API of the sandbox."""
    return S3(s3)


@dataclass(frozen=True)
class S3Faults:
    """Makes the running S3 API fail for a while; the kinds of fault are in molecule/images/s3/sandbox_s3/faults.py."""

    host: Host

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Send one request to the endpoint that takes orders to fail; return the state after it."""
        message = shlex.join(["curl", "--silent", "--show-error", "--fail-with-body", *arguments, "http://127.0.0.1:5090/"])
        answer: dict[str, Any] = json.loads(self.host.check_output(message.replace("%", "%%")))
        return answer

    def met(self) -> int:
        """Return how many requests have met the active fault."""
        return int(self.ask()["met"])

    @contextmanager
    def __call__(self, kind: str, **keys: Any) -> Iterator[None]:
        """Let S3 fail while the body runs: `with s3_faults("answer", status=503, code="SlowDown"):`."""
        self.ask("--request", "PUT", "--data", json.dumps({"kind": kind, **keys}))
        try:
            yield
        finally:
            self.ask("--request", "DELETE")


@pytest.fixture(scope="session")
def s3_faults(s3: Host) -> S3Faults:
    """What makes the S3 API of the sandbox fail."""
    return S3Faults(s3)


@dataclass(frozen=True)
class Boots:
    """How often the platform's manage.py was started: each start adds a line to its own log, which begins with the time."""

    host: Host

    def count(self) -> int:
        """Return the number of starts since the host was made."""
        return int(self.host.check_output("wc --lines < /edx/var/log/edxapp/boots.log"))

    def during(self, record: dict[str, Any]) -> int:
        """Return the number of starts during a run of ansible-playbook that the record plugin wrote down."""
        lines = self.host.check_output("cat /edx/var/log/edxapp/boots.log").splitlines()
        return sum(record["started"] <= line.partition(" ")[0] <= record["ended"] for line in lines)


@pytest.fixture(scope="session")
def boots(lms: Host) -> Boots:
    """The counter of the boots of LMS and Studio on lms1."""
    return Boots(lms)


@dataclass(frozen=True)
class Learner:
    """A logged-in learner, asking from the LMS host itself, at the address that the LMS has there."""

    host: Host
    address: str = LMS_URL

    def visit(self, *courses: str) -> dict[str, dict[str, float]]:
        """Ask for the blocks of each course; return {course: {"status": HTTP status, "ms": milliseconds}}."""
        request = {
            "lms": self.address,
            "email": "learner@example.com",
            "username": "learner",
            "password": "edx",
            "courses": list(courses),
        }
        program = (ROOT / "scripts/loadtest/learner.py").read_text()
        answer: dict[str, dict[str, float]] = json.loads(
            self.host.check_output(f"printf %s {shlex.quote(json.dumps(request))} | python3 -c {shlex.quote(program)}")
        )
        return answer


@pytest.fixture(scope="session")
def learner(lms: Host) -> Learner:
    """A learner of the sandbox, at the address of the scenario's LMS."""
    return Learner(lms)


@pytest.fixture(scope="session")
def release() -> dict[str, Any]:
    """The row of the release table that the scenario's site is of."""
    table = yaml.safe_load((ROOT / "roles/block_structure/vars/releases.yml").read_text())["__block_structure_releases"]
    row: dict[str, Any] = table[os.environ["BLOCK_STRUCTURE_SANDBOX_RELEASE"]]
    return row


@pytest.fixture(scope="session")
def courses(lms: Host) -> list[str]:
    """The keys of all courses of the site, from the one with the fewest blocks to the one with the most."""
    query = (
        "SELECT course.course_id FROM split_modulestore_django_splitmodulestorecourseindex course"
        " LEFT JOIN modulestore_blockrow block ON block.course_id = course.id"
        " GROUP BY course.course_id ORDER BY COUNT(*)"
    )
    return lms.check_output("mariadb --batch --skip-column-names edxapp --execute %s", query).split()


@dataclass(frozen=True)
class Rows:
    """The rows of block_structure, asked of the database."""

    host: Host

    def __call__(self) -> dict[str, str]:
        """Return {course key: object that its row names}."""
        query = "SELECT data_usage_key, data FROM block_structure"
        text = self.host.check_output("mariadb --batch --skip-column-names edxapp --execute %s", query)
        rows = dict(line.split("\t") for line in text.splitlines())
        return {key.replace("block-v1:", "course-v1:").partition("+type@")[0]: name for key, name in rows.items()}


@pytest.fixture(scope="session")
def rows(lms: Host) -> Rows:
    """The rows of the site."""
    return Rows(lms)


@dataclass
class Playbook:
    """The result of one `ansible-playbook`: exit code, output, and what the record plugin wrote down.

    changed, failed: entries of tasks. outcome: what the playbook hands on by set_stats.
    """

    exit_code: int
    output: str
    changed: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    outcome: dict[str, Any] = field(default_factory=dict)


class Playbooks:
    """Runs playbooks of the repository on the sandbox, as an operator would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, playbook: str, *arguments: str) -> Playbook:
        """Run playbooks/<playbook>.yml with further arguments of ansible-playbook; never raises for a failed play."""
        records = self.folder / f"{len(list(self.folder.iterdir()))}-{playbook}"
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "molecule/shared/callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_NOCOLOR": "1",
            "BLOCK_STRUCTURE_RECORDS": str(records),
        }
        environment.pop("ANSIBLE_FORCE_COLOR", None)
        ended = subprocess.run(
            ["ansible-playbook", f"playbooks/{playbook}.yml", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        result = Playbook(ended.returncode, ended.stdout)
        for path in sorted(records.glob("*.json")):
            record = json.loads(path.read_text())
            result.changed += record["changed"]
            result.failed += record["failed"]
            result.outcome = record["stats"].get("block_structure_outcome", {})
        return result


def switch_release(release: str, *arguments: str) -> None:
    """Install another release on the LMS host, as an upgrade does; arguments: further ones of ansible-playbook."""
    argv = ["ansible-playbook", "molecule/shared/switch_release.yml", "-e", f"edxapp_release={release}", *arguments]
    own = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(argv, cwd=ROOT, env=own, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture(scope="session")
def playbooks(tmp_path_factory: pytest.TempPathFactory) -> Playbooks:
    """The playbooks of the repository, run on the sandbox."""
    return Playbooks(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="session")
def idempotence() -> dict[str, Any]:
    """The record of the scenario's idempotence step: another deploy after the one of the converge step.

    Fails if the last recorded run is none: `molecule test` and `molecule idempotence` make one.
    """
    folder = ROOT / ".cache/molecule" / os.environ["MOLECULE_SCENARIO_NAME"]
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*-converge-run.json"))]
    assert len(records) >= 2, f"no record of an idempotence step in {folder}"
    found: dict[str, Any] = records[-1]
    return found


@pytest.fixture(scope="session")
def verified(playbooks: Playbooks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """block_structure_result of the deployed site, as playbooks/verify.yml writes it: one run for all tests that read it."""
    path = tmp_path_factory.mktemp("verify") / "result.json"
    ended = playbooks.run("verify", "-e", f"block_structure_report_path={path}")
    assert ended.exit_code == 0, ended.output
    assert ended.changed == []
    report: dict[str, Any] = json.loads(path.read_text())
    assert (ended.outcome["operation"], ended.outcome["exit_code"], ended.outcome["report_path"]) == ("verify", 0, str(path))
    assert f"\n{ended.outcome['verdict']}\n" in ended.output
    return report


@pytest.fixture(scope="session")
def rollback(playbooks: Playbooks) -> tuple[Playbook, Playbook]:
    """Return (predicted, done): the rollback in check mode, then for real. Tests that ask for it run after all others."""
    predicted, done = playbooks.run("rollback", "--check", "--diff"), playbooks.run("rollback", "--diff")
    assert predicted.exit_code == 0, predicted.output
    assert done.exit_code == 0, done.output
    return predicted, done


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of what takes its time by its nature."""
    config.addinivalue_line("markers", "slow: run by `make test-all`, not by `make test`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave slow tests to `make test-all`; put those of the rollback after all that need a deployed site."""
    if not os.environ.get("BLOCK_STRUCTURE_SLOW"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: make test-all runs it"))
    items.sort(key=lambda item: "rollback" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def secrets() -> tuple[str, str]:
    """The secret keys of the sandbox, which no output may show."""
    return OPERATOR[1], LMS_USER[1]


@dataclass(frozen=True)
class Tool:
    """scripts/block-structure, as an operator runs it on the sandbox."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [str(ROOT / "scripts/block-structure"), *arguments, "-i", str(ROOT / "inventory/sandbox")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Run a command with --format json; return its exit code, its report and what it said beside it."""
        process = self.start(*arguments, "--format", "json")
        output, message = process.communicate(timeout=600)
        return process.returncode, json.loads(output) if output.strip() else None, message


@pytest.fixture(scope="session")
def tool() -> Tool:
    """The command-line tool."""
    return Tool()


def journals() -> Iterator[tuple[str, str]]:
    """Yield the ends of the logs that show why a host does not do what a test expects."""
    commands = {
        "lms1": "journalctl --no-pager --lines 20; tail -n 15 /edx/var/log/*/*.log /var/log/supervisor/*.log",
        "cache1": "journalctl --no-pager --lines 20",
        "s3": "journalctl --no-pager --unit sandbox-s3 --lines 40",
    }
    for name in HOSTS:
        yield name, connect(name).run(f"{commands[name]} 2>&1 | cut -c 1-300").stdout


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journals of all hosts to the first failure of a run."""
    report = yield
    if report.when == "call" and report.failed and not item.session.stash.get(SHOWN, False):
        item.session.stash[SHOWN] = True
        for name, text in journals():
            report.sections.append((f"end of the logs of {name}", text))
    return report


SHOWN = pytest.StashKey[bool]()
