"""Look at a site from inside its LMS: one boot, nothing changed."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.block_structure import probe_client, runtime
from ansible.module_utils.block_structure.errors import BlockStructureError
from ansible.module_utils.block_structure.releases import from_named_row

DOCUMENTATION = r"""
module: block_structure_info
short_description: Survey the block structures of an Open edX site
description:
  - Boots the LMS once and returns settings in force, switches, configuration row and, per course, the tier that answers.
  - For use by the block_structure role. Secrets are redacted before they leave the LMS.
options:
  manage_argv:
    description: Command that runs the LMS's manage.py, up to and including C(lms) and its options.
    type: list
    elements: str
    required: true
  release:
    description: Row of the release table, with its name.
    type: dict
    required: true
  courses:
    description: Course keys to look at; all when unset.
    type: list
    elements: str
  read:
    description: Read every course's object back and count its blocks; otherwise only ask whether the object exists.
    type: bool
    default: true
  runtime:
    description:
      - What the collector of the LMS's workers is to be set to, as the role's desired state holds it. It is tried in a fork of
        the booted LMS, and refused when its Python cannot do it.
    type: dict
    default: {}
  measure_runtime:
    description: Measure what the collector costs reads of this site's structures, with those thresholds or proposed ones.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Survey the site
  block_structure_info:
    manage_argv: "{{ __block_structure_manage_argv }}"
    release: "{{ __block_structure_desired['release'] }}"
  register: __block_structure_survey
"""

RETURN = r"""
survey:
  description: Platform, settings, switches, row and courses as the probe's survey returns them.
  type: dict
  returned: success
runtime:
  description: Answer of the probe's operation C(runtime); null when it was not asked for.
  type: dict
  returned: success
runtime_findings:
  description: What it means, as findings; empty unless it was measured.
  type: list
  returned: success
boots:
  description: How many times the LMS was booted.
  type: int
  returned: always
"""


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "manage_argv": {"type": "list", "elements": "str", "required": True},
            "release": {"type": "dict", "required": True},
            "courses": {"type": "list", "elements": "str"},
            "read": {"type": "bool", "default": True},
            "runtime": {"type": "dict", "default": {}},
            "measure_runtime": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    operations = [{"op": "survey", "courses": module.params["courses"], "read": module.params["read"]}]
    asked = module.params["runtime"]
    want = runtime.Wanted(asked.get("thresholds"), bool(asked.get("freeze")))
    measure = module.params["measure_runtime"]
    if measure or want:
        operations.append(runtime.operation(want, measure=measure))
    try:
        release = from_named_row(module.params["release"])
        answer = probe_client.run(module.params["manage_argv"], release, operations)
        probe_client.check_release(answer.results[0], release)
        measured = answer.results[1] if len(operations) > 1 else None
        if measured:
            runtime.check_possible(want, measured)
    except BlockStructureError as error:
        module.fail_json(msg=str(error), error=error.as_dict(), boots=1)
    findings = runtime.advise(measured, want) if measured and measure else []
    module.exit_json(
        changed=False,
        survey=answer.results[0],
        runtime=measured,
        runtime_findings=[finding.as_dict() for finding in findings],
        boots=1,
    )


if __name__ == "__main__":
    main()
