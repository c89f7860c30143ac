"""The storage behind the cache: whether it is used, where it is, who can read it, and what the LMS is allowed to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ...module_utils.common.errors import BlockStructureError
from ...module_utils.common.findings import Finding
from ...module_utils.decisions import candidate, signing, storage_settings
from ...module_utils.decisions.bucket import PUBLIC_ACCESS_KEYS
from .snapshot import Snapshot, is_loopback, names

_FORBIDDEN = ("403", "AccessDenied")
_DANGER = "no time; a structure is a pickle: whoever can write one runs code in the LMS, whoever can read one reads the course"
_POLICY = "attach the policy in block_structure_result.lms_iam_policy to the LMS's credentials."


def _switched_off(snapshot: Snapshot) -> list[Finding]:
    if snapshot.storage_in_use:
        return []
    cost, text = snapshot.costs.rebuild(snapshot.courses)
    return [
        Finding(
            "storage-off",
            "error",
            f"The switch {snapshot.release.storage_switch} is off: a cache miss has no storage to fall back on.",
            "run openedx_operators.block_structure.deploy, which generates every course and then turns it on.",
            "block_structure_storage_bucket",
            cost_ms=cost,
            cost=text,
        )
    ]


def _in_files(snapshot: Snapshot) -> list[Finding]:
    settings = snapshot.survey["settings"]
    root = settings.get("storage_root")
    if not root or not (snapshot.storage_in_use or any(entry["row"] for entry in snapshot.courses)):
        return []
    files = (snapshot.examination or {}).get("files") or {}
    media = str(settings["media_root"]).rstrip("/")
    remedy = (
        "name a bucket in block_structure_storage_bucket and run openedx_operators.block_structure.deploy; then delete the "
        "files there."
    )
    found = []
    if files.get("in_media") or (root.rstrip("/") + "/").startswith(media + "/"):
        readable = files.get("world_readable") or []
        report = f"; {len(readable)} files are readable by every user of the host" if readable else ""
        found.append(
            Finding(
                "storage-in-media",
                "error",
                f"Structures are stored under MEDIA_ROOT ({media}), which the web server publishes{report}.",
                remedy,
                "block_structure_storage_bucket",
                evidence={"root": root, "media_url": files.get("media_url"), "world_readable": readable[:3]},
                cost=_DANGER,
            )
        )
    elif files.get("world_readable"):
        found.append(
            Finding(
                "storage-world-readable",
                "warning",
                f"{len(files['world_readable'])} stored structures under {root} are readable by every user of the host.",
                remedy,
                "block_structure_storage_bucket",
                evidence=files["world_readable"][:3],
                cost=_DANGER,
            )
        )
    if files.get("world_writable"):
        found.append(
            Finding(
                "storage-world-writable",
                "error",
                f"{len(files['world_writable'])} stored structures under {root} are writable by every user of the host.",
                "remove the permission with chmod o-w, and run openedx_operators.block_structure.deploy to move to a bucket.",
                "block_structure_storage_bucket",
                evidence=files["world_writable"][:3],
                cost=_DANGER,
            )
        )
    if snapshot.others:
        found.append(
            Finding(
                "storage-local",
                "error",
                f"Structures are stored in the local directory {root}, but there are {len(snapshot.others) + 1} LMS hosts.",
                remedy,
                "block_structure_storage_bucket",
                evidence=root,
                cost="a rebuild in the request on each host that does not share the directory",
            )
        )
    return found


def _on_a_pod(snapshot: Snapshot) -> list[Finding]:
    """Tutor's Kubernetes templates (3.12 to 22.0) mount no media volume in LMS, Studio and workers."""
    settings = snapshot.survey["settings"]
    if not snapshot.pod_disk or not snapshot.storage_in_use or (settings.get("storage") or {}).get("bucket_name"):
        return []
    cost, text = snapshot.costs.rebuild(snapshot.courses)
    return [
        Finding(
            "pod-disk",
            "warning",
            f"The storage of block structures is {settings['storage_class']}: each pod keeps its structures on its own disk, "
            "where no other pod can read them, and loses them when it ends.",
            "run openedx_operators.block_structure.deploy with block_structure_manage_settings on, so that they go to S3.",
            "block_structure_manage_settings",
            evidence=settings["storage_class"],
            cost_ms=cost,
            cost=text,
        )
    ]


def _settings(snapshot: Snapshot) -> list[Finding]:
    """Report effective settings that the role would reject in an inventory."""
    live = snapshot.survey["settings"]["block_structures"]
    found = []
    prefix = str(live.get("DIRECTORY_PREFIX") or "")
    try:
        storage_settings.check_prefix(prefix)
    except BlockStructureError as error:
        clean = storage_settings.clean_prefix(prefix)
        blocking = error.identifier == "prefix-leading-slash"
        cost, text = snapshot.costs.rebuild(snapshot.courses) if blocking else (None, "no time; objects are hard to find")
        found.append(
            Finding(
                error.identifier,
                "error" if blocking else "warning",
                error.cause.replace("block_structure_storage_prefix", "The effective DIRECTORY_PREFIX"),
                f"set block_structure_storage_prefix to '{clean}' and run openedx_operators.block_structure.deploy.",
                "block_structure_storage_prefix",
                evidence=prefix,
                value=clean,
                cost_ms=cost,
                cost=text,
            )
        )
    try:
        ignored = storage_settings.check_kwargs(storage_settings.inherited_kwargs(live), snapshot.release)
        found += [replace(finding, cost="the argument has no effect") for finding in ignored]
    except BlockStructureError as error:
        if error.identifier != "acl-public":  # checked below on the resolved storage
            found.append(
                Finding(
                    error.identifier,
                    "error",
                    error.cause,
                    error.remedy,
                    error.variable,
                    cost="LMS and Studio fail to start",
                )
            )
    resolved = snapshot.survey["settings"].get("storage") or {}
    if str(resolved.get("default_acl") or "").startswith("public"):
        found.append(
            Finding(
                "acl-public",
                "error",
                f"Every new object is written with the access-control list '{resolved['default_acl']}': anyone can read it "
                "unless the bucket ignores ACLs.",
                "leave block_structure_storage_default_acl unset (null) and run openedx_operators.block_structure.deploy.",
                "block_structure_storage_default_acl",
                evidence=resolved["default_acl"],
                cost=_DANGER,
            )
        )
    found += _global_parameters(snapshot.survey["settings"])
    found += _transport(resolved)
    if snapshot.release.pruning_active_honoured and snapshot.storage_in_use and not live.get("PRUNING_ACTIVE"):
        found.append(
            Finding(
                "pruning-off",
                "info",
                "PRUNING_ACTIVE is off: no old version of a structure is ever removed from storage.",
                "leave pruning_active of block_structure_task_settings on and run openedx_operators.block_structure.deploy.",
                "block_structure_task_settings",
                value={"pruning_active": True},
                cost="storage space in the bucket",
            )
        )
    return found


def _global_parameters(settings: dict[str, Any]) -> list[Finding]:
    """What each write still takes from the site's global settings."""
    used = candidate.global_parameters(settings)
    if not used:
        return []
    acls = [str(value) for given in used.values() for key, value in given.items() if key.lower() in ("acl", "x-amz-acl")]
    public = any(acl.startswith("public") for acl in acls)
    return [
        Finding(
            "storage-global-parameters",
            "error" if public else "warning",
            f"Every new object is written with the site's global settings {candidate.shown_parameters(used)}.",
            candidate.GLOBALS_REMEDY,
            "block_structure_storage_class",
            evidence=used,
            cost=_DANGER if public else "no time; objects get what was meant for other files",
        )
    ]


def _transport(resolved: dict[str, Any]) -> list[Finding]:
    """Whether somebody between the LMS and S3 can replace an object in transit. resolved: the storage's attributes."""
    endpoint = str(resolved.get("endpoint_url") or "")
    if is_loopback(urlsplit(endpoint).hostname or ""):
        return []
    # boto3 heeds use_ssl only where no endpoint says which scheme it is.
    if endpoint.startswith("http://") or (not endpoint and resolved.get("use_ssl") is False):
        return [
            Finding(
                "storage-without-tls",
                "warning",
                f"The LMS reads structures from {endpoint or 'S3, with use_ssl off,'} without TLS: whoever alters them in "
                "transit runs code in the LMS.",
                "set block_structure_storage_endpoint_url to an https address, remove use_ssl from "
                "block_structure_storage_extra_kwargs, and run openedx_operators.block_structure.deploy.",
                "block_structure_storage_endpoint_url",
                evidence=endpoint,
                value=endpoint.replace("http://", "https://", 1) or None,
                cost=_DANGER,
            )
        ]
    if resolved.get("verify") is False:
        return [
            Finding(
                "storage-tls-unverified",
                "warning",
                "The LMS does not check the certificate of S3 (verify is off): whoever stands in for S3 on the network "
                "reads the LMS's requests, and answers with objects of their own.",
                "remove verify from block_structure_storage_extra_kwargs, or let it name the file of your certificate "
                "authority, and run openedx_operators.block_structure.deploy.",
                "block_structure_storage_extra_kwargs",
                cost=_DANGER,
            )
        ]
    return []


def _unsigned(snapshot: Snapshot) -> list[Finding]:
    """Count the objects that are not signed on a site whose class signs.

    After a deploy these are the courses that could not be generated, or that were published while other hosts did not sign yet.
    """
    keys = signing.unsigned(snapshot.survey)
    if not keys or signing.active_mode(snapshot.survey["settings"]) not in (signing.REQUIRE, signing.ACCEPT_UNSIGNED):
        return []
    wanted = (snapshot.desired or {}).get("signing")
    return [
        Finding(
            "objects-unsigned",
            "warning" if wanted == signing.REQUIRE else "info",
            f"{len(keys)} of {len(snapshot.courses)} courses have an object without a valid signature, so the LMS still "
            f"accepts objects without one: {names(keys)}.",
            "correct what is reported as not generated, then run openedx_operators.block_structure.deploy with "
            "block_structure_storage_signing: require, which generates these courses and then refuses unsigned objects.",
            signing.VARIABLE,
            evidence=keys,
            cost="no time; who can write to the bucket can run code in the LMS",
        )
    ]


def _rights(snapshot: Snapshot) -> list[Finding]:
    """What the LMS's credentials may do, judged by S3's answer for an object that does not exist."""
    answer = (snapshot.examination or {}).get("missing_object") or {}
    listing = (snapshot.examination or {}).get("listing_problem") or {}
    if listing.get("code") == "NoSuchBucket":
        answer = listing
    code = str(answer.get("code"))
    if not answer or code in ("404", "NoSuchKey"):
        if str(listing.get("code")) not in _FORBIDDEN:
            return []
        code = "403"
    outcome = "a rebuild" if snapshot.storage_failure_is_a_rebuild else "HTTP 500"
    if code in _FORBIDDEN:
        return [
            Finding(
                "iam-list-bucket-missing",
                "error",
                "The LMS's credentials lack s3:ListBucket: S3 answers 403 for a missing object instead of 404, which "
                "the platform does not treat as 'not found'.",
                _POLICY,
                evidence={"missing_object": answer.get("code"), "listing": listing.get("code")},
                cost=f"{outcome} at each request of a course whose object is gone; old versions are never removed",
            )
        ]
    if answer.get("type") == "SuspiciousFileOperation":
        return []  # reported above, as the prefix
    meant, remedy = candidate.meaning(answer)
    return [
        Finding(
            "storage-unusable",
            "error",
            f"The LMS cannot use its storage: {f'{meant} ' if meant else ''}({answer['type']}: {answer['message']})",
            remedy or "fix the cause in the message.",
            evidence=answer.get("code"),
            cost=f"{outcome} at each cold request; the platform rebuilds only for 'not found'",
        )
    ]


def _anonymous(snapshot: Snapshot) -> list[Finding]:
    asked = (snapshot.examination or {}).get("anonymous") or {}
    found = []
    if asked.get("readable"):
        found.append(
            Finding(
                "object-public",
                "error",
                f"{len(asked['readable'])} of {asked['asked']} objects could be read without credentials: "
                f"{names(asked['readable'], 1)}.",
                "leave public_access_block and object_ownership of block_structure_bucket_features on, and "
                "block_structure_storage_default_acl unset, and run openedx_operators.block_structure.deploy.",
                "block_structure_storage_default_acl",
                evidence=asked["readable"],
                cost=_DANGER,
            )
        )
    if asked.get("may_list"):
        found.append(
            Finding(
                "bucket-listable",
                "error",
                "The bucket's objects can be listed without credentials.",
                "leave public_access_block of block_structure_bucket_features on and run "
                "openedx_operators.block_structure.deploy; remove the statement that allows it from the bucket policy.",
                "block_structure_bucket_features",
                value={"public_access_block": True},
                cost=_DANGER,
            )
        )
    return found


def _public_statements(policy: dict[str, Any] | None) -> list[str]:
    """Return the actions that a bucket policy allows everyone."""
    statements = (policy or {}).get("Statement") or []
    actions: list[str] = []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        everyone = principal == "*" or (isinstance(principal, dict) and "*" in _many(principal.get("AWS")))
        # Only S3 can tell whether a condition excludes anonymous requests; _anonymous() tests that.
        if statement.get("Effect") == "Allow" and everyone and not statement.get("Condition"):
            actions += _many(statement.get("Action"))
    return sorted(set(actions))


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _bucket(snapshot: Snapshot) -> list[Finding]:
    if snapshot.bucket is None:
        if not snapshot.bucket_problem:
            return []
        return [
            Finding(
                "bucket-not-examined",
                "info",
                f"The bucket's policy and access block were not read: {snapshot.bucket_problem.splitlines()[0]}",
                "give block_structure_bucket_access_key, or credentials to the host of block_structure_bucket_delegate_to.",
                "block_structure_bucket_delegate_to",
                cost="nothing; anonymous access was tested without it",
            )
        ]
    found = []
    actions = _public_statements(snapshot.bucket.get("policy"))
    if actions:
        found.append(
            Finding(
                "bucket-policy-public",
                "error",
                f"The bucket's policy allows everyone {', '.join(actions)}.",
                "remove that statement from the bucket policy, then run openedx_operators.block_structure.deploy, which blocks "
                "public policies.",
                "block_structure_bucket_features",
                evidence=actions,
                value={"public_access_block": True},
                cost=_DANGER,
            )
        )
    block = snapshot.bucket.get("public_access_block") or {}
    open_ways = [name for name in PUBLIC_ACCESS_KEYS if not block.get(name)]
    if open_ways:
        found.append(
            Finding(
                "bucket-not-private",
                "warning",
                f"The bucket does not block public access; off: {', '.join(open_ways)}.",
                "leave public_access_block of block_structure_bucket_features on and run "
                "openedx_operators.block_structure.deploy.",
                "block_structure_bucket_features",
                evidence=block,
                value={"public_access_block": True},
                cost=_DANGER,
            )
        )
    return found


def find(snapshot: Snapshot) -> list[Finding]:
    """Return the findings of this subject."""
    return [
        *_switched_off(snapshot),
        *_in_files(snapshot),
        *_on_a_pod(snapshot),
        *_settings(snapshot),
        *_unsigned(snapshot),
        *_rights(snapshot),
        *_anonymous(snapshot),
        *_bucket(snapshot),
    ]
