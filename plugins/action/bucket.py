"""Configure the bucket through amazon.aws, with an accurate check mode."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..module_utils.common.changes import Change, as_diff
from ..module_utils.common.errors import BlockStructureError
from ..module_utils.common.findings import two_lines
from ..module_utils.decisions import bucket
from ..module_utils.decisions.bucket import BucketOptions
from ..plugin_utils import buckets, role_variables

_MODULE = "amazon.aws.s3_bucket"
_BLOCK_MODULE = "openedx_operators.block_structure.bucket_access_block"
_WANTED = "'amazon.aws:>=10.1.0,<12.0.0'"  # as in galaxy.yml
READ_AGAIN_SECONDS = (0, 2, 5, 10)


class ActionModule(ActionBase):
    """`bucket`: reads the public variables itself.

    preview: stop before any change, as check mode does, and return nothing that differs.

    Reads the bucket (module bucket_info), compares, and in check mode stops there. Otherwise runs amazon.aws.s3_bucket,
    bucket_lifecycle and bucket_access_block for the differences, and reads again. Fails before any change (for a new
    bucket: after its creation) if the store lacks a feature, and afterwards if a change did not take effect; both errors name
    the feature and its variable. A store that lacks one is tried for the access block too, by a preview as well: one run names
    everything. Returns changed, changes, diff.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, apply, compare again."""
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        # Already validated: resolve refuses values that cannot be converted to their type.
        variables, _ = role_variables.typed(role_variables.public_variables(self._task_vars, self._templar))
        self._connection_args = bucket.connection(variables)
        self._prefix = variables["block_structure_storage_prefix"]
        self._insist(self._require_collection)
        options = BucketOptions.from_variables(variables)
        live = self._read(options)
        changes = bucket.compare(live, options)
        self._check_features(options, live, changes)
        if boolean(self._task.args.get("preview", False)):
            return {**result, "changed": False}
        result.update(
            changed=bool(changes),
            changes=[change.as_dict() for change in changes],
            diff=as_diff(changes, f"bucket {options.name}"),
            findings=[finding.as_dict() for finding in bucket.key_findings(live, options)],
        )
        if changes and not self._task.check_mode:
            try:
                self._apply(options, live, changes)
            except AnsibleActionFail:
                # The bucket may exist now, so a missing feature can be detected and named better than the module does.
                made = self._read(options)
                self._check_features(options, made, bucket.compare(made, options))
                raise
            self._insist(bucket.check_taken, self._left(options))
        return result

    def _require_collection(self) -> None:
        """Raise BlockStructureError `collection-missing` without the collection that changes the bucket, in a preview too."""
        if self._shared_loader_obj.module_loader.find_plugin(_MODULE):
            return
        # A pipx environment has the program, and nothing links to it.
        beside = Path(sys.executable).with_name("ansible-galaxy")
        raise BlockStructureError(
            "collection-missing",
            "The Ansible collection amazon.aws, which configures the bucket, is not installed where Ansible runs.",
            f"run `{beside if beside.exists() else beside.name} collection install {_WANTED}`, or set "
            "block_structure_manage_bucket to false for a bucket that you made yourself.",
            "block_structure_manage_bucket",
        )

    def _check_features(self, options: BucketOptions, live: dict[str, Any] | None, changes: list[Change]) -> None:
        """Fail with all that the store lacks of the changes.

        A block under which nobody can write shows only in a trial: each write fails for a moment, as it would while the block
        is set for good, and only at a store that lacks other features.
        """
        lacking = list((live or {}).get("lacking", []))
        wanted = {change.field.split(".")[0] for change in changes}
        if wanted.intersection(lacking) and "public_access_block" in wanted.difference(lacking) and not self._task.check_mode:
            tried = self._answer(_BLOCK_MODULE, name=options.name, prefix=self._prefix, trial=True)
            if (tried.get("error") or {}).get("id") == "bucket-block-refuses-writes":
                live = {**(live or {}), "lacking": [*lacking, "public_access_block"]}
        self._insist(bucket.check_features, live, changes)

    @staticmethod
    def _insist(check: Callable[..., None], *arguments: Any) -> None:
        try:
            check(*arguments)
        except BlockStructureError as error:
            raise AnsibleActionFail(str(error)) from error

    def _left(self, options: bucket.BucketOptions) -> list[Change]:
        """Return the remaining differences; reads repeatedly, since S3 is eventually consistent."""
        left: list[Change] = []
        for pause in READ_AGAIN_SECONDS:
            time.sleep(pause)
            left = bucket.compare(self._read(options), options)
            if not left:
                break
        return left

    def _answer(self, module: str, **arguments: Any) -> dict[str, Any]:
        given = {key: value for key, value in {**self._connection_args, **arguments}.items() if value is not None}
        answer: dict[str, Any] = self._execute_module(module_name=module, module_args=given, task_vars=self._task_vars)
        return answer

    def _execute(self, module: str, **arguments: Any) -> dict[str, Any]:
        answer = self._answer(module, **arguments)
        if answer.get("failed"):
            raise AnsibleActionFail(self._explained(module, str(answer.get("msg", ""))))
        return answer

    @staticmethod
    def _explained(name: str, message: str) -> str:
        if "Remedy:" in message:
            return message
        return two_lines(
            f"{name} could not configure the bucket: {message}",
            bucket.refused_remedy(message),
        )

    def _read(self, options: bucket.BucketOptions) -> dict[str, Any] | None:
        arguments = {**self._connection_args, "name": options.name, "aspects": bucket.managed_aspects(options)}
        return buckets.read(self, self._task_vars, arguments)

    def _apply(self, options: bucket.BucketOptions, live: dict[str, Any] | None, changes: list[Change]) -> None:
        fields = {change.field for change in changes}
        arguments: dict[str, Any] = {"name": options.name, "state": "present", "purge_tags": False}
        if "versioning" in fields:
            arguments["versioning"] = True
        if "encryption" in fields:
            arguments["encryption"] = bucket.KMS if options.kms_key else "AES256"
            arguments["encryption_key_id"] = options.kms_key
        if "object_ownership" in fields:
            arguments["object_ownership"] = "BucketOwnerEnforced"
        if "policy" in fields:
            arguments["policy"] = json.dumps(bucket.wanted_policy((live or {}).get("policy"), options))
        if "tags" in fields:
            arguments["tags"] = options.tags
        rules = bucket.changed_rules(options, fields)
        if any(field != "public_access_block" and not field.startswith(bucket.LIFECYCLE) for field in fields):
            self._execute(_MODULE, **arguments)
        if rules:
            self._execute("openedx_operators.block_structure.bucket_lifecycle", name=options.name, rules=rules)
        # Last: under it some stores refuse our policy too.
        if "public_access_block" in fields:
            self._execute(_BLOCK_MODULE, name=options.name, prefix=self._prefix)
