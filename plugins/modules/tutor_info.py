"""Query version, folders and plugins of Tutor on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tutor_info
short_description: Version, folders and plugins of Tutor on a host
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Runs the C(tutor) command, changes nothing, and fails when its version does not belong to the release.
  - With O(kubectl_argv) also fails when it is not certain which cluster Tutor uses, or when that does not answer.
  - Of Tutor's configuration only the list of plugins and the namespace are read.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  argv:
    description: Command that runs C(tutor), with its user and its root.
    type: list
    elements: str
    required: true
  release:
    description: Row of the release table, with its name; left out while the installed release is not known.
    type: dict
  majors:
    description: Tutor major version of each release, to name the installed release.
    type: dict
    required: true
  kubectl_argv:
    description: Command that runs C(kubectl), with its user; for a site on Kubernetes, whose cluster is then checked.
    type: list
    elements: str
  context:
    description: Context of kubectl that has to be the current one.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Query Tutor
  openedx_operators.block_structure.tutor_info:
    argv: [tutor]
    release: "{{ __block_structure_desired['release'] }}"
    majors: {teak: 20}
"""

RETURN = r"""
tutor:
  description:
    - version, root, plugins_root, plugins (names of those that are enabled), namespace (of Kubernetes), context (kubectl's
      current one; null without O(kubectl_argv), or in a pod), without_readiness (deployments of LMS and Studio that have no
      readiness probe; none without O(kubectl_argv)), and without_root (whether this module ran as another user).
  type: dict
  returned: success
"""

import ast
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import BlockStructureError, as_failures
from ..module_utils.decisions import tutor
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import kubectl

_QUERIES = {
    "version": ["--version"],
    "root": ["config", "printroot"],
    "plugins_root": ["plugins", "printroot"],
    "plugins": ["config", "printvalue", "PLUGINS"],
    "namespace": ["config", "printvalue", "K8S_NAMESPACE"],
}


def query(argv: list[str], arguments: list[str]) -> str:
    """Return the last output line. Raises BlockStructureError `tutor-command` when Tutor does not run."""
    remedy = "correct block_structure_tutor_command, block_structure_tutor_user or block_structure_tutor_root."
    try:
        done = subprocess.run([*argv, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BlockStructureError("tutor-command", f"Tutor cannot be run: {error}.", remedy) from error
    if done.returncode != 0:
        # Only the last line; Tutor's warnings about plugins come before it.
        message = ((done.stderr or done.stdout).strip().splitlines() or ["no output"])[-1][:300]
        raise BlockStructureError("tutor-command", f"`tutor {' '.join(arguments)}` fails: {message}", remedy)
    lines = done.stdout.strip().splitlines()
    return lines[-1].strip() if lines else ""


def facts(argv: list[str]) -> dict[str, object]:
    """Return Tutor's version and configuration; queries run in parallel, since each start of Tutor takes a second or more."""
    with ThreadPoolExecutor(len(_QUERIES)) as pool:
        answers = dict(zip(_QUERIES, pool.map(lambda arguments: query(argv, arguments), _QUERIES.values())))
    return {
        **answers,
        "context": None,
        "without_readiness": [],
        "without_root": os.geteuid() != 0,
        "version": answers["version"].rpartition(" ")[2],
        "plugins": [str(name) for name in ast.literal_eval(answers["plugins"] or "[]")],
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "argv": {"type": "list", "elements": "str", "required": True},
            "release": {"type": "dict"},
            "majors": {"type": "dict", "required": True},
            "kubectl_argv": {"type": "list", "elements": "str"},
            "context": {"type": "str"},
        },
        supports_check_mode=True,
    )
    row = module.params["release"]
    with as_failures(module):
        found = facts(module.params["argv"])
        if module.params["kubectl_argv"]:
            found["context"] = kubectl.cluster(module.params["kubectl_argv"], module.params["context"])
            found["without_readiness"] = kubectl.without_readiness(module.params["kubectl_argv"], str(found["namespace"]))
        rendered = Path(str(found["root"]), "env", "version")
        tutor.check_version(
            str(found["version"]),
            rendered.read_text() if rendered.exists() else "",
            from_named_row(row) if row else None,
            module.params["majors"],
        )
    module.exit_json(changed=False, tutor=found)


if __name__ == "__main__":
    main()
