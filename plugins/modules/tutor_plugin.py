"""Documentation of the action `tutor_plugin`; what it does is in plugins/action/tutor_plugin.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tutor_plugin
short_description: Write the role's plugin for Tutor
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Writes, restores, removes or reads the YAML plugin through which Tutor renders the settings of block structures. The file
    has mode 0600, because it holds secrets.
  - Does not run Tutor; the plugin takes effect when Tutor's environment is rendered and the site is restarted.
options:
  path:
    description: The plugin's file.
    type: str
    required: true
  state:
    description:
      - V(present) writes a plugin with O(settings) merged with O(secrets).
      - V(raw) restores the exact text of O(raw).
      - V(read) returns it and changes nothing. Use C(no_log), because it may hold secrets.
    type: str
    choices: [present, raw, read]
    default: present
  settings:
    description: Dictionaries of the platform's settings, by name, with the keys to set in each.
    type: dict
    default: {}
  secrets:
    description: Secret parts of BLOCK_STRUCTURES_SETTINGS, nested as there.
    type: dict
    default: {}
  raw:
    description: Exact text of the plugin, as V(read) returned it; null removes the file.
    type: str
  enabled:
    description: Whether Tutor has the plugin enabled.
    type: bool
    default: true
  was_enabled:
    description: Whether it should be enabled; another value than O(enabled) counts as a difference.
    type: bool
    default: true
  active:
    description: The BLOCK_STRUCTURES_SETTINGS that the LMS runs with, secrets redacted. They count as a difference too, for an
      environment that was rendered without the plugin.
    type: dict
  runtime:
    description: What the LMS's workers should run with, as
      RV(openedx_operators.block_structure.resolve#module:desired) has it
      under C(runtime). If it is not managed, the file keeps its tuning.
    type: dict
    default: {}
  packages:
    description: Directory in the containers from which they import the storage class; null when the image has it.
    type: str
  environment:
    description: Environment variables for LMS, Studio and workers.
    type: dict
    default: {}
  only_ours:
    description: With O(state=raw), restore only a file that still is as O(state=present) would write it.
    type: bool
    default: false
  owner_of:
    description: Path whose owner and group the file gets; required to write it.
    type: str
attributes:
  check_mode:
    description: Reads the file and predicts the change.
    support: full
  diff_mode:
    description: Shows what the plugin sets, secrets redacted.
    support: full
"""

EXAMPLES = r"""
- name: Write the plugin
  openedx_operators.block_structure.tutor_plugin:
    path: "{{ __block_structure_plugin_file }}"
    owner_of: "{{ __block_structure_tutor['root'] }}"
    settings: "{{ __block_structure_plugin_settings }}"
    secrets: "{{ __block_structure_secrets }}"
"""

RETURN = r"""
differs:
  description: The same as C(changed), for tasks that count as no change.
  type: bool
  returned: unless O(state=read)
changes:
  description: What differs, as C(field), C(before) and C(after), secrets redacted.
  type: list
  elements: dict
  returned: when something differs
raw:
  description: Exact text of the plugin; null when there is none. May hold secrets.
  type: str
  returned: with O(state=read)
"""
