"""Bad input is refused by name before any host is touched.

The plays run on inventory/example, whose hosts do not exist: whatever would touch one ends as unreachable, not with our words.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml

from . import plays
from .conftest import COLLECTIONS, ROOT

VAULTED = "block_structure_storage_secret_key"

REJECTED = {
    "unknown release": (
        {"block_structure_release": "zebrawood"},
        (
            "block_structure_release is 'zebrawood', which is not an Open edX release that this role knows.\n"
            "Remedy: set it to one of ironwood, juniper, koa, lilac, maple, nutmeg, olive, palm, quince, "
            "redwood, sumac, teak, ulmo, "
            "verawood, main."
        ),
    ),
    "an upgrade to nowhere": (
        {"block_structure_release": None, "block_structure_prepare_upgrade": True},
        (
            "block_structure_prepare_upgrade is true, and block_structure_release is not set.\n"
            "Remedy: set block_structure_release to the release that the site will be upgraded to."
        ),
    ),
    "prefix with a leading slash where the release is to be found out": (
        {"block_structure_release": None, "block_structure_storage_prefix": "/courses/"},
        "block_structure_storage_prefix '/courses/' begins with a slash: Django refuses such names and nothing is stored.",
    ),
    "no bucket": (
        {"block_structure_storage_bucket": ""},
        "block_structure_storage_bucket is not set.\nRemedy: set it to your S3 bucket.",
    ),
    "unknown platform": (
        {"block_structure_platform": "devstack"},
        (
            "block_structure_platform is refused: value of block_structure_platform must be one of: auto, native, tutor_k8s, "
            "tutor_local, got: devstack.\n"
            "Remedy: give it the type in docs/variables.md."
        ),
    ),
    "wrong type": (
        {"block_structure_memcached_memory_mb": "plenty"},
        "argument 'block_structure_memcached_memory_mb' is of type str and we were unable to convert to int",
    ),
    "limit below one": (
        {"block_structure_regenerate_limit": 0},
        "block_structure_regenerate_limit is 0.\nRemedy: set it to 1 or more.",
    ),
    "misspelt variable": (
        {"block_structure_storage_buket": "x"},
        "Variable block_structure_storage_buket does not exist.\nRemedy: did you mean block_structure_storage_bucket?",
    ),
    "prefix with a leading slash": (
        {"block_structure_storage_prefix": "/courses/"},
        (
            "block_structure_storage_prefix '/courses/' begins with a slash: Django refuses such names and nothing is stored.\n"
            "Remedy: write it as 'courses/'."
        ),
    ),
    "prefix without a trailing slash": (
        {"block_structure_storage_prefix": "courses"},
        (
            "block_structure_storage_prefix 'courses' does not end with a slash: it would run into the course's key.\n"
            "Remedy: write it as 'courses/'."
        ),
    ),
    "bucket name": (
        {"block_structure_storage_bucket": "Example_Bucket"},
        (
            "block_structure_storage_bucket 'Example_Bucket' must consist of lower-case letters, digits, "
            "dots and hyphens, and begin and end with a letter or a digit.\n"
            "Remedy: choose a name such as 'example-block-structures'."
        ),
    ),
    "refused kwarg": (
        {"block_structure_storage_extra_kwargs": {"acl": "private"}},
        "block_structure_storage_extra_kwargs has 'acl', which django-storages of teak refuses: no Django process would start.",
    ),
    "dictionary as a kwarg": (
        {"block_structure_storage_extra_kwargs": {"object_parameters": {"CacheControl": "x"}}},
        (
            "block_structure_storage_extra_kwargs['object_parameters'] is a dictionary, which teak cannot hash: "
            "no Django process "
            "would start.\nRemedy: give a single value, or set it outside of BLOCK_STRUCTURES_SETTINGS."
        ),
    ),
    "public access-control list": (
        {"block_structure_storage_default_acl": "public-read"},
        (
            "block_structure_storage_default_acl is 'public-read': anybody could read every course's structure.\n"
            "Remedy: leave it unset (null), or set it to private for a store without object ownership."
        ),
    ),
    "no version kept": (
        {"block_structure_num_versions_to_keep": 0},
        (
            "block_structure_num_versions_to_keep is 0: pruning would delete the object that was just written.\n"
            "Remedy: set it to 1 or more; 2 to 5 are sensible."
        ),
    ),
    "timeout of zero": (
        {"block_structure_cache_timeout_seconds": 0},
        (
            "block_structure_cache_timeout_seconds is 0: nothing would ever be cached.\n"
            "Remedy: leave it unset (null), which never expires, or set seconds."
        ),
    ),
    "item size that is no multiple": (
        {"block_structure_memcached_item_size": "1200k"},
        (
            "block_structure_memcached_item_size '1200k' is not a multiple of 512 KiB between 512k and 1024m: "
            "memcached would not "
            "start.\nRemedy: use 1536k."
        ),
    ),
    "item size with a suffix that memcached misreads": (
        {"block_structure_memcached_item_size": "2.5m"},
        (
            "block_structure_memcached_item_size '2.5m' is not a whole number with suffix k or m: memcached would misread it.\n"
            "Remedy: write whole megabytes such as 3m, or kilobytes such as 1536k."
        ),
    ),
    "item size over half of the memory": (
        {"block_structure_memcached_item_size": "40m", "block_structure_memcached_memory_mb": 64},
        (
            "block_structure_memcached_item_size 40m is more than half of block_structure_memcached_memory_mb "
            "64: memcached would not "
            "start.\nRemedy: set block_structure_memcached_memory_mb to 80 or more."
        ),
    ),
    "switch that is gone": (
        {"block_structure_raise_error_when_not_found": True},
        (
            "block_structure_raise_error_when_not_found is true, and teak no longer has "
            "the switch block_structure.raise_error_when_not_found.\n"
            "Remedy: remove block_structure_raise_error_when_not_found; the release behaves as if it were off."
        ),
    ),
    "half a key pair": (
        {"block_structure_storage_access_key": "AKIAIOSFODNN7EXAMPLE"},
        (
            "Only one of block_structure_storage_access_key and block_structure_storage_secret_key is set.\n"
            "Remedy: set both, or neither to use the instance role."
        ),
    ),
    "hashing that the release does not know": (
        {"block_structure_release": "palm", "block_structure_blake2b_hashing": True},
        (
            "block_structure_blake2b_hashing is true, and palm does not read FEATURES.ENABLE_BLAKE2B_HASHING: it hashes with "
            "md4.\nRemedy: remove block_structure_blake2b_hashing, and give the OpenSSL of the LMS hosts its legacy provider "
            "if it has no md4."
        ),
    ),
    "two mistakes at once": (
        {"block_structure_storage_prefix": "/x", "block_structure_num_versions_to_keep": -1},
        "block_structure_num_versions_to_keep is -1",
    ),
}


def play(variables: dict, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["ansible-playbook", "-i", "inventory/example", "playbooks/deploy.yml", "-e", json.dumps(variables), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        env={**os.environ, **environment},
    )


def unwrapped(text: str) -> str:
    """Return output with its YAML line breaks folded, so that a message can be searched whole."""
    return " ".join(text.replace("''", "'").split())


@pytest.mark.parametrize("case", REJECTED)
def test_bad_input_is_refused_by_name_before_any_change(case):
    variables, message = REJECTED[case]
    done = play(variables)
    output = unwrapped(done.stdout + done.stderr)
    assert done.returncode == 2, output
    assert unwrapped(message) in output
    assert "unreachable=1" not in output


def test_an_inventory_without_an_lms_is_refused():
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "playbooks/deploy.yml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "The inventory has no host in the group block_structure_lms. Remedy: name an inventory" in unwrapped(done.stdout)


def test_every_tag_validates():
    done = play({"block_structure_release": "zebrawood"}, "--tags", "block_structure_memcached")
    assert done.returncode == 2
    assert "not an Open edX release" in done.stdout + done.stderr


LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
NOWHERE = {"block_structure_bucket_endpoint_url": "https://127.0.0.1:9", "block_structure_storage_region": "us-east-1"}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "no"}, "The Ansible collection amazon.aws, which configures the bucket, is not"),
        ({}, "Could not connect to the endpoint URL"),
    ],
    ids=["without the collection", "without an answer of S3"],
)
def test_what_the_bucket_cannot_be_made_with_is_said_before_anything_is_touched(environment, message):
    keys = {f"block_structure_bucket_{name}_key": "AKIAIOSFODNN7EXAMPLE" for name in ("access", "secret")}
    done = play({**LOCAL, **NOWHERE, **keys}, ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS), **environment)
    output = unwrapped(done.stdout + done.stderr)
    assert done.returncode == 2
    assert message in output
    assert "Remedy: " in output
    assert "PLAY [Look at the bucket]" in output
    assert "PLAY [Hold the site]" not in output


def test_valid_input_reaches_the_hosts():
    done = play({"ansible_connection": "ssh", "ansible_ssh_timeout": 1, "ansible_host": "127.0.0.1", "ansible_port": 9})
    assert done.returncode == 2
    assert "does not answer, so nothing is changed on any host. Remedy: make it reachable, or select" in unwrapped(done.stdout)


def test_plain_key_is_a_warning_but_a_vaulted_one_is_not(tmp_path):
    password = tmp_path / "password"
    password.write_text("example")
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    encrypted = subprocess.run(
        [
            "ansible-vault",
            "encrypt_string",
            "--vault-password-file",
            str(password),
            secret,
            "--name",
            "block_structure_storage_secret_key",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    inventory = tmp_path / "inventory"
    (inventory / "group_vars").mkdir(parents=True)
    (inventory / "hosts.yml").write_text("block_structure_lms: {hosts: {lms1.example.com: {ansible_host: 192.0.2.11}}}\n")
    (inventory / "group_vars" / "all.yml").write_text(
        "block_structure_release: teak\nblock_structure_storage_bucket: Example_Refused\n"
        "block_structure_storage_access_key: AKIAIOSFODNN7EXAMPLE\n" + encrypted
    )
    probe = tmp_path / "probe.yml"
    probe.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.import_role:\n"
        "        {name: openedx_operators.block_structure.block_structure, tasks_from: common/validate}\n"
        "      vars: {block_structure_storage_bucket: example-block-structures}\n"
    )
    done = subprocess.run(
        ["ansible-playbook", "-vvv", "-i", str(inventory), str(probe), "--vault-password-file", str(password)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "block_structure_storage_access_key is unencrypted in the inventory." in output
    assert "block_structure_storage_secret_key is unencrypted" not in output
    assert secret not in output


@pytest.mark.parametrize(
    ("mode", "content", "check", "refused"),
    [
        (0o755, "theirs", False, True),
        (0o755, "theirs", True, True),
        (0o755, None, False, False),
        (0o700, "before.json", False, False),
        (None, None, True, False),
    ],
    ids=["of others", "of others, check", "empty", "ours", "absent, check"],
)
def test_a_state_directory_of_somebody_else_stays_as_it_is(tmp_path, mode, content, check, refused):
    folder = tmp_path / "state"
    if mode is not None:
        folder.mkdir()
        folder.chmod(mode)
    if content:
        (folder / content).write_text("x")
    as_root = os.geteuid() == 0
    if not as_root and mode == 0o700:
        pytest.skip("of root")
    variables = {"__block_structure_state_path": str(folder), "__block_structure_without_root": not as_root}
    # Twice: only the first one looks.
    tasks = [plays.step("common/state_dir")] * 2
    code, output = plays.run(tmp_path / "play.yml", tasks, *(["--check"] * check), variables=variables)
    output = unwrapped(output)
    assert (code, f"'{folder}', where others have files; the role would make it private. Remedy: " in output) == (
        (2, True) if refused else (0, False)
    ), output
    if check or refused:
        assert (oct(folder.stat().st_mode & 0o777) if mode else folder.exists()) == (oct(mode) if mode else False)
    else:
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("from_command_line", [False, True], ids=["group_vars", "-e @file"])
def test_a_key_in_a_file_that_is_encrypted_whole_is_no_plain_one(tmp_path, from_command_line):
    password = tmp_path / "password"
    password.write_text("example")
    inventory = tmp_path / "inventory"
    (inventory / "group_vars" / "all").mkdir(parents=True)
    (inventory / "hosts.yml").write_text("block_structure_lms: {hosts: {lms1.example.com: {ansible_host: 192.0.2.11}}}\n")
    plain, vaulted = inventory / "group_vars" / "all" / "plain.yml", inventory / "group_vars" / "all" / "vaulted.yml"
    plain.write_text("block_structure_release: teak\nblock_structure_storage_bucket: example-block-structures\n")
    vaulted = tmp_path / "vaulted.yml" if from_command_line else vaulted
    vaulted.write_text("block_structure_storage_access_key: AKIAIOSFODNN7EXAMPLE\nblock_structure_storage_secret_key: hush\n")
    unlock = ["--vault-password-file", str(password)]
    subprocess.run(["ansible-vault", "encrypt", *unlock, str(vaulted)], check=True, capture_output=True)
    play_file = tmp_path / "play.yml"
    play_file.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.import_role:\n"
        "        {name: openedx_operators.block_structure.block_structure, tasks_from: common/validate}\n"
    )
    more = ["-e", f"@{vaulted}"] if from_command_line else []
    done = subprocess.run(
        ["ansible-playbook", "-vvv", "-i", str(inventory), str(play_file), *unlock, *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "unencrypted" not in output
    assert "hush" not in output


@pytest.mark.parametrize("check", [False, True], ids=["deploy", "check"])
def test_a_native_deploy_without_root_is_refused_before_anything_is_kept(tmp_path, check):
    folder = tmp_path / "state"
    variables = {
        "__block_structure_state_path": str(folder),
        # One that any user may run.
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    user = os.geteuid()
    if not user:
        user = 65534
        by_su = {"user": "nobody", "method": "su", "flags": "-s /bin/sh"}
        variables |= {"ansible_become": True, "ansible_pipelining": True}
        variables |= {f"ansible_become_{name}": value for name, value in by_su.items()}
    role = {"name": "openedx_operators.block_structure.block_structure", "tasks_from": "common/state_dir"}
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.include_role": role}]}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    argv = ["ansible-playbook", "-i", "localhost,", "-c", "local", tmp_path / "play.yml", "-e", json.dumps(variables)]
    done = subprocess.run(
        [*argv, *(["--check"] * check)], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    output = unwrapped(done.stdout + done.stderr)
    assert done.returncode == 2, output
    assert (
        f"Ansible is not root on this host (its user has the id {user}), and a deploy changes what only root may change, "
        f"beginning with {folder}. Remedy: let Ansible become root there (remove ansible_become or ansible_become_user from "
        "the inventory); diagnose and verify need no root."
    ) in output
    assert not folder.exists()
