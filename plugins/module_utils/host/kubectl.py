"""Ask kubectl which cluster it talks to, before anything is done there."""

from __future__ import annotations

import json
import subprocess

from ..decisions import tutor

_API_SECONDS = 15
# What learners and authors reach; workers get no requests.
_SERVING = ("lms", "cms")


def _kubectl(argv: list[str], arguments: list[str]) -> tuple[bool, str]:
    """Return whether kubectl succeeded, and what it printed, or its last line where it failed."""
    try:
        done = subprocess.run(
            [*argv, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_API_SECONDS + 15,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)[:300]
    if done.returncode == 0:
        return True, done.stdout.strip()
    return False, ((done.stderr or done.stdout).strip().splitlines() or ["no output"])[-1][:300]


def cluster(argv: list[str], named: str | None) -> str | None:
    """Return kubectl's current context, None without any. Raises BlockStructureError, see decisions/tutor.py."""
    is_set, current = _kubectl(argv, ["config", "current-context"])
    listed, contexts = _kubectl(argv, ["config", "get-contexts", "--output=name"])
    context = current if is_set and current else None
    tutor.check_context(named, context, contexts.split() if listed else [])
    ready, problem = _kubectl(argv, ["get", "--raw=/readyz", f"--request-timeout={_API_SECONDS}s"])
    if not ready:
        raise tutor.unreachable_api(problem, context)
    return context


def without_readiness(argv: list[str], namespace: str) -> list[str]:
    """Return the deployments of LMS and Studio that have no readiness probe; none where kubectl does not say."""
    names = [f"deployment/{name}" for name in _SERVING]
    answered, text = _kubectl(argv, [f"--namespace={namespace}", "get", *names, "--output=json"])
    try:
        items = json.loads(text)["items"] if answered else []
        containers = {item["metadata"]["name"]: item["spec"]["template"]["spec"]["containers"] for item in items}
        return [name for name, found in containers.items() if not any("readinessProbe" in one for one in found)]
    except (ValueError, KeyError, TypeError):
        return []
