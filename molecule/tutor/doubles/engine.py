#!/openedx/venv/bin/python
"""Doubles of docker and kubectl, for the sandbox: they run one Tutor site in this host, without containers.

Called as `docker` (docker compose), `docker-compose` or `kubectl`, with the arguments that the real Tutor and the role give.
What the real ones mount is linked: docker's double reads the volumes of lms and cms in the compose files that Tutor
rendered, kubectl's takes a copy of what kustomization.yml names as config maps when it is applied, and restarts only when that
changed. The services run under supervisor, by the names of Tutor's services.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

PLATFORM = Path("/openedx/edx-platform")
CONFIG_MAPS = Path("/var/lib/kubectl-double")
SERVICES = ("lms", "cms", "lms-worker", "cms-worker")
# What the image of the real site sets.
IMAGE_ENVIRONMENT = {
    "PATH": "/openedx/venv/bin:/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LMS_CFG": "/openedx/config/lms.env.yml",
    "CMS_CFG": "/openedx/config/cms.env.yml",
    "STUDIO_CFG": "/openedx/config/cms.env.yml",
    # Of the sandbox: its own certificate authority, and where its boots are counted.
    "AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    "EDXAPP_BOOTS_LOG": "/edx/var/log/edxapp/boots.log",
}


def fail(message):
    print(message, file=sys.stderr)
    raise SystemExit(1)


def supervisor(*words):
    return subprocess.run(["/usr/bin/supervisorctl", *words], stdout=subprocess.PIPE, text=True, check=False)


def is_running(service):
    return "RUNNING" in supervisor("status", service).stdout


def link(target, source):
    """Make a path of the "container" lead to what is mounted there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    target.symlink_to(source)


def run(service, command, environment):
    """Become a command inside a service's "container"; standard input stays what it is."""
    if not is_running(service):
        fail(f'service "{service}" is not running')
    os.chdir(PLATFORM)
    system = service.partition("-")[0]
    given = {**IMAGE_ENVIRONMENT, "SERVICE_VARIANT": system, "DJANGO_SETTINGS_MODULE": f"{system}.envs.tutor.production"}
    given.update(environment)
    words = [
        "/usr/sbin/runuser",
        "-u",
        "www-data",
        "--",
        "/usr/bin/env",
        "-i",
        *(f"{key}={value}" for key, value in given.items()),
    ]
    os.execv(words[0], [*words, *command])


def start(services, *, restart):
    supervisor("update")
    for service in services:
        print(f" Container tutor_local-{service}-1  {'Restarting' if restart else 'Starting'}", file=sys.stderr)
    supervisor("restart" if restart else "start", *services)


# docker compose


def mount_volumes(files):
    services = {}
    for path in files:
        services.update(yaml.safe_load(Path(path).read_text()).get("services") or {})
    for name in ("cms", "lms"):
        for volume in services[name]["volumes"]:
            source, target = volume.split(":")[:2]
            source = (Path(files[0]).parent / source).resolve()
            if target.startswith("/openedx/"):
                if not source.exists():
                    source.mkdir(parents=True)
                    shutil.chown(source, "www-data", "www-data")
                link(Path(target), source)


def compose(words):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-f", action="append", default=[], dest="files")
    parser.add_argument("--project-name")
    parser.add_argument("verb")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args(words)
    names = [word for word in given.rest if not word.startswith("-")]
    if given.verb == "up":
        mount_volumes(given.files)
        start(SERVICES, restart=False)
    elif given.verb == "restart":
        start(names or SERVICES, restart=True)
    elif given.verb == "ls":
        print("[]")
    elif given.verb == "stop":
        supervisor("stop", *(names or SERVICES))
    elif given.verb == "exec":
        exec_parser = argparse.ArgumentParser(add_help=False)
        exec_parser.add_argument("-T", action="store_true")
        exec_parser.add_argument("-e", action="append", default=[])
        exec_parser.add_argument("service")
        exec_parser.add_argument("command", nargs=argparse.REMAINDER)
        inner = exec_parser.parse_args(given.rest)
        if not inner.T and not sys.stdin.isatty():
            fail("the input device is not a TTY")
        run(inner.service, inner.command, dict(pair.split("=", 1) for pair in inner.e))
    else:
        fail(f"the double of docker does not know 'compose {given.verb}'")


# kubectl


def mount_config_maps(environment):
    """Copy the files of each config map to a folder named by their digest, and mount it; return whether one is new."""
    kustomization = yaml.safe_load((environment / "kustomization.yml").read_text())
    folders = {}
    changed = False
    for entry in kustomization["configMapGenerator"]:
        files = [environment / name for name in entry.get("files") or []]
        digest = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:10]
        folders[entry["name"]] = folder = CONFIG_MAPS / f"{entry['name']}-{digest}"
        if entry["name"].startswith("openedx-") and not folder.exists():
            changed = True
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, folder / path.name)
    for document in yaml.safe_load_all((environment / "k8s" / "deployments.yml").read_text()):
        if document and document["metadata"]["name"] in ("lms", "cms"):
            pod = document["spec"]["template"]["spec"]
            maps = {volume["name"]: volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
            for mounted in pod["containers"][0]["volumeMounts"]:
                if "subPath" not in mounted and mounted["name"] in maps:
                    link(Path(mounted["mountPath"].rstrip("/")), folders[maps[mounted["name"]]])
    return changed


def kubectl(words):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--namespace")
    parser.add_argument("--timeout", default="60s")
    parser.add_argument("--kustomize")
    parser.add_argument("--selector")
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("words", nargs="*")
    split = words.index("--") if "--" in words else len(words)
    own, inner = words[:split], words[split + 1 :]
    given = parser.parse_args(own)
    verb = given.words[0]
    if verb == "exec":
        run(given.words[1].partition("/")[2], inner, {})
    elif verb == "get":
        print(f"{given.words[-1]}   Active")
    elif verb == "apply":
        changed = mount_config_maps(Path(given.kustomize))
        missing = [service for service in SERVICES if not is_running(service)]
        start(SERVICES if changed else missing, restart=changed)
    elif verb == "rollout":
        deadline = time.monotonic() + int(given.timeout.rstrip("s"))
        while not is_running(given.words[-1].partition("/")[2]):
            if time.monotonic() > deadline:
                fail("error: timed out waiting for the condition")
            time.sleep(1)
        print(f'deployment "{given.words[-1]}" successfully rolled out')
    else:
        fail(f"the double of kubectl does not know '{verb}'")


if __name__ == "__main__":
    name = Path(sys.argv[0]).name
    if name == "kubectl":
        kubectl(sys.argv[1:])
    elif name == "docker-compose":
        compose(sys.argv[1:])
    elif sys.argv[1:2] == ["compose"]:
        compose(sys.argv[2:])
    else:
        fail(f"the double of docker does not know '{' '.join(sys.argv[1:2])}'")
