"""Edit one top-level key of a settings file on a host without changing or showing the rest of the file."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.common.errors import BlockStructureError
from ..module_utils.common.redact import redact
from ..module_utils.decisions.storage_settings import merge
from ..plugin_utils.host_files import HostFiles
from ..plugin_utils.put_back import not_ours
from ..plugin_utils.settings_files import json_edit, yaml_edit

# Format of a settings file -> its editor; both have the same functions.
EDITORS = {"yaml": yaml_edit, "json": json_edit}


def _entries(nested: dict[str, dict[str, Any]]) -> list[tuple[str, str, Any]]:
    """Return (dictionary, key, value) of scalars one level down, without the tags of Ansible's strings."""
    return [(str(parent), str(key), value) for parent, inner in nested.items() for key, value in inner.items()]


class ActionModule(ActionBase):
    """`settings`: one key of one settings file.

    path: the file. variable: the public variable that names it. format: yaml or json. key: the top-level key.
    state: `present` sets it to `settings` merged with `secrets`;
    `raw` restores the exact characters in `raw` (null removes the key); `read` only returns them under `raw` (use no_log: they
    may hold secrets).
    also: scalars one level down that go with it, {dictionary: {key: value}}; YAML only. raw_also: their text from `read`, to
    restore. also_keys: those that `read` returns, {dictionary: [key]}.
    dest: write the edited text there instead, with the path's owner, group and mode; a candidate.
    only_ours: with `raw`, restore only what still is as `present` would write it: whoever changed it since keeps the last word.
    create: start an absent file empty, with mode 0600. backup: keep a copy of the previous file next to it.
    Returns changed, differs (the same, for tasks that count as no change), changes and diff (of this key only, secrets
    redacted) and exists (the key was there).
    """

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read, edit, and write what differs."""
        result = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "key": {"type": "str", "required": True},
                "variable": {"type": "str", "default": "block_structure_native_lms_config"},
                "state": {"type": "str", "choices": ["present", "raw", "read"], "default": "present"},
                "settings": {"type": "dict", "default": {}},
                "secrets": {"type": "dict", "default": {}, "no_log": True},
                "raw": {"type": "str", "no_log": True},
                "format": {"type": "str", "choices": list(EDITORS), "default": "yaml"},
                "also": {"type": "dict", "default": {}},
                "also_keys": {"type": "dict", "default": {}},
                "raw_also": {"type": "dict", "default": {}},
                "dest": {"type": "str"},
                "only_ours": {"type": "bool", "default": False},
                "create": {"type": "bool", "default": False},
                "backup": {"type": "bool", "default": True},
            }
        )
        self._files = HostFiles(self, task_vars or {})
        editor = EDITORS[args["format"]]
        try:
            before = self._read(args)
            previous = editor.get_raw(before, args["key"])
            result["exists"] = previous is not None
            if args["state"] == "read":
                result.update(changed=False, raw=previous, raw_also=self._read_also(before, args))
                return result
            after = self._edited(before, args)
            if args["only_ours"] and after != before and self._edited(before, {**args, "state": "present"}) != before:
                after = before
                result["warnings"] = [not_ours(args["path"])]
        except BlockStructureError as error:
            # Not chained: Ansible prints the cause of an error, and a parser's quotes the line.
            raise AnsibleActionFail(f"{args['path']}: {error}") from None
        result["changed"] = result["differs"] = after != before
        if result["changed"]:
            result["diff"] = diff = self._diff(args, before, after)
            result["changes"] = [{"field": diff["before_header"], "before": diff["before"], "after": diff["after"]}]
        if result["changed"] and not self._task.check_mode:
            self._write(args, after)
        return result

    @staticmethod
    def _read_also(before: str, args: dict[str, Any]) -> dict[str, dict[str, str | None]]:
        """Return the exact text of the scalars one level down that this role may set."""
        if args["format"] != "yaml":
            return {}
        found = {}
        for parent, keys in args["also_keys"].items():
            try:
                found[parent] = {key: yaml_edit.get_inner_raw(before, parent, key) for key in keys}
            except BlockStructureError:
                # Not a block of lines, which the role refuses to set and therefore never did.
                continue
        return found

    @staticmethod
    def _edited(before: str, args: dict[str, Any]) -> str:
        editor = EDITORS[args["format"]]
        if args["state"] == "raw":
            after = editor.set_raw(before, args["key"], args["raw"])
            for parent, key, raw in _entries(args["raw_also"]):
                after = yaml_edit.set_inner_raw(after, parent, key, raw)
            return str(after)
        # Through JSON: Ansible's values carry tags that a YAML dumper does not know.
        value = json.loads(json.dumps(merge(args["settings"], args["secrets"] or {})))
        after = editor.set_key(before, str(args["key"]), value)
        for parent, key, scalar in _entries(args["also"]):
            after = yaml_edit.set_inner_key(after, parent, key, json.loads(json.dumps(scalar)))
        return str(after)

    def _read(self, args: dict[str, Any]) -> str:
        """Return the file's text with its original line endings."""
        data = self._files.read(args["path"], args["variable"])
        if data is None:
            if args["create"]:
                return ""
            raise BlockStructureError(
                "settings-file-missing",
                "The settings file does not exist.",
                f"correct {args['variable']}.",
                args["variable"],
            )
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            # Not chained: its text has bytes of the file.
            raise BlockStructureError(
                "settings-file-unreadable", "The settings file is not UTF-8 text.", "save it as UTF-8; nothing was changed."
            ) from None

    def _write(self, args: dict[str, Any], text: str) -> None:
        """Write the text; a candidate gets owner, group and mode of its original."""
        if args["dest"]:
            self._files.write(args["dest"], args["variable"], text, like=args["path"])
        else:
            self._files.write(args["path"], args["variable"], text, backup=args["backup"])

    @staticmethod
    def _diff(args: dict[str, Any], before: str, after: str) -> dict[str, str]:
        def shown(text: str) -> str:
            value = EDITORS[args["format"]].value_of(text, args["key"])
            own = {} if value is None else {str(args["key"]): redact(value)}
            # The lines of scalars one level down, which hold no secret.
            for parent, key, _ in _entries(args["also"]) + _entries(args["raw_also"]):
                raw = yaml_edit.get_inner_raw(text, parent, key)
                own.update({f"{parent}.{key}": raw.partition(":")[2].strip()} if raw else {})
            return yaml.safe_dump(own, sort_keys=True) if own else ""

        header = f"{args['path']}: {args['key']}"
        old, new = shown(before), shown(after)
        if old == new:  # only a secret or the formatting differs; neither is shown
            old, new = "", f"{args['key']}: the same settings, written anew or with another secret\n"
        return {"before": old, "after": new, "before_header": header, "after_header": header}
