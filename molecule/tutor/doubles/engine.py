#!/openedx/venv/bin/python
"""Doubles of docker and kubectl, for the sandbox: they run one Tutor site in this host, without containers.

Called as `docker` (docker compose), `docker-compose` or `kubectl`, with the arguments that the real Tutor and the role give.
What a container is given is read from what Tutor rendered: the environment from the ENV lines of its Dockerfile and from the
service's own, the mounts from the compose files, or for kubectl from kustomization.yml, of whose config maps a copy is taken
when it is applied; a new copy restarts what mounts it. The image's entrypoint, where Tutor has one, starts the services and
nothing else, as with the real ones. The services run under supervisor, by Tutor's names: `engine.py serve SERVICE [COMMAND...]`
becomes one, by default the image's own web server.
"""

import argparse
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

ENVIRONMENT = Path("/home/tutor/.local/share/tutor/env")
PLATFORM = Path("/openedx/edx-platform")
STATE = Path("/var/lib/engine-double")
# The environment of the miniature's native installation.
NATIVE_ENVIRONMENT = Path("/edx/app/edxapp/edxapp_env")
SERVICES = ("lms", "cms", "lms-worker", "cms-worker")
# Of the sandbox: its own certificate authority, signatures of version 4 for boto, and where its boots are counted.
SANDBOX_ENVIRONMENT = {
    "BOTO_CONFIG": "/edx/app/edxapp/.boto",
    "AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    "EDXAPP_BOOTS_LOG": "/edx/var/log/edxapp/boots.log",
}


def fail(message):
    print(message, file=sys.stderr)
    raise SystemExit(1)


def supervisor(*message):
    return subprocess.run(["/usr/bin/supervisorctl", *message], stdout=subprocess.PIPE, text=True, check=False)


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


def system_environment():
    """Return what the operating system of the release's image has: of old releases an OpenSSL with md4."""
    found = re.search(r'^export OPENSSL_CONF="(.*)"$', NATIVE_ENVIRONMENT.read_text(), re.MULTILINE)
    return {"OPENSSL_CONF": found[1]} if found else {}


def image_environment():
    """Return what the image that Tutor builds gives every process in it; its stage for development is an image of its own."""
    given = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **system_environment()}
    stage = ""
    for line in (ENVIRONMENT / "build/openedx/Dockerfile").read_text().splitlines():
        stage = line.split()[-1] if line.startswith("FROM ") else stage
        found = re.fullmatch(r"ENV ([^\s=]+)[\s=]+(.*)", line)
        if found and stage != "development":
            given[found[1]] = found[2].replace("${PATH}", given["PATH"])
    return given


def keep_containers(engine, services):
    """Remember which engine made the containers, and what each was given, {service: {name: value}}."""
    STATE.mkdir(exist_ok=True)
    (STATE / "containers.json").write_text(json.dumps({"engine": engine, "services": services}))


def containers(engine=None):
    """Return what each service was given; none that another engine made."""
    made = json.loads((STATE / "containers.json").read_text())
    return made["services"] if engine in (None, made["engine"]) else {}


def become(service, command, environment=None, *, through_entrypoint=False):
    """Become a command inside a service's "container"; standard input stays what it is."""
    given = {**image_environment(), **SANDBOX_ENVIRONMENT, **containers()[service], **(environment or {})}
    entrypoint = ENVIRONMENT / "build/openedx/bin/docker-entrypoint.sh"
    if through_entrypoint and entrypoint.exists():
        program = entrypoint.read_text()
        command = ["/bin/sh", "-e", "-c", program, "docker-entrypoint.sh", *command]
    os.chdir(PLATFORM)
    account = pwd.getpwnam("www-data")
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.execvpe(command[0], command, {name: str(value) for name, value in given.items()})


def web_server(system):
    """Return the command that serves a system in its image; at the name of its service, since all share one network here."""
    configuration = ENVIRONMENT / "apps/openedx/uwsgi.ini"
    if configuration.exists():
        own = STATE / f"{system}-uwsgi.ini"
        own.write_text(configuration.read_text().replace("0.0.0.0:8000", f"{system}:8000"))
        return ["python", "-c", "import pyuwsgi; pyuwsgi.run()", str(own)]
    return ["gunicorn", f"--bind={system}:8000", "--workers=2", "--timeout=300", f"{system}.wsgi"]


def run(engine, service, command, environment):
    """Run a command in a service that is up."""
    if service not in containers(engine) or not is_running(service):
        fail(f'service "{service}" is not running')
    become(service, command, environment)


def start(services, *, restart):
    supervisor("update")
    for service in services:
        print(f" Container tutor_local-{service}-1  {'Restarting' if restart else 'Starting'}", file=sys.stderr)
    supervisor("restart" if restart else "start", *services)


# docker compose


def compose_services(files):
    """Return {service: {"volumes": [...], "environment": {...}}} of compose files, a later one adding to an earlier."""
    found = {name: {"volumes": [], "environment": {}} for name in SERVICES}
    for path in files:
        for name, service in (yaml.safe_load(Path(path).read_text()).get("services") or {}).items():
            if name in found:
                found[name]["volumes"] += service.get("volumes") or []
                given = service.get("environment") or {}
                pairs = given.items() if isinstance(given, dict) else (pair.split("=", 1) for pair in given)
                # Nothing is set in the shell that runs compose, so what follows `:-` holds.
                defaults = {key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)) for key, value in pairs}
                found[name]["environment"].update(defaults)
    return found


def make_containers(files):
    services = compose_services(files)
    keep_containers("docker", {name: service["environment"] for name, service in services.items()})
    for name in ("cms", "lms"):
        for volume in services[name]["volumes"]:
            source, target = volume.split(":")[:2]
            source = (Path(files[0]).parent / source).resolve()
            if target.startswith("/openedx/"):
                if not source.exists():
                    source.mkdir(parents=True)
                    shutil.chown(source, "www-data", "www-data")
                link(Path(target.rstrip("/")), source)


def compose(message):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-f", action="append", default=[], dest="files")
    parser.add_argument("--project-name")
    parser.add_argument("verb")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args(message)
    names = [word for word in given.rest if not word.startswith("-")]
    if given.verb == "up":
        make_containers(given.files)
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
        run("docker", inner.service, inner.command, dict(pair.split("=", 1) for pair in inner.e))
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
        folders[entry["name"]] = folder = STATE / f"{entry['name']}-{digest}"
        if entry["name"].startswith("openedx-") and not folder.exists():
            changed = True
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, folder / path.name)
    shutil.copy(environment / "k8s" / "deployments.yml", STATE)
    environments = {}
    for document in yaml.safe_load_all((environment / "k8s" / "deployments.yml").read_text()):
        name = document["metadata"]["name"] if document else None
        if name not in SERVICES:
            continue
        pod = document["spec"]["template"]["spec"]
        environments[name] = {entry["name"]: entry["value"] for entry in pod["containers"][0].get("env") or []}
        maps = {volume["name"]: volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
        for mounted in pod["containers"][0]["volumeMounts"]:
            if "subPath" not in mounted and mounted["name"] in maps:
                link(Path(mounted["mountPath"].rstrip("/")), folders[maps[mounted["name"]]])
    keep_containers("kubectl", environments)
    return changed


def of_cluster(message):
    """Return what kubectl says of its kubeconfig, whose only context is the current one, and of its cluster; else None."""
    if message[:1] == ["config"]:
        return "sandbox"
    return "ok" if message[:2] == ["get", "--raw=/readyz"] else None


def get(given):
    """Print pods, deployments as they were applied, or that something is there."""
    if given.words[1:] == ["pods"]:
        name = given.selector.partition("=")[2]
        if name in containers("kubectl") and is_running(name):
            print(f"pod/{name}-0")
    elif given.output == "json":
        documents = yaml.safe_load_all((STATE / "deployments.yml").read_text())
        found = [document for document in documents if document and f"deployment/{document['metadata']['name']}" in given.words]
        print(json.dumps({"kind": "List", "items": found}))
    else:
        kind, _, name = given.words[-1].partition("/")
        if kind == "deployment" and name not in containers("kubectl"):
            fail(f'Error from server (NotFound): deployments.apps "{name}" not found')
        print(f"{given.words[-1]}   Active")


def kubectl(message):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--namespace")
    parser.add_argument("--timeout", default="60s")
    parser.add_argument("--wait", action="store_true")  # what is applied here is there at once
    parser.add_argument("--kustomize")
    parser.add_argument("--selector")
    parser.add_argument("--field-selector")
    parser.add_argument("--output")
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("words", nargs="*")
    split = message.index("--") if "--" in message else len(message)
    own, inner = message[:split], message[split + 1 :]
    # Options may come between the words, as with the real one.
    given = parser.parse_intermixed_args(own)
    verb = given.words[0]
    if verb == "exec":
        run("kubectl", given.words[1].partition("/")[2].removesuffix("-0"), inner, {})
    elif verb == "get":
        get(given)
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
    if sys.argv[1:2] == ["serve"]:
        service, command = sys.argv[2], sys.argv[3:]
        become(service, command or web_server(service), through_entrypoint=True)
    elif name == "kubectl":
        answer = of_cluster(sys.argv[1:])
        print(answer) if answer else kubectl(sys.argv[1:])
    elif name == "docker-compose":
        compose(sys.argv[1:])
    elif sys.argv[1:2] == ["compose"]:
        compose(sys.argv[2:])
    else:
        fail(f"the double of docker does not know '{' '.join(sys.argv[1:2])}'")
