"""Detect how Open edX is installed on a host, and compare that with the inventory. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_info
short_description: How Open edX is installed on a host
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Detects a native installation, and an LMS that runs with C(tutor local) or on Kubernetes. Fails when it is not the
    platform in O(named), and reports both.
  - If the platform in O(named) is detected, no other is tried.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  named:
    description: Platform of the inventory, or C(auto).
    type: str
    required: true
  native_files:
    description: Files that a native installation has; it is detected when all of them exist.
    type: list
    elements: path
    required: true
  tutor_argv:
    description: Command that runs C(tutor), with its user and its root.
    type: list
    elements: str
    required: true
  kubectl_argv:
    description: Command that runs C(kubectl), with its user.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Detect how Open edX is installed
  openedx_operators.block_structure.platform_info:
    named: auto
    native_files: [/edx/app/edxapp/edx-platform/manage.py]
    tutor_argv: [tutor]
    kubectl_argv: [kubectl]
"""

RETURN = r"""
platform:
  description: The name of the platform.
  type: str
  returned: success
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.decisions import platforms

# An unreachable cluster must not delay a run for long.
_SECONDS = 60


def answers(argv: list[str]) -> str | None:
    """Return the last output line of a command, None when it fails or does not exist."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout.strip().splitlines() or [""])[-1].strip() if done.returncode == 0 else None


def native(files: list[str]) -> str | None:
    """Return the evidence of a native installation, None without any."""
    return f"{files[0]} exists" if all(Path(path).exists() for path in files) else None


def tutor_local(tutor_argv: list[str]) -> str | None:
    """Return the evidence of a site that runs with `tutor local`, None without any."""
    # -T: no terminal.
    return None if answers([*tutor_argv, "local", "exec", "-T", "lms", "true"]) is None else "`tutor local exec lms` works"


def tutor_k8s(tutor_argv: list[str], kubectl_argv: list[str]) -> str | None:
    """Return the evidence of a site that runs with `tutor k8s`, None without any."""
    namespace = answers([*tutor_argv, "config", "printvalue", "K8S_NAMESPACE"])
    if not namespace or answers([*kubectl_argv, "get", f"--namespace={namespace}", "deployment/lms"]) is None:
        return None
    return f"kubectl finds deployment/lms in the namespace {namespace}"


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "named": {"type": "str", "required": True},
            "native_files": {"type": "list", "elements": "path", "required": True},
            "tutor_argv": {"type": "list", "elements": "str", "required": True},
            "kubectl_argv": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    detectors: dict[str, Callable[[], str | None]] = {
        "native": lambda: native(given["native_files"]),
        "tutor_local": lambda: tutor_local(given["tutor_argv"]),
        "tutor_k8s": lambda: tutor_k8s(given["tutor_argv"], given["kubectl_argv"]),
    }
    named = given["named"]
    evidence = {named: detectors[named]()} if named in detectors else {}
    if not evidence.get(named):
        # In parallel, since each start of Tutor takes seconds.
        others = [name for name in detectors if name != named]
        with ThreadPoolExecutor(len(others)) as pool:
            evidence.update(zip(others, pool.map(lambda name: detectors[name](), others)))
    with as_failures(module):
        platform = platforms.decide(named, evidence)
    module.exit_json(changed=False, platform=platform)


if __name__ == "__main__":
    main()
