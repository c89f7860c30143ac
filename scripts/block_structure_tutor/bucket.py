"""The bucket as the role would make it, by boto3 with the operator's own rights: `tutor block-structure bucket`."""

from __future__ import annotations

import json
from typing import Any

from block_structure.module_utils.common.changes import Change
from block_structure.module_utils.common.errors import BlockStructureError
from block_structure.module_utils.decisions import bucket
from block_structure.module_utils.host import bucket as live_bucket
from block_structure.module_utils.host import s3

from . import settings

# Region whose buckets are created without a location (S3 API reference, CreateBucket).
_NO_LOCATION = (None, "us-east-1")


class Bucket:
    """The bucket that the configuration names, reached by boto3's own credentials: nothing of the operator's is stored."""

    def __init__(self, wanted: settings.Wanted) -> None:
        """Raises BlockStructureError `boto3-missing`."""
        self._prefix = wanted.variables["block_structure_storage_prefix"]
        self._connection = bucket.connection(wanted.variables)
        self.options = bucket.BucketOptions.from_variables(wanted.variables)
        self._client = s3.client(self._connection)

    def changes(self) -> tuple[dict[str, Any] | None, list[Change]]:
        """Return the bucket as it is, None if it is missing, and what differs. Raises BlockStructureError."""
        with s3.refusals(self.options.name):
            live = live_bucket.find(self._client, self.options.name, bucket.managed_aspects(self.options))
        found = bucket.compare(live, self.options)
        bucket.check_features(live, found)
        return live, found

    def apply(self) -> list[Change]:
        """Make the changes and return them. Raises BlockStructureError, also for a change that the store did not keep."""
        live, found = self.changes()
        if found:
            with s3.refusals(self.options.name):
                self._write(live, {change.field for change in found})
            bucket.check_taken(self.changes()[1])
        return found

    def _write(self, live: dict[str, Any] | None, fields: set[str]) -> None:
        client, name, options = self._client, self.options.name, self.options
        if live is None:
            region = self._connection["region"]
            location = {} if region in _NO_LOCATION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            client.create_bucket(Bucket=name, **location)
            client.get_waiter("bucket_exists").wait(Bucket=name)
        if "versioning" in fields:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if "encryption" in fields:
            by = (
                {"SSEAlgorithm": bucket.KMS, "KMSMasterKeyID": options.kms_key}
                if options.kms_key
                else {"SSEAlgorithm": "AES256"}
            )
            rules = [{"ApplyServerSideEncryptionByDefault": by}]
            client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
        if "object_ownership" in fields:
            controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
            client.put_bucket_ownership_controls(Bucket=name, OwnershipControls=controls)
        if "policy" in fields:
            policy = bucket.wanted_policy((live or {}).get("policy"), options)
            if policy:
                client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
            else:
                client.delete_bucket_policy(Bucket=name)
        if "tags" in fields:
            tags = {**((live or {}).get("tags") or {}), **(options.tags or {})}
            client.put_bucket_tagging(
                Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}
            )
        rules = bucket.changed_rules(options, fields)
        if rules:
            s3.lifecycle(client, name, rules)
        # Last: under it some stores refuse our policy too.
        if "public_access_block" in fields:
            s3.block_public_access(client, name, self._prefix)


def spelled(error: BlockStructureError) -> str:
    """Return the two lines of an error in Tutor's names, and without settings for keys, which boto3 finds by itself here."""
    if error.variable == "block_structure_bucket_access_key":
        return f"{error.cause}\nRemedy: correct what boto3 finds: AWS_ACCESS_KEY_ID, AWS_PROFILE or ~/.aws/credentials."
    if error.variable == "block_structure_bucket_delegate_to":
        return f"{error.cause}\nRemedy: install it where `tutor` is: pip install boto3."
    return settings.spelled(str(error))
