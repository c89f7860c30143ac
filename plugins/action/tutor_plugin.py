"""Write the role's plugin for Tutor on a host without ever showing its secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.common.changes import Change, as_diff
from ..module_utils.common.findings import two_lines
from ..module_utils.decisions import storage_settings
from ..plugin_utils import tutor_plugin
from ..plugin_utils.host_files import HostFiles
from ..plugin_utils.put_back import not_ours

# The public variable that decides where the plugin is.
_PLACE = "block_structure_tutor_root"
_MAIN = "BLOCK_STRUCTURES_SETTINGS"
_RUNTIME_SOURCES = tutor_plugin.sources(Path(__file__).resolve().parents[1] / "module_utils/probe/block_structure_runtime")


class ActionModule(ActionBase):
    """`tutor_plugin`: one YAML plugin file, readable by its owner only.

    path: the file. state: `present` writes `settings` merged with `secrets`; `raw` restores the exact text in
    `raw` (null removes the file); `read` only returns it under `raw` (use no_log: it may hold secrets).
    settings: {name of a dictionary in the platform's settings: {key: value}}; secrets: those of BLOCK_STRUCTURES_SETTINGS.
    only_ours: with `raw`, restore only a file that still is as `present` would write it.
    packages: directory in the containers with the role's packages. environment: variables for LMS, Studio
    and workers. runtime: what the LMS's workers should run with, as
    resolve returns it; if not `managed`, the file keeps what it has.
    enabled: whether Tutor has the plugin enabled; was_enabled: whether it should be (true by default). active: the
    BLOCK_STRUCTURES_SETTINGS that the LMS runs with, secrets redacted; a difference to them counts too, for an
    environment that was rendered without the plugin. owner_of: path whose owner gets the file.
    Returns changed, differs (the same), changes and diff (secrets redacted).
    """

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, and write what differs."""
        result = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {
                "path": {"type": "str", "required": True},
                "state": {"type": "str", "choices": ["present", "raw", "read"], "default": "present"},
                "settings": {"type": "dict", "default": {}},
                "secrets": {"type": "dict", "default": {}, "no_log": True},
                "raw": {"type": "str", "no_log": True},
                "enabled": {"type": "bool", "default": True},
                "was_enabled": {"type": "bool", "default": True},
                "active": {"type": "dict"},
                "runtime": {"type": "dict", "default": {}},
                "packages": {"type": "str"},
                "environment": {"type": "dict", "default": {}},
                "owner_of": {"type": "str"},
                "only_ours": {"type": "bool", "default": False},
            }
        )
        self._task_vars = task_vars or {}
        self._files = HostFiles(self, self._task_vars)
        before = self._read(args["path"])
        if args["state"] == "read":
            result.update(changed=False, raw=before)
            return result
        restored = args["state"] == "raw"
        rendered = None if restored and not args["only_ours"] else self._rendered(args, before)
        after = args["raw"] if restored else rendered
        if restored and args["only_ours"] and before not in (after, rendered):
            after = before
            result["warnings"] = [not_ours(args["path"])]
        changes = self._text_changes(before, after)
        if args["enabled"] != args["was_enabled"]:
            changes.append(Change("enabled", args["enabled"], args["was_enabled"]))
        if args["active"] is not None and not changes:
            changes += storage_settings.differences(args["active"], args["settings"][_MAIN])
        result["changed"] = result["differs"] = bool(changes)
        if changes:
            result["changes"] = [change.as_dict() for change in changes]
            result["diff"] = as_diff(changes, args["path"])
        if after != before and not self._task.check_mode:
            self._write(args, after)
        return result

    def _rendered(self, args: dict[str, Any], before: str | None) -> str:
        # Through JSON: Ansible's values carry tags.
        environment = json.loads(json.dumps(args["environment"]))
        return tutor_plugin.render(self._wanted(args), self._runtime(args["runtime"], before), args["packages"], environment)

    @staticmethod
    def _wanted(args: dict[str, Any]) -> dict[str, Any]:
        # Through JSON: Ansible's values carry tags.
        settings = json.loads(json.dumps(args["settings"]))
        secrets = json.loads(json.dumps(args["secrets"] or {}))
        return storage_settings.merge(settings, {_MAIN: secrets} if secrets else {})

    @staticmethod
    def _runtime(runtime: dict[str, Any], before: str | None) -> tutor_plugin.Runtime | None:
        if runtime.get("managed"):
            given = {"collector": runtime["collector"], "keys": runtime["keys"]} if runtime["wanted"] else None
        else:
            given = tutor_plugin.runtime_of(before or "")
        if not given:
            return None
        # Through JSON: Ansible's values carry tags.
        return tutor_plugin.Runtime(**json.loads(json.dumps(given)), sources=_RUNTIME_SOURCES)

    @staticmethod
    def _text_changes(before: str | None, after: str | None) -> list[Change]:
        if before == after:
            return []
        old, new = (
            {**tutor_plugin.parse(text), "runtime": tutor_plugin.runtime_of(text)} if text else {} for text in (before, after)
        )
        names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        # No setting differs: only the formatting, or a file without settings appears or disappears.
        return [Change(name, old.get(name), new.get(name)) for name in names] or [
            Change("text", before is not None, "written anew")
        ]

    def _module(self, name: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name=f"ansible.legacy.{name}", module_args=arguments, task_vars=self._task_vars
        )
        return answer

    def _read(self, path: str) -> str | None:
        """Return the plugin's text, None if it does not exist."""
        data = self._files.read(path, _PLACE)
        return None if data is None else data.decode("utf-8", "replace")

    def _write(self, args: dict[str, Any], text: str | None) -> None:
        if text is not None:
            self._module("file", path=str(Path(args["path"]).parent), state="directory", **self._owner(args["owner_of"]))
            self._files.write(args["path"], _PLACE, text, owner_of=args["owner_of"], mode="0600")
            return
        answer = self._module("file", path=args["path"], state="absent")
        if answer.get("failed"):
            raise AnsibleActionFail(
                two_lines(
                    f"Tutor's plugin {args['path']} cannot be removed: {answer.get('msg')}",
                    "fix the cause in the message; the active settings are untouched.",
                )
            )

    def _owner(self, path: str) -> dict[str, str]:
        known = self._module("stat", path=path, get_checksum=False, get_mime=False, get_attributes=False)["stat"]
        return {"owner": str(known["uid"]), "group": str(known["gid"])}
