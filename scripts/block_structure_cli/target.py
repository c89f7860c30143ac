"""Where load is sent: loopback and the sandbox at once, any other site only with the operator's consent."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from .exits import ENVIRONMENT, REFUSED, USAGE, Failure

ENGINES = ("podman", "docker")
SANDBOX_LABEL = "block-structure-sandbox"
OWN = "--yes-i-own-this-site"


@dataclass(frozen=True)
class Target:
    """An LMS to send requests to.

    url: scheme, host and port. prefix: command that runs the load generator in a container's network. sandbox: whether it is
    this repository's sandbox. host: name that the site is asked by, if the URL has another one.
    """

    url: str
    prefix: tuple[str, ...] = ()
    sandbox: bool = False
    host: str | None = None


def is_loopback(url: str) -> bool:
    """Return whether a URL's host resolves to loopback addresses only; False if it does not resolve."""
    host = urlsplit(url).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(address).split("%")[0]).is_loopback for address in found)


def checked_url(_context: Any, _parameter: Any, url: str | None) -> str | None:
    """Click callback: return a URL without its path. Raises click.BadParameter if it is not an HTTP URL."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(f"'{url}' is not the URL of a site, such as https://learn.example.com.")
    return f"{parts.scheme}://{parts.netloc}"


def require_consent(url: str, what: str, given: bool) -> None:
    """Ask before sending load to a site that is not on loopback. Raises Failure (REFUSED) on a no, or without a terminal."""
    if given or is_loopback(url):
        return
    if sys.stdin.isatty() and click.confirm(f"{what} on {url}. Is this site yours?", default=False, err=True):
        return
    raise Failure(f"{url} is not on this machine. No load was sent.", f"if the site is yours, repeat with {OWN}.", REFUSED)


def _inspect(engine: str, container: str, template: str) -> str:
    done = subprocess.run([engine, "inspect", "--format", template, container], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{engine} has no container {container}.", "start it, or name the site with --url.", ENVIRONMENT)
    return done.stdout.strip()


def _enter(engine: str, container: str) -> tuple[str, ...]:
    """Return the command prefix that runs a program in a container's network, where its LMS listens on 127.0.0.1.

    No port is published, and the load stays on that loopback interface.
    """
    process = _inspect(engine, container, "{{.State.Pid}}")
    enter = ("nsenter", f"--target={process}", "--net")
    if not shutil.which("nsenter"):
        raise Failure("nsenter is not installed.", "install util-linux, or name the site with --url.", ENVIRONMENT)
    if os.geteuid() == 0:
        return enter
    if engine == "podman":
        return ("podman", "unshare", *enter)
    raise Failure(
        "Only root can enter the network of a Docker container.", "run this as root, or name the site with --url.", ENVIRONMENT
    )


def _is_sandbox(engine: str, container: str) -> bool:
    return bool(_inspect(engine, container, f'{{{{index .Config.Labels "{SANDBOX_LABEL}"}}}}'))


def _container(lms: dict[str, Any]) -> tuple[str, bool] | None:
    """Return (engine, whether it is our sandbox) for an LMS in a local container, else None.

    The Ansible connection names the engine; the sandbox is also reached by SSH.
    """
    connection = lms["connection"].rsplit(".", 1)[-1]
    if connection in ENGINES:
        return connection, _is_sandbox(connection, lms["address"])
    engine = os.environ.get("BLOCK_STRUCTURE_ENGINE") or ENGINES[0]
    if connection == "ssh" and shutil.which(engine):
        # An operator's host is not a container of this engine: inspect fails.
        with suppress(Failure):
            return (engine, True) if _is_sandbox(engine, lms["address"]) else None
    return None


def find(lms: dict[str, Any], url: str | None) -> Target:
    """Return where to send load for a site.

    lms: {"connection", "address", "url", "host"} as playbooks/benchmark.yml reports it. url: the operator's; takes precedence.
    Raises Failure: the LMS listens on another machine's loopback and no URL was given.
    """
    if url:
        return Target(url)
    if lms["url"] and (container := _container(lms)):
        engine, is_sandbox = container
        return Target(lms["url"], _enter(engine, lms["address"]), is_sandbox, lms["host"])
    if lms["url"] and lms["connection"].rsplit(".", 1)[-1] == "local":
        return Target(lms["url"], host=lms["host"])
    raise Failure(
        "The LMS is on another machine, and its URL is not known.",
        "name the URL that learners use with --url https://…, or measure only the tiers with --no-http.",
        USAGE,
    )
