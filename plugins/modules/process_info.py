"""Ask which running processes of LMS, Studio and workers are older than their settings. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: process_info
short_description: Which processes are older than their settings
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Lists the processes that hold settings of Open edX in memory, and compares when each was started with when its settings were
    last written. A restart is due whenever one is older, whichever run wrote the settings.
  - Only processes of the same site count, whose settings file is the given one, and only those with the same root directory,
    not those of other containers.
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
options:
  places:
    description:
      - Where to look, each with C(name) and C(argv), the command that runs a Python program from its standard input there, as a
        user who may read the environment of the processes.
      - With C(system) (lms or cms) and C(kinds), only these processes are taken there.
    type: list
    elements: dict
    required: true
  settings_files:
    description: The settings files on the host, each with C(name) (lms or cms) and C(path).
    type: list
    elements: dict
    default: []
  written_by:
    description:
      - File on the host that takes the place of O(settings_files), for containers. Tutor writes the settings anew whenever it
        saves its configuration, even the same ones, so their own age says nothing.
    type: path
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
"""

EXAMPLES = r"""
- name: Compare the processes with their settings
  openedx_operators.block_structure.process_info:
    places:
      - {name: host, argv: [runuser, -u, www-data, --, python3, "-"]}
    settings_files:
      - {name: lms, path: /edx/etc/lms.yml}
      - {name: cms, path: /edx/etc/studio.yml}
"""

RETURN = r"""
processes:
  description: >-
    Each process with pid, parent, kind (gunicorn, uwsgi or celery), system (lms or cms), place, started, settings_file,
    settings_written, and environment_differs, the exported variables that it would be started with otherwise; times in seconds
    of Unix time.
  type: list
  elements: dict
  returned: success
outdated:
  description: Those that were started before their settings were written, or with another environment.
  type: list
  elements: dict
  returned: success
silent:
  description: The places that did not answer, such as a container that does not run.
  type: list
  elements: str
  returned: success
changes:
  description: What a restart will change, for the result of the role; empty when no process is outdated.
  type: list
  elements: dict
  returned: success
"""

import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.changes import Change
from ..module_utils.decisions.ages import outdated
from ..module_utils.probe.engine import ages

_ASK = """
import json
print(json.dumps(processes({files!r})))
"""
# Any directory: its age is replaced by that of the file on the host.
_UNNAMED = {"lms": ["/"], "cms": ["/"]}


def ask(place: dict[str, Any], files: dict[str, list[str]]) -> list[dict[str, Any]] | None:
    """Return the processes of a place, None if it does not answer."""
    program = f"{inspect.getsource(ages)}\n{_ASK.format(files=files)}"
    argv = [str(word) for word in place["argv"]]
    try:
        ended = subprocess.run(argv, input=program, capture_output=True, text=True, check=False, timeout=60)
        # A login shell may greet first.
        answer = json.loads(ended.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError):
        return None
    if not isinstance(answer, list):
        return None
    taken = [one for one in answer if place.get("system") in (None, one["system"])]
    return [{**one, "place": place["name"]} for one in taken if one["kind"] in place.get("kinds", [one["kind"]])]


def written_at(path: Path) -> float:
    """Return when a file was written, or removed from its folder; 0 where not even the folder is, so nothing ever was."""
    found = next((one for one in (path, path.parent) if one.exists()), None)
    return found.stat().st_mtime if found else 0.0


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "places": {"type": "list", "elements": "dict", "required": True},
            "settings_files": {"type": "list", "elements": "dict", "default": []},
            "written_by": {"type": "path"},
        },
        supports_check_mode=True,
    )
    given = module.params
    by = Path(given["written_by"]) if given["written_by"] else None
    files = _UNNAMED if by else {one["name"]: [one["path"]] for one in given["settings_files"]}
    answers = {place["name"]: ask(place, files) for place in given["places"]}
    processes = [one for answer in answers.values() for one in answer or []]
    if by:
        written = {"settings_file": str(by), "settings_written": written_at(by)}
        processes = [{**one, **written} for one in processes]
    old = outdated(processes)
    count = f"{len(old)} with older settings"
    module.exit_json(
        changed=False,
        processes=processes,
        outdated=old,
        silent=[name for name, answer in answers.items() if answer is None],
        changes=[Change("processes", count, "restarted").as_dict()] if old else [],
    )


if __name__ == "__main__":
    main()
