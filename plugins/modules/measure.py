"""Measure a site from inside its LMS: one boot, several measurements."""

from __future__ import annotations

DOCUMENTATION = r"""
module: measure
short_description: Time and profile the block structures of an Open edX site
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Boots the LMS once and runs measuring operations of the probe in their order.
  - C(benchmark), C(profile) and C(runtime) write nothing. C(forget) removes the cached structures of the named courses, so that
    the next request finds a cold cache; the next read of each stores it again.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.identify
options:
  operations:
    description: Operations with their arguments; C(op) names each, one of benchmark, profile, runtime, forget.
    type: list
    elements: dict
    required: true
attributes:
  check_mode:
    description: Measures, and does not run C(forget).
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Time five courses
  openedx_operators.block_structure.measure:
    manage_argv: "{{ __block_structure_manage_argv }}"
    identify: "{{ __block_structure_desired['identify'] }}"
    operations:
      - op: benchmark
        sample: 5
        repeats: 5
        rebuilds: 0
"""

RETURN = r"""
results:
  description: The answer to each operation, in order.
  type: list
  elements: dict
  returned: success
identified:
  description: What the installed platform shows, the releases that it may be, and the one that was used.
  type: dict
  returned: success
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.common.findings import two_lines
from ..module_utils.host import lms, probe_client

MEASURING = ("benchmark", "profile", "runtime")
FORGETTING = "forget"


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.IDENTIFYING,
            "operations": {"type": "list", "elements": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    operations = module.params["operations"]
    unknown = [str(entry.get("op")) for entry in operations if entry.get("op") not in (*MEASURING, FORGETTING)]
    if unknown:
        module.fail_json(
            msg=two_lines(
                f"This module has no operation {', '.join(unknown)}.",
                f"name one of {', '.join((*MEASURING, FORGETTING))} as op.",
            )
        )
    if module.check_mode:
        operations = [entry for entry in operations if entry["op"] != FORGETTING]
    if not operations:
        module.exit_json(changed=False, results=[], identified=None, boots=0)
    with as_failures(module, boots=1):
        answer = probe_client.run(module.params["manage_argv"], None, operations, identify=module.params["identify"])
    forgotten = any(entry.get("forgotten") for entry in answer.results)
    module.exit_json(changed=forgotten, results=answer.results, identified=answer.identified, boots=1)


if __name__ == "__main__":
    main()
