"""The bucket step against the sandbox's S3 API, as Ansible runs it."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.plugin_utils import role_variables
from block_structure_tutor import settings
from block_structure_tutor.bucket import Bucket, spelled
from botocore.client import BaseClient
from botocore.config import Config
from sandbox_s3.differences import BlockRefusesWrites, RefusesChunked
from sandbox_s3.gate import RefusedError, User
from sandbox_s3.server import Listener, application, seed

from . import modules, plays
from .conftest import ROOT

KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
# Another's statement that has the access key's text in it: Ansible masks that text in all that a module returns.
FOREIGN = {
    "Sid": f"Backup{KEYS[0]}",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:role/backup"},
    "Action": ["s3:GetObject"],
    "Resource": ["arn:aws:s3:::example-masked/*"],
}
RULE = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}}


@dataclass
class Served:
    """A running S3 API with TLS, and the file of its certificate authority."""

    endpoint: str
    authority: str


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's context, and the file of its certificate authority."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "s3.key"), str(folder / "s3.crt")
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(request, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    return tls, certificate


@contextlib.contextmanager
def serving(application: Callable[..., Any], tls: tuple[ssl.SSLContext, str]) -> Iterator[Served]:
    listener = Listener(application, "127.0.0.1", 0, tls[0])
    listener.open()
    yield Served(f"https://127.0.0.1:{listener.port}", tls[1])
    listener.close()


@pytest.fixture(scope="module")
def served(tls: tuple[ssl.SSLContext, str]) -> Iterator[Served]:
    seed()
    with serving(application(), tls) as made:
        yield made


@pytest.fixture(scope="module")
def client(served: Served) -> BaseClient:
    made: BaseClient = boto3.client(
        "s3",
        endpoint_url=served.endpoint,
        verify=served.authority,
        region_name="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
    return made


def chosen(served: Served, name: str, keys: tuple[str, str] = KEYS, **variables: Any) -> dict[str, Any]:
    """Return the variables of a site with a bucket of this name."""
    return {
        **role_variables.defaults(),
        "block_structure_storage_bucket": name,
        "block_structure_storage_region": "us-east-1",
        "block_structure_bucket_endpoint_url": served.endpoint,
        "block_structure_bucket_ca_bundle": served.authority,
        "block_structure_bucket_access_key": keys[0],
        "block_structure_bucket_secret_key": keys[1],
        **variables,
    }


def step(served: Served, name: str, *options: str, keys: tuple[str, str] = KEYS, **variables: Any) -> dict[str, Any]:
    """Return the result of the step for a bucket of this name."""
    return modules.run("bucket", {}, "-e", json.dumps(chosen(served, name, keys, **variables)), *options)


def ready(folder: Path, served: Served, name: str) -> tuple[int, str]:
    """Return exit code and output of the step that looks at the bucket before a deploy touches a host."""
    variables = {**chosen(served, name), "__block_structure_values": {"manage_bucket": True}}
    return plays.run(folder / "play.yml", [plays.step("deploy/bucket_ready")], variables=variables)


def test_without_amazon_aws_a_preview_names_the_command_that_brings_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_SCAN_SYS_PATH", "false")  # where the package `ansible` has it
    said = modules.output("bucket", {}, "-e", json.dumps(chosen(served, "example-without")), "--check")
    assert "The Ansible collection amazon.aws, which configures the bucket, is not installed where Ansible runs." in said
    wanted = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]["amazon.aws"]
    program = Path(sys.executable).with_name("ansible-galaxy")
    assert f"Remedy: run `{program} collection install 'amazon.aws:{wanted}'`, or set " in said


def test_foreign_parts_stay_whatever_the_access_key_is(served: Served, client: BaseClient) -> None:
    client.create_bucket(Bucket="example-masked")
    client.put_bucket_policy(
        Bucket="example-masked", Policy=json.dumps({"Version": "2012-10-17", "Id": "Theirs", "Statement": [FOREIGN]})
    )
    client.put_bucket_tagging(Bucket="example-masked", Tagging={"TagSet": [{"Key": "owner", "Value": f"x{KEYS[0]}x"}]})
    client.put_bucket_lifecycle_configuration(Bucket="example-masked", LifecycleConfiguration={"Rules": [RULE]})
    tags = {"block_structure_bucket_tags": {"site": f"of-{KEYS[0]}"}}
    assert step(served, "example-masked", "--check", **tags)["changed"]
    assert step(served, "example-masked", **tags)["changed"]
    policy = json.loads(client.get_bucket_policy(Bucket="example-masked")["Policy"])
    assert policy["Id"] == "Theirs"
    assert policy["Statement"][0] == FOREIGN
    assert [entry["Sid"] for entry in policy["Statement"][1:]] == ["BlockStructureTlsOnly"]
    found = {tag["Key"]: tag["Value"] for tag in client.get_bucket_tagging(Bucket="example-masked")["TagSet"]}
    assert found == {"owner": f"x{KEYS[0]}x", "site": f"of-{KEYS[0]}"}
    rules = client.get_bucket_lifecycle_configuration(Bucket="example-masked")["Rules"]
    assert rules[0] == RULE
    assert len(rules) == 3
    assert step(served, "example-masked", **tags)["changed"] is False


def test_a_block_under_which_nobody_can_write_is_taken_back_by_name(
    client: BaseClient, tls: tuple[ssl.SSLContext, str]
) -> None:
    name = "example-ceph"
    client.create_bucket(Bucket=name)
    client.put_object(Bucket=name, Key="block_structures/theirs", Body=b"tree")
    with serving(BlockRefusesWrites(application()), tls) as ceph:
        message = step(ceph, name)["msg"]
    assert message == (
        f"With the public access block the store refuses every write to the bucket {name}; the block was taken back.\n"
        "Remedy: set public_access_block of block_structure_bucket_features to false; who can read the bucket is then up to "
        "its policy and ACLs."
    )
    with pytest.raises(client.exceptions.ClientError, match="NoSuchPublicAccessBlockConfiguration"):
        client.get_public_access_block(Bucket=name)
    # The first run changed the rest, and a second one with the variable changes nothing.
    with serving(BlockRefusesWrites(application()), tls) as ceph:
        assert step(ceph, name, block_structure_bucket_features={"public_access_block": False})["changed"] is False
    versions = client.list_object_versions(Bucket=name)
    assert [entry["Key"] for entry in versions["Versions"]] == ["block_structures/theirs"]
    assert not versions.get("DeleteMarkers")


class LacksOwnership(BlockRefusesWrites):
    """Has no object ownership either, as Ceph RGW."""

    def refusal(self, environ: dict[str, Any]) -> RefusedError | None:
        if "ownershipControls" in environ["QUERY_STRING"]:
            return RefusedError("501 NOT IMPLEMENTED", "NotImplemented", "It is not there.")
        return super().refusal(environ)


@pytest.mark.parametrize("exists", [True, False])
def test_all_that_the_store_lacks_is_told_in_one_run(
    client: BaseClient, tls: tuple[ssl.SSLContext, str], tmp_path: Path, exists: bool
) -> None:
    name = f"example-lacks-{exists}".lower()
    block = client.exceptions.ClientError
    if exists:
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="block_structures/theirs", Body=b"tree")
    with serving(LacksOwnership(application()), tls) as ceph:
        lacks = (
            "This S3-compatible store does not implement what is asked of the bucket: object_ownership, public_access_block.\n"
            "Remedy: set object_ownership of block_structure_bucket_features to false; public_access_block of "
            "block_structure_bucket_features to false."
        )
        # What a deploy does before it touches a host. A bucket that is not there yet shows nothing.
        code, output = ready(tmp_path, ceph, name)
        assert (code, " ".join(lacks.split()) in output) == ((2, True) if exists else (0, False)), output
        assert step(ceph, name)["msg"] == lacks
        with pytest.raises(block, match="NoSuchPublicAccessBlockConfiguration"):
            client.get_public_access_block(Bucket=name)
        if exists:
            assert "Status" not in client.get_bucket_versioning(Bucket=name)
            with pytest.raises(block, match="NoSuchBucketPolicy"):
                client.get_bucket_policy(Bucket=name)
        # A preview writes nothing, so it promises less.
        assert "bucket: object_ownership.\n" in step(ceph, name, "--check")["msg"]
        off = {"object_ownership": False, "public_access_block": False}
        assert step(ceph, name, block_structure_bucket_features=off)["changed"]
        assert step(ceph, name, block_structure_bucket_features=off)["changed"] is False


def test_a_block_that_the_bucket_has_stays_where_the_store_lacks_something_else(
    client: BaseClient, tls: tuple[ssl.SSLContext, str]
) -> None:
    """A trial leaves the block as it was: in part on, and under which objects can be written."""

    class WithoutOwnership(LacksOwnership):
        def refusal(self, environ: dict[str, Any]) -> RefusedError | None:
            return LacksOwnership.refusal(self, environ) if "ownershipControls" in environ["QUERY_STRING"] else None

    name, part = "example-half-blocked", {"BlockPublicAcls": True, "IgnorePublicAcls": True}
    client.create_bucket(Bucket=name)
    client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=part)
    before = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    with serving(WithoutOwnership(application()), tls) as store:
        assert "bucket: object_ownership.\n" in step(store, name)["msg"]
    assert client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == before
    assert "Contents" not in client.list_objects_v2(Bucket=name)


def test_a_short_access_key_that_is_part_of_a_name_changes_nothing_of_others(
    client: BaseClient, tls: tuple[ssl.SSLContext, str]
) -> None:
    """The key that tutor-minio ships is a word: Ansible masks it in every ARN."""
    name, secret = "openedx-block-structures", "a-long-secret-of-somebody"
    theirs = {
        "Sid": "Backup",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/openedx-backup"},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{name}/*"],
    }
    client.create_bucket(Bucket=name)
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [theirs]}))
    gate = application()
    gate.users["openedx"] = User("operator", secret, gate.users[KEYS[0]].policies)
    with serving(gate, tls) as store:
        done = step(store, name, keys=("openedx", secret))
        assert done["changed"], done.get("msg")
        statements = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
        assert (statements[0], [entry["Sid"] for entry in statements]) == (theirs, ["Backup", "BlockStructureTlsOnly"])
        assert step(store, name, keys=("openedx", secret))["changed"] is False


def test_credentials_that_may_not_write_objects_leave_the_block(served: Served, client: BaseClient) -> None:
    client.create_bucket(Bucket="example-readers")
    deny = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}
    client.put_bucket_policy(Bucket="example-readers", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    assert step(served, "example-readers")["changed"]
    assert client.get_public_access_block(Bucket="example-readers")["PublicAccessBlockConfiguration"]["BlockPublicAcls"]


def of_tutor(served: Served, name: str, **variables: Any) -> Bucket:
    """The bucket as Tutor's plugin makes it."""
    given = {
        "BLOCK_STRUCTURE_STORAGE_BUCKET": name,
        "BLOCK_STRUCTURE_STORAGE_REGION": "us-east-1",
        "BLOCK_STRUCTURE_STORAGE_ENDPOINT_URL": served.endpoint,
        "BLOCK_STRUCTURE_BUCKET_CA_BUNDLE": served.authority,
        **variables,
    }
    return Bucket(settings.resolve(given, "20.0.0", manage_bucket=True))


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The operator's rights, where boto3 finds them; its session remembers those that it found."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return monkeypatch


@pytest.mark.usefixtures("operator")
def test_tutors_plugin_makes_what_the_role_makes(served: Served, client: BaseClient) -> None:
    tags = {"site": "example"}
    theirs = of_tutor(served, "example-tutor", BLOCK_STRUCTURE_BUCKET_TAGS=tags)
    assert theirs.changes()[0] is None
    with pytest.raises(client.exceptions.ClientError, match="404"):
        client.head_bucket(Bucket="example-tutor")
    assert [change.field for change in theirs.apply()][:1] == ["bucket"]
    assert theirs.apply() == []
    assert step(served, "example-tutor", block_structure_bucket_tags=tags)["changed"] is False
    assert step(served, "example-role", block_structure_bucket_tags=tags)["changed"]
    assert of_tutor(served, "example-role", BLOCK_STRUCTURE_BUCKET_TAGS=tags).changes()[1] == []


@pytest.mark.usefixtures("operator")
def test_tutors_plugin_leaves_what_is_not_its_own(served: Served, client: BaseClient) -> None:
    name = "example-tutor-foreign"
    client.create_bucket(Bucket=name)
    foreign = {**FOREIGN, "Resource": [f"arn:aws:s3:::{name}/*"]}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Id": "Theirs", "Statement": [foreign]}))
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "owner", "Value": "theirs"}]})
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [RULE]})
    of_tutor(served, name, BLOCK_STRUCTURE_BUCKET_TAGS={"site": "example"}).apply()
    policy = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])
    assert (policy["Id"], policy["Statement"][0]) == ("Theirs", foreign)
    found = {tag["Key"]: tag["Value"] for tag in client.get_bucket_tagging(Bucket=name)["TagSet"]}
    assert found == {"owner": "theirs", "site": "example"}
    assert client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0] == RULE
    off = {"BLOCK_STRUCTURE_BUCKET_FEATURES": {"tls_only": False}}
    assert [change.field for change in of_tutor(served, name, **off).apply()] == ["policy"]
    assert json.loads(client.get_bucket_policy(Bucket=name)["Policy"])["Statement"] == [foreign]


def test_tutors_plugin_says_which_keys_it_looks_for(served: Served, operator: pytest.MonkeyPatch) -> None:
    operator.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    with pytest.raises(BlockStructureError) as refused:
        of_tutor(served, "example-tutor-keys").apply()
    assert spelled(refused.value) == (
        "S3 does not accept the credentials for the bucket example-tutor-keys (SignatureDoesNotMatch).\n"
        "Remedy: correct what boto3 finds: AWS_ACCESS_KEY_ID, AWS_PROFILE or ~/.aws/credentials."
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        operator.delenv(name)
    operator.setenv("AWS_EC2_METADATA_DISABLED", "true")
    operator.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(BlockStructureError) as refused:
        of_tutor(served, "example-tutor-keys").apply()
    assert refused.value.cause == "There are no credentials for the bucket example-tutor-keys: Unable to locate credentials"


def test_tutors_plugin_refuses_what_would_lock_the_lms_out(served: Served) -> None:
    with pytest.raises(settings.RefusedError, match="BLOCK_STRUCTURE_STORAGE_ENDPOINT_URL is http://192"):
        of_tutor(served, "example-tutor", BLOCK_STRUCTURE_STORAGE_ENDPOINT_URL="http://192.0.2.1")


def test_the_step_sends_no_body_that_a_store_could_refuse(tls: tuple[ssl.SSLContext, str]) -> None:
    with serving(RefusesChunked(application()), tls) as store:
        assert step(store, "example-chunked")["changed"]
        assert step(store, "example-chunked")["changed"] is False


def test_a_feature_that_is_off_takes_our_statement_away_and_leaves_theirs(served: Served, client: BaseClient) -> None:
    off = {"block_structure_bucket_features": {"tls_only": False, "abort_uploads": False}}
    answer = step(served, "example-off")
    assert answer["changed"], answer.get("msg")
    assert step(served, "example-off", **off)["changed"]
    with pytest.raises(client.exceptions.ClientError, match="NoSuchBucketPolicy"):
        client.get_bucket_policy(Bucket="example-off")
    assert step(served, "example-off", **off)["changed"] is False


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            ("AKIAIOSFODNN7UNKNOWN", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            "S3 does not accept the credentials for the bucket example-wrong (InvalidAccessKeyId).",
        ),
        (
            ("AKIAIOSFODNN7EXAMPLE", "not-the-secret"),
            "S3 does not accept the credentials for the bucket example-wrong (SignatureDoesNotMatch).",
        ),
    ],
    ids=["key", "secret"],
)
def test_wrong_credentials_are_reported_from_somebody_elses_bucket(
    served: Served, client: BaseClient, keys: tuple[str, str], message: str
) -> None:
    client.create_bucket(Bucket="example-wrong")
    assert step(served, "example-wrong", keys=keys)["msg"] == (
        f"{message}\nRemedy: correct block_structure_bucket_access_key and block_structure_bucket_secret_key."
    )


@pytest.fixture
def page() -> Iterator[str]:
    """Serve a web page where an operator took the console for the API."""

    class Console(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Sign in")

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Console)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_web_page_at_the_endpoint_is_reported(served: Served, page: str) -> None:
    assert step(served, "example-console", block_structure_bucket_endpoint_url=page)["msg"] == (
        "The endpoint does not speak the S3 protocol: its answer is no XML.\n"
        "Remedy: correct block_structure_storage_endpoint_url; it is the store's API, not its web console."
    )


def test_a_certificate_of_an_unknown_authority_is_reported(served: Served) -> None:
    message = step(served, "example-tls", block_structure_bucket_ca_bundle=None)["msg"]
    assert message.startswith("The certificate of the bucket's endpoint is not trusted: ")
    assert message.endswith("\nRemedy: name the store's certificate authority in block_structure_bucket_ca_bundle.")


def test_the_authority_that_the_environment_names_is_trusted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", served.authority)
    for changed in (True, False):
        assert step(served, "example-tls-named", block_structure_bucket_ca_bundle=None)["changed"] is changed
