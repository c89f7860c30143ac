"""Documentation of the action `settings`; what it does is in plugins/action/settings.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: settings
short_description: Edit one top-level key of a settings file
version_added: "0.1.0"
author:
  - The block_structure maintainers (@openedx-operators)
description:
  - Sets, restores, removes or reads one top-level key of a YAML or JSON settings file. Every other byte of the file stays, and
    so do its owner, group and mode.
  - The diff shows this key alone, secrets redacted.
options:
  path:
    description: The settings file on the host, UTF-8 text.
    type: str
    required: true
  variable:
    description: Public variable that names O(path), for refusals.
    type: str
    default: block_structure_native_lms_config
  key:
    description: The top-level key.
    type: str
    required: true
  state:
    description:
      - V(present) sets the key to O(settings) merged with O(secrets).
      - V(raw) restores the exact characters of O(raw).
      - V(read) returns them and changes nothing. Use C(no_log), because they may hold secrets.
    type: str
    choices: [present, raw, read]
    default: present
  settings:
    description: Value of the key.
    type: dict
    default: {}
  secrets:
    description: Secret parts of the value, nested as in O(settings).
    type: dict
    default: {}
  raw:
    description: Exact characters of the entry, as V(read) returned them; null removes the key.
    type: str
  format:
    description: How the file is written.
    type: str
    choices: [yaml, json]
    default: yaml
  also:
    description: Scalars one level down that go with the key, as dictionary of dictionaries. YAML only.
    type: dict
    default: {}
  also_keys:
    description: Scalars one level down that V(read) returns too, as dictionary of lists of keys. YAML only.
    type: dict
    default: {}
  raw_also:
    description: Exact characters of those scalars, as V(read) returned them, to restore.
    type: dict
    default: {}
  dest:
    description: Write the edited text to this file instead, with owner, group and mode of O(path).
    type: str
  only_ours:
    description: >-
      With O(state=raw), restore only what still is as O(state=present) would write it; what somebody else changed since stays,
      with a warning.
    type: bool
    default: false
  create:
    description: Start from an empty file, mode 0600, when O(path) does not exist.
    type: bool
    default: false
  backup:
    description: Keep a copy of the previous file next to it.
    type: bool
    default: true
attributes:
  check_mode:
    description: Reads the file and predicts the change.
    support: full
  diff_mode:
    description: Shows the key alone, secrets redacted.
    support: full
"""

EXAMPLES = r"""
- name: Set the key
  openedx_operators.block_structure.settings:
    path: /edx/etc/lms.yml
    key: BLOCK_STRUCTURES_SETTINGS
    settings:
      STORAGE_CLASS: storages.backends.s3boto3.S3Boto3Storage
    secrets:
      STORAGE_KWARGS:
        secret_key: "{{ block_structure_storage_secret_key }}"

- name: Read the exact text
  openedx_operators.block_structure.settings:
    path: /edx/etc/lms.yml
    key: BLOCK_STRUCTURES_SETTINGS
    state: read
  register: found
  no_log: true
"""

RETURN = r"""
exists:
  description: Whether the key was in the file.
  type: bool
  returned: success
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
  description: Exact characters of the entry; null when there is none. May hold secrets.
  type: str
  returned: with O(state=read)
raw_also:
  description: Exact characters of the scalars that O(also_keys) names.
  type: dict
  returned: with O(state=read)
"""
