"""Survey a site from inside its LMS: one boot, no changes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_info
short_description: Survey the block structures of an Open edX site
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Boots the LMS once and returns the active settings, switches, configuration row and, per course, the tier that answers.
  - For use by the block_structure role. Secrets are redacted before they leave the LMS.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - openedx_operators.block_structure.lms
  - openedx_operators.block_structure.lms.release_or_identify
options:
  courses:
    description: Course keys to survey; all when unset.
    type: list
    elements: str
  read:
    description: Fetch and check every course's object, and time a sample; otherwise only ask whether the object exists.
    type: bool
    default: true
  measure_runtime:
    description:
      - Also measure, in forks of the booted LMS, what each choice for the runtime of the workers would bring to reads of this
        site's large structures.
    type: bool
    default: false
  examine:
    description: Also check the permissions of anonymous requests and of the credentials, and the settings of other processes.
    type: bool
    default: false
  rebuild:
    description: Also time the rebuild of up to three courses, which costs what a learner pays; nothing is stored.
    type: bool
    default: false
  worker_timeout_seconds:
    description: Seconds to wait for the answers of Celery workers when examining; 0 asks none.
    type: float
    default: 2
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Survey the site
  openedx_operators.block_structure.site_info:
    manage_argv: "{{ __block_structure_manage_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
  register: __block_structure_survey

- name: Find the release and survey the site in one boot
  openedx_operators.block_structure.site_info:
    manage_argv: "{{ __block_structure_manage_argv }}"
    identify: "{{ __block_structure_desired['identify'] }}"
  register: __block_structure_survey
"""

RETURN = r"""
survey:
  description: Platform, settings, switches, row and courses, as the probe's operation C(survey) returns them.
  type: dict
  returned: success
runtime:
  description: Answer of the probe's operation C(runtime); null when it was not requested.
  type: dict
  returned: success
examination:
  description: What the probe's examine operation returns; null when it was not requested.
  type: dict
  returned: success
seconds:
  description: Duration of the boot and the survey in seconds.
  type: float
  returned: success
identified:
  description: Evidence from the installed platform, the releases that match it, and the one that was used.
  type: dict
  returned: with O(identify)
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import as_failures
from ..module_utils.decisions import runtime
from ..module_utils.decisions.releases import from_named_row
from ..module_utils.host import lms, probe_client


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **lms.EITHER,
            "courses": {"type": "list", "elements": "str"},
            "read": {"type": "bool", "default": True},
            "measure_runtime": {"type": "bool", "default": False},
            "examine": {"type": "bool", "default": False},
            "rebuild": {"type": "bool", "default": False},
            "worker_timeout_seconds": {"type": "float", "default": 2},
        },
        **lms.ONE_OF,
        supports_check_mode=True,
    )
    given = module.params
    operations = [{"op": "survey", **{name: given[name] for name in ("courses", "read", "rebuild")}}]
    if given["examine"]:
        operations.append({"op": "examine", "workers": given["worker_timeout_seconds"]})
    if given["measure_runtime"]:
        operations.append(runtime.inspect())
    start = time.monotonic()
    with as_failures(module, boots=1):
        release = from_named_row(given["release"]) if given["release"] else None
        answer = probe_client.run(given["manage_argv"], release, operations, identify=given["identify"])
        results = {operation["op"]: result for operation, result in zip(operations, answer.results)}
    module.exit_json(
        changed=False,
        identified=answer.identified,
        survey=results["survey"],
        examination=results.get("examine"),
        seconds=round(time.monotonic() - start, 3),
        runtime=results.get("runtime"),
        boots=1,
    )


if __name__ == "__main__":
    main()
