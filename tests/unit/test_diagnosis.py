"""Diagnosis: each finding is reported for the facts that cause it, and none for a cured site."""

from __future__ import annotations

import copy
import functools
import json
import re
import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from block_structure.module_utils.common import findings
from block_structure.module_utils.decisions import desired, memcached_sizing, storage_settings
from block_structure.module_utils.decisions.bucket import PUBLIC_ACCESS_KEYS
from block_structure.module_utils.decisions.storage_settings import StorageOptions
from block_structure.module_utils.probe.engine import cache_server
from block_structure.plugin_utils.diagnosis import catalogue, cure, report, summary, verdict
from block_structure.plugin_utils.diagnosis.cache import refused_by
from block_structure.plugin_utils.diagnosis.snapshot import Server, Snapshot, effective_release
from block_structure_cli.commands import diagnose
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import PLUGINS, ROLE
from .surveys import KEY, ROW, SETTINGS, entry, survey

MIB = 1024 * 1024
DESIRED = {"settings": SETTINGS, "row": ROW, "switches": {}}
GONE = {"type": "FileNotFoundError", "message": "there is no object x", "code": "404"}
COLD = {"tier": "modulestore", "tier_when_cold": "modulestore", "cached": False, "object_exists": False}
STATS = {"bytes": str(10 * MIB), "evictions": "0", "uptime": "100", "curr_items": "7", "get_hits": "3", "get_misses": "1"}
PLAN = {"memory_mb": 128, "item_size_bytes": 3 * MIB, "item_size_flag": "3m", "structures_mb": 60, "arithmetic": ["a sum"]}
FILES = {"root": "/edx/var/edxapp/media", "media_url": "/media/", "in_media": True}


def server(name: str = "cache1:11211", **given: Any) -> Server:
    live = {"memory_mb": 128, "item_size_bytes": 3 * MIB}
    return Server(name, **{"live": live, "stats": STATS, "plan": PLAN, **given})


def examination(**given: Any) -> dict[str, Any]:
    own = {"block_structures": SETTINGS, "cache_locations": ["cache1:11211"]}
    return {
        "missing_object": {"code": "404", "type": "ClientError", "message": "Not Found"},
        "anonymous": {"asked": 1, "readable": [], "may_list": False, "problem": None},
        "files": None,
        "own": own,
        "workers": {"answers": {"edx.lms.core.default.lms1": own, "edx.cms.core.default.lms1": own}, "problem": None},
        **given,
    }


class Site:
    """A cured site of a release that a test then breaks."""

    def __init__(self, release: Any) -> None:
        self.release = release
        self.survey = survey()
        self.given: dict[str, Any] = {
            "servers": (server(),),
            "desired": DESIRED,
            "examination": examination(),
            "bucket": {"policy": None, "public_access_block": dict.fromkeys(PUBLIC_ACCESS_KEYS, True)},
        }

    def snapshot(self) -> Snapshot:
        return Snapshot(self.release, self.survey, **self.given)

    def found(self) -> list[dict[str, Any]]:
        found = verdict.site(self.snapshot())["findings"]
        # It is data: it goes through Ansible and into reports.
        return json.loads(json.dumps(found))

    def course(self, **given: Any) -> None:
        self.survey["courses"] = [entry(**given)]


def course(**given):
    return lambda site: site.course(**given)


def never_published(site):
    site.survey["unpublished"] = ["course-v1:ExampleX+Draft+2026"]


def row(**given):
    return lambda site: site.survey["row"].update(given)


def live(**given):
    return lambda site: site.survey["settings"]["block_structures"].update(given)


def resolved(**given):
    return lambda site: site.survey["settings"]["storage"].update(given)


def asked(**given):
    return lambda site: site.given.update(examination=examination(**given))


def old_process(site):
    times = {"started": 1000.0, "settings_written": 1100.0}
    site.given["processes"] = ({"pid": 1, "system": "lms", "kind": "gunicorn", "settings_file": "/edx/etc/lms.yml", **times},)


def process_without_exports(site):
    old_process(site)
    differs = {"settings_written": 900.0, "environment_differs": ["AWS_REQUEST_CHECKSUM_CALCULATION"]}
    site.given["processes"] = ({**site.given["processes"][0], **differs},)


def cache(**given):
    return lambda site: site.given.update(servers=(server(**given),))


def bucket(**given):
    # A bucket that was not read stays unread when both faults are planted.
    return lambda site: (site.given["bucket"] or {}).update(given)


def switches(**given):
    return lambda site: site.survey["switches"].update({f"block_structure.{name}": on for name, on in given.items()})


def in_files(**given):
    def plant(site):
        site.survey["settings"]["storage_root"] = "/edx/var/edxapp/media"
        site.given["examination"] = examination(files={**FILES, **given})

    return plant


def elsewhere_in_files(site):
    site.survey["settings"]["storage_root"] = "/srv/structures"
    site.given["examination"] = examination(
        files={**FILES, "root": "/srv/structures", "in_media": False, "world_readable": ["x"]}
    )


def spooling(**given):
    state = {
        "problem": None,
        "spool": {"waiting": 0, "oldest": None},
        "counters": {"counts": {}},
        "breaker": {"open": False, "cause": None},
        **given,
    }
    return lambda site: site.survey["settings"].update(storage_state=state)


def storage_off(site):
    site.survey["storage"]["in_use"] = False


def no_cap_but_client(site):
    site.course(bytes=MIB, cached=False, tier="storage")


def client_and_nothing_behind(site):
    site.course(**{**COLD, "bytes": MIB, "row": False})


def alias_with_room(site):
    site.survey["settings"]["caches"]["course_structure_cache"]["locations"] = ["cache1:11212"]
    roomy = server("cache1:11212", aliases=("course_structure_cache",), live={"memory_mb": 512, "item_size_bytes": 8 * MIB})
    site.given["servers"] = (server(), roomy)


def alias_with_client_limit(site):
    site.survey["settings"]["caches"]["course_structure_cache"]["client_limit_bytes"] = 4 * MIB


def other_host(site):
    other = copy.deepcopy(site.survey)
    other["settings"]["block_structures"]["DIRECTORY_PREFIX"] = "other/"
    site.given["others"] = {"lms2": other}


def second_host_with_files(site):
    in_files(in_media=False, root="/srv/x")(site)
    site.survey["settings"]["storage_root"] = "/srv/x"
    site.given["others"] = {"lms2": copy.deepcopy(site.survey)}


def worker(name, **apart):
    settings = {**SETTINGS, **apart}
    answers = {name: {"block_structures": settings, "cache_locations": ["cache1:11211"]}}
    return asked(workers={"answers": answers, "problem": None})


STUDIO, LMS_QUEUE = "edx.cms.core.default", "edx.lms.core.default"


def queues(sends=(STUDIO, LMS_QUEUE), studio_reads=(STUDIO,), lms_reads=(LMS_QUEUE,), eager=False):
    """What a worker of each system reports of its queues."""
    own = examination()["workers"]["answers"]
    routing = {
        "edx.lms.core.default.lms1": {"system": "lms", "queues": [LMS_QUEUE], "eager": False},
        "edx.cms.core.default.lms1": {"system": "cms", "queues": list(sends), "eager": eager},
    }
    reads = dict(zip(routing, (list(lms_reads), list(studio_reads)), strict=True))
    return asked(workers={"answers": own, "routing": routing, "reads": reads, "problem": None})


def failed(site):
    site.course(**{**COLD, "row": False})
    site.given["failures"] = ({"key": KEY, "type": "ValueError", "message": "broken"},)


def no_ignore_exc(site):
    site.survey["settings"]["cache"]["options"] = {}


def no_ignore_exc_and_too_large(site):
    no_ignore_exc(site)
    site.course(bytes=MIB, cached=False, tier="storage")
    cache(live={"memory_mb": 128, "item_size_bytes": MIB}, plan=None)(site)


def no_ignore_exc_and_over_the_cap(site):
    no_ignore_exc_and_too_large(site)
    site.course(bytes=3 * MIB)


def storages_entry(site):
    site.survey["settings"].update(storages_entry=True, storage_class="storages.backends.s3.S3Storage")


def key_hash(site):
    site.survey["key_hash"] = {"type": "ValueError", "message": "unsupported hash type md4", "code": None}


VARIANTS = ("stock", "out_of_band", "hash_once", "both")


def measured(*ms, page=None, **more):
    """Plant the probe's answer for a course: milliseconds of a read and of its outline, with each of VARIANTS."""

    def plant(site):
        memory = {"stock": 405, "out_of_band": 378, "hash_once": 404, "both": 377}
        names = VARIANTS[: len(ms)]
        site.given["runtime"] = {
            "python": "3.11.2",
            "objects": 490_000,
            "keys_why": None,
            "courses": [
                {
                    "key": KEY,
                    "bytes": 1000,
                    "ms": dict(zip(names, ms, strict=True)),
                    "page_ms": dict(zip(names, page, strict=True)) if page else None,
                }
            ],
            "variants": {
                name: {"worst_pause_ms": 180.0, "collect_ms": 90.0, "resident_mb": memory[name], "collections": [9, 3, 1]}
                for name in names
            },
            "page_problem": None,
            "skipped": [],
            **more,
        }

    return plant


# As on a real LMS: the outline of 5,000 blocks, and a site on which neither choice brings anything.
SLOW = measured(640.0, 330.0, 600.0, 300.0, page=(3510.0, 1900.0, 2800.0, 1130.0))
QUICK = measured(40.0, 30.0, 38.0, 28.0, page=(200.0, 190.0, 185.0, 181.0))


def redis(**given):
    """Plant a Redis in place of memcached, as Tutor has it from its series 11 on."""
    answer = {"maxmemory": 512 * MIB, "maxmemory_policy": "allkeys-lru", "evicted_keys": 0, **given}

    def plant(site):
        site.survey["cache_server"] = answer
        site.survey["settings"]["cache"].update(backend="django_redis.cache.RedisCache", locations=["redis://redis:6379/1"])
        site.given["servers"] = ()

    return plant


def evicting(cached):
    """A Redis that evicted keys, with or without every structure in it now."""

    def apply(site):
        site.course(cached=cached, tier="cache" if cached else "storage")
        redis(evicted_keys=7)(site)

    return apply


def without_readiness(site):
    site.given["without_readiness"] = ("cms", "lms")


def on_a_pod(site):
    site.given["pod_disk"] = True
    site.survey["settings"].update(storage_class="django.core.files.storage.filesystem.FileSystemStorage")
    site.survey["settings"]["storage"]["bucket_name"] = None


def signing(mode="require", counts=None, **given):
    """Plant what a host with signed objects says."""
    counters = counts if "counts" in (counts or {}) else {"counts": counts or {}}
    return spooling(signing={"mode": mode}, counters=counters, **given)


def unsigned(site):
    signing("accept_unsigned")(site)
    site.course(signature="unsigned")
    site.given["desired"] = {**DESIRED, "signing": "require"}


def not_verified(code):
    return course(**COLD, object_error={"type": "FailureError", "code": code, "message": "its signature"})


EVICTED = {"items": {"items:5:evicted": "9", "items:5:evicted_nonzero": "4"}}
OFF = {"missing_object": {"code": "AccessDenied", "type": "ClientError", "message": "403"}}
# Fault -> (release, how it is planted, id, severity, text that message, evidence or cost must contain)
CASES: dict[str, tuple[str, Any, str, str, str]] = {
    "no row": ("teak", course(**{**COLD, "row": False}), "course-not-stored", "error", KEY),
    "no object": ("teak", course(**COLD, object_error=GONE), "object-missing", "error", "there is no object x"),
    "damaged": ("teak", course(**COLD, object_error={**GONE, "code": "corrupt"}), "object-corrupt", "error", KEY),
    "refused": (
        "teak",
        course(**COLD, object_error={"type": "ClientError", "code": "AccessDenied", "message": "m"}),
        "object-unreadable",
        "error",
        "HTTP 500",
    ),
    "old": ("teak", course(fresh=False), "course-stale", "warning", KEY),
    "drafts": ("teak", course(fresh=False, draft=True), "drafts-served", "error", "with the author's unpublished edits"),
    "drafts before": (
        "teak",
        lambda site: site.survey.update(drafts_before=["course-v1:ExampleX+Was+2026"]),
        "drafts-served",
        "error",
        "course-v1:ExampleX+Was+2026",
    ),
    "no queue of the LMS": ("teak", queues(sends=[STUDIO]), "drafts-at-next-publish", "error", "have no queue of the LMS"),
    "no queue of the LMS, Ironwood": ("ironwood", queues(sends=[STUDIO]), "drafts-at-next-publish", "error", "no queue of the"),
    "Studio reads it": (
        "teak",
        queues(studio_reads=[STUDIO, LMS_QUEUE]),
        "drafts-at-next-publish",
        "error",
        "Studio's worker reads the LMS's queue edx.lms.core.default",
    ),
    "at once": ("teak", queues(eager=True), "drafts-at-next-publish", "error", "runs tasks in its own processes"),
    "nobody reads it": ("teak", queues(lms_reads=[]), "queue-unread", "warning", "reads the queue edx.lms.core.default"),
    "never published": ("teak", never_published, "course-unpublished", "info", "course-v1:ExampleX+Draft+2026"),
    "failed": ("teak", failed, "generation-failed", "error", "ValueError: broken"),
    "switch off": ("palm", storage_off, "storage-off", "error", "storage_backing_for_cache"),
    "media": ("teak", in_files(world_readable=["a", "b"]), "storage-in-media", "error", "2 files are readable"),
    "files": ("teak", elsewhere_in_files, "storage-world-readable", "warning", "/srv/structures"),
    "writable": ("teak", in_files(world_writable=["a"]), "storage-world-writable", "error", "runs code in the LMS"),
    "local": ("teak", second_host_with_files, "storage-local", "error", "2 LMS hosts"),
    "no S3": (
        "teak",
        asked(missing_object={"code": None, "type": "EndpointConnectionError", "message": "m"}),
        "storage-unusable",
        "error",
        "the S3 endpoint cannot be reached",
    ),
    "plain HTTP": ("teak", resolved(endpoint_url="http://s3:80"), "storage-without-tls", "warning", "from http://s3:80"),
    "slash first": ("teak", live(DIRECTORY_PREFIX="/courses/"), "prefix-leading-slash", "error", "'courses/'"),
    "no slash": ("teak", live(DIRECTORY_PREFIX="courses"), "prefix-no-trailing-slash", "warning", "'courses/'"),
    "two slashes": ("teak", live(DIRECTORY_PREFIX="a//b/"), "prefix-unsafe", "warning", "a//b/"),
    "kwarg": ("palm", live(STORAGE_KWARGS={"acl_name": "x"}), "kwarg-ignored", "warning", "acl_name"),
    "wrong kwarg": ("teak", live(STORAGE_KWARGS={"acl": "x"}), "kwarg-refused", "error", "'acl'"),
    "dict kwarg": ("teak", live(STORAGE_KWARGS={"object_parameters": {}}), "kwarg-unhashable", "error", "hash"),
    "public ACL": ("teak", resolved(default_acl="public-read"), "acl-public", "error", "public-read"),
    "public object": (
        "teak",
        asked(anonymous={"asked": 1, "readable": ["x/y"], "may_list": False, "problem": None}),
        "object-public",
        "error",
        "x/y",
    ),
    "public list": (
        "teak",
        asked(anonymous={"asked": 0, "readable": [], "may_list": True, "problem": None}),
        "bucket-listable",
        "error",
        "without credentials",
    ),
    "public policy": (
        "teak",
        bucket(policy={"Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:PutObject"]}]}),
        "bucket-policy-public",
        "error",
        "s3:PutObject",
    ),
    "open bucket": ("teak", bucket(public_access_block=None), "bucket-not-private", "warning", "block_public_acls"),
    "unread bucket": (
        "teak",
        lambda site: site.given.update(bucket=None, bucket_problem="403\nx"),
        "bucket-not-examined",
        "info",
        "403",
    ),
    "no ListBucket": ("teak", asked(**OFF), "iam-list-bucket-missing", "error", "s3:ListBucket"),
    "no pruning": ("palm", live(PRUNING_ACTIVE=False), "pruning-off", "info", "PRUNING_ACTIVE"),
    "no local dir": ("teak", spooling(problem="it is not writable"), "storage-local-unusable", "error", "not writable"),
    "spooled": ("teak", spooling(spool={"waiting": 2, "oldest": 0}), "storage-spooled", "warning", "2 objects wait"),
    "spool full": (
        "teak",
        spooling(counters={"counts": {"spool_refused": 3}}),
        "storage-spool-full",
        "warning",
        "3 objects did not fit",
    ),
    "outage": ("teak", spooling(breaker={"open": True, "cause": "503"}), "storage-outage", "warning", "503"),
    "digest": (
        "teak",
        spooling(counters={"counts": {"local_damaged": 1}}),
        "storage-damaged",
        "warning",
        "1 objects or copies",
    ),
    "replaced object": (
        "teak",
        not_verified("tampered"),
        "object-not-verified",
        "error",
        "nothing shows that this site wrote it",
    ),
    "object of another key": ("teak", not_verified("other_key"), "object-not-verified", "error", KEY),
    "garbled object": ("teak", not_verified("garbled"), "object-corrupt", "error", KEY),
    "tampered": (
        "teak",
        signing(counts={"read_failed_tampered": 1, "local_tampered": 2}),
        "storage-tampered",
        "error",
        "met 3 times an object or copy",
    ),
    "other key": ("teak", signing(counts={"read_failed_other_key": 1}), "storage-other-key", "warning", "SECRET_KEY_FALLBACKS"),
    "unsigned, refused": (
        "teak",
        signing(counts={"read_failed_unsigned": 1, "local_unsigned": 1}),
        "storage-unsigned-refused",
        "warning",
        "met 2 times",
    ),
    "unsigned, read": (
        "teak",
        signing("accept_unsigned", counts={"read_s3_unsigned": 1, "read_s3_without_digest": 4}),
        "storage-unsigned-read",
        "info",
        "read 5 times",
    ),
    "not signed": ("teak", signing("off"), "signing-off", "info", "unpickles whatever has a digest that fits"),
    "unsigned": ("teak", unsigned, "objects-unsigned", "warning", "1 of 1 courses have an object without a valid signature"),
    "unsigned, as wanted": (
        "teak",
        lambda site: (unsigned(site), site.given.update(desired={**DESIRED, "signing": "accept_unsigned"})),
        "objects-unsigned",
        "info",
        "1 of 1",
    ),
    "foreign": (
        "teak",
        signing(foreign=["/x/objects/a belongs to user 0"]),
        "storage-foreign",
        "warning",
        "/x/objects/a belongs to user 0",
    ),
    "no S3 at all": (
        "teak",
        signing(counts={"write_failed_garbled": 1, "read_failed_garbled": 1}),
        "storage-garbled",
        "warning",
        "2 answers",
    ),
    "refused for good": (
        "teak",
        signing(
            spool={"waiting": 1, "oldest": 0},
            counts={
                "counts": {"upload_failed_denied": 3, "upload_failed_timeout": 9},
                "last_failure": {"operation": "upload", "words": "AccessDenied"},
            },
        ),
        "storage-upload-refused",
        "warning",
        "S3 refused 3 uploads of objects that wait on this host (last: AccessDenied)",
    ),
    "superseded": ("teak", signing(counts={"superseded": 7}), "storage-superseded", "info", "7 objects never went to S3"),
    "global ACL": (
        "teak",
        resolved(object_parameters={"ACL": "public-read"}),
        "storage-global-parameters",
        "error",
        "AWS_S3_OBJECT_PARAMETERS: ACL public-read",
    ),
    "global headers": (
        "ironwood",
        resolved(headers={"Cache-Control": "max-age=1"}),
        "storage-global-parameters",
        "warning",
        "AWS_HEADERS: Cache-Control max-age=1",
    ),
    "no certificate": ("teak", resolved(verify=False), "storage-tls-unverified", "warning", "verify is off"),
    "no TLS": ("teak", resolved(use_ssl=False), "storage-without-tls", "warning", "with use_ssl off"),
    "open cache": (
        "teak",
        cache(stats={**STATS, "inter": "192.0.2.7"}),
        "cache-open",
        "info",
        "at cache1:11211 listens on 192.0.2.7",
    ),
    "open cache here": (
        "teak",
        lambda site: site.given.update(servers=(server("127.0.0.1:11211", stats={**STATS, "inter": "NULL"}),)),
        "cache-open",
        "warning",
        "listens on every address",
    ),
    "not as wanted": ("teak", live(STORAGE_CLASS="x.Y"), "settings-differ", "error", "STORAGE_CLASS"),
    "other host": ("teak", other_host, "hosts-differ", "error", "block_structures.DIRECTORY_PREFIX"),
    "old worker": (
        "teak",
        worker("edx.lms.core.default.lms1", DIRECTORY_PREFIX="old/"),
        "workers-differ",
        "error",
        "block_structures.DIRECTORY_PREFIX",
    ),
    "old Studio": ("teak", worker("edx.cms.core.default.lms1", STORAGE_CLASS=None), "studio-differs", "error", "Studio"),
    "no worker": ("teak", asked(workers={"answers": {}, "problem": None}), "workers-silent", "info", "in time"),
    "old process": ("teak", old_process, "processes-outdated", "error", "lms.yml"),
    "old exports": ("teak", process_without_exports, "processes-outdated", "error", "(AWS_REQUEST_CHECKSUM_CALCULATION) than"),
    "row": ("teak", row(num_versions_to_keep=2), "row-differs", "error", "wanted is 5"),
    "keep none": ("teak", row(num_versions_to_keep=0), "versions-below-one", "error", "just written"),
    "keep all": ("teak", row(num_versions_to_keep=None), "versions-unlimited", "info", "ever removed"),
    "no caching": ("teak", row(cache_timeout_in_seconds=0), "timeout-not-positive", "error", "ever cached"),
    "expiry": ("teak", row(cache_timeout_in_seconds=86400), "cache-expires", "warning", "86400 s"),
    "switch": (
        "palm",
        lambda site: site.given.update(desired={**DESIRED, "switches": {"block_structure.invalidate_cache_on_publish": True}}),
        "switch-differs",
        "error",
        "invalidate_cache_on_publish",
    ),
    "errors": (
        "olive",
        lambda site: (switches(raise_error_when_not_found=True)(site), site.course(**{**COLD, "row": False})),
        "switch-raises",
        "error",
        "answer with an error",
    ),
    "invalidates": ("palm", switches(invalidate_cache_on_publish=True), "switch-invalidates", "warning", "a publish deletes"),
    "inert": ("teak", switches(storage_backing_for_cache=True), "switch-inert", "info", "waffle_delete"),
    "down": ("teak", cache(live={}, stats={}, error="refused\nx"), "cache-unreachable", "error", "refused"),
    "md4": ("sumac", key_hash, "cache-key-hash", "error", "unsupported hash type md4"),
    "raises": ("teak", no_ignore_exc, "cache-raises", "warning", "ignore_exc: true"),
    "raises at each read": ("teak", no_ignore_exc_and_too_large, "cache-raises", "error", f"at each read of {KEY}"),
    # Over the cap of the release, so it is never sent to memcached.
    "raises at no read": ("teak", no_ignore_exc_and_over_the_cap, "cache-raises", "warning", "ignore_exc: true"),
    "overridden": ("ulmo", storages_entry, "storages-override", "error", "STORAGES['block_structures_settings']"),
    "cap": ("teak", course(bytes=2 * MIB, cached=False, tier="storage"), "cache-cap", "info", "never caches"),
    "client": ("palm", no_cap_but_client, "cache-client-limit", "info", "server_max_value_length: 2097152"),
    "client, cold": ("palm", client_and_nothing_behind, "cache-client-limit", "warning", "without asking memcached"),
    "-I": (
        "teak",
        lambda site: (
            site.course(bytes=MIB, cached=False, tier="storage"),
            cache(live={"memory_mb": 128, "item_size_bytes": MIB}, plan=None)(site),
        ),
        "item-size-small",
        "warning",
        "to 3m",
    ),
    # 60 MiB of structures, and 9 of others.
    "-m": (
        "teak",
        cache(live={"memory_mb": 64, "item_size_bytes": 3 * MIB}),
        "memcached-small",
        "warning",
        "-m 64; the structures need 60 MiB, with room to grow, and others have 9 MiB in it",
    ),
    "evicted": (
        "teak",
        lambda site: (site.course(cached=False, tier="storage"), cache(**EVICTED)(site)),
        "cache-evictions",
        "warning",
        "evicted 5 items",
    ),
    "evicted and back": ("teak", cache(**EVICTED), "cache-evictions", "info", "nothing now"),
    "alias": ("teak", alias_with_room, "cache-alias-confusion", "warning", "-I 8m at cache1:11212"),
    "redis down": (
        "teak",
        redis(error={"type": "ConnectionError", "message": "Connection refused."}),
        "redis-unreachable",
        "error",
        "REDIS_HOST",
    ),
    "redis small": ("teak", redis(maxmemory=MIB), "redis-small", "warning", "at most 1 MiB (maxmemory)"),
    "redis policy": ("teak", redis(maxmemory_policy="volatile-lru"), "redis-policy", "warning", "only what expires"),
    "redis open": (
        "teak",
        redis(listens=[]),
        "redis-open",
        "info",
        "Redis at redis:6379 listens on every address and asks for",
    ),
    "redis unlimited": ("teak", redis(maxmemory=0), "redis-unlimited", "info", "patch redis-conf"),
    "redis evicts": ("teak", evicting(cached=False), "redis-evictions", "warning", "evicted 7 keys, which may have been"),
    "redis evicted": ("teak", evicting(cached=True), "redis-evictions", "info", "evicted 7 keys, which may have been"),
    "pod": ("teak", on_a_pod, "pod-disk", "warning", "each pod keeps its structures on its own disk"),
    "readiness": (
        "teak",
        without_readiness,
        "pods-without-readiness",
        "info",
        "cms and lms have no readiness probe",
    ),
    "collector": ("teak", SLOW, "runtime-collector", "info", "resident memory 405 -> 378 MiB"),
    "keys": ("teak", SLOW, "runtime-keys", "info", "out of band 1900 ms, with both 1130 ms"),
    "no gain": ("teak", QUICK, "runtime-no-gain", "info", "(10 blocks) now 200 ms, with both 181 ms"),
    "alias limit": ("palm", alias_with_client_limit, "cache-alias-confusion", "warning", "server_max_value_length 4194304"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_fault_is_reported(release, case):
    name, plant, identifier, severity, text = CASES[case]
    site = Site(release(name))
    plant(site)
    found = {finding["id"]: finding for finding in site.found()}
    assert identifier in found, list(found)
    finding = found[identifier]
    assert finding["severity"] == severity
    assert text in " ".join(str(finding[key]) for key in ("message", "evidence", "cost")), finding
    assert finding["cost"], finding


def test_a_stock_memcached_is_not_called_small_for_what_fits(release):
    """Eight courses of a Sumac-era LMS, 61 kB in all, in a memcached as Debian starts it."""
    site = Site(release("sumac"))
    site.survey["courses"] = [entry(key=f"course-v1:ExampleX+{number}+2026", bytes=61_000 // 8) for number in range(8)]
    stock = {"memory_mb": 64, "item_size_bytes": MIB}
    planned = memcached_sizing.plan([61_000 // 8] * 8, site.release, live_memory_mb=64, live_item_size_bytes=MIB)
    assert (planned.memory_mb, planned.item_size_bytes) > (64, MIB)
    cache(live=stock, stats={**STATS, "bytes": "61000"}, plan=planned.as_dict())(site)
    assert site.found() == []


@pytest.mark.parametrize("name", ["palm", "sumac", "teak", "verawood"])
def test_cured_site_has_no_findings(release, name):
    assert Site(release(name)).found() == []


def test_cured_site_with_redis_on_kubernetes_has_no_findings(release):
    site = Site(release("teak"))
    redis()(site)
    site.given["pod_disk"] = True
    assert site.found() == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "not yet read"),
        ({"evicted_keys": 7}, "evicted (7 evictions) or not yet read"),
        ({"error": {"type": "ConnectionError", "message": "Connection refused."}}, "Redis does not answer"),
    ],
)
def test_reason_of_a_course_that_is_not_in_redis(release, given, text):
    site = Site(release("teak"))
    site.course(cached=False, tier="storage")
    redis(**given)(site)
    assert verdict.site(site.snapshot())["courses"][0]["reason"] == f"read from storage: {text}"


@pytest.mark.parametrize(
    "plant",
    [
        resolved(endpoint_url="http://127.0.0.1:9000", use_ssl=False),
        resolved(endpoint_url="http://localhost:9000", verify=False),
        cache(stats={**STATS, "inter": "127.0.0.1,::1"}),
        cache(stats={**STATS, "inter": "192.0.2.7", "auth_enabled_sasl": "yes"}),
        signing(counts={"read_s3_unsigned": 9}),
        signing(counts={"upload_failed_denied": 9}),
        signing(foreign=[]),
    ],
)
def test_what_harms_nobody_is_no_finding(release, plant):
    site = Site(release("teak"))
    plant(site)
    site.course(signature="valid")
    assert site.found() == []


def test_hosts_may_have_counted_different_things(release):
    site = Site(release("teak"))
    signing(counts={"read_local": 3})(site)
    site.course(signature="valid")
    other = {**site.survey, "settings": {**site.survey["settings"]}}
    other["settings"]["storage_state"] = {**site.survey["settings"]["storage_state"], "counters": {"counts": {}}}
    site.given["others"] = {"lms2": other}
    assert site.found() == []


def test_structures_on_a_pods_disk_are_reported_with_a_remedy(release):
    site = Site(release("teak"))
    on_a_pod(site)
    (reported,) = [finding for finding in site.found() if finding["id"] == "pod-disk"]
    assert reported["message"] == (
        "The storage of block structures is django.core.files.storage.filesystem.FileSystemStorage: each pod keeps its "
        "structures on its own disk, where no other pod can read them, and loses them when it ends.\n"
        "Remedy: run openedx_operators.block_structure.deploy with block_structure_manage_settings on, so that they go to S3."
    )


def test_pod_disk_is_not_reported_while_storage_is_off(release):
    site = Site(release("sumac"))
    on_a_pod(site)
    storage_off(site)
    assert "pod-disk" not in {finding["id"] for finding in site.found()}


def test_kwargs_of_the_resilient_class_are_accepted(release):
    row = release("teak")
    built = storage_settings.build(StorageOptions("b-c", "courses/", storage_class="resilient"), row).public
    site = Site(row)
    site.given["desired"] = {**DESIRED, "settings": built}
    live(**built)(site)
    assert site.found() == []
    live(STORAGE_KWARGS={**built["STORAGE_KWARGS"], "tries": 3})(site)
    assert "'tries'" in {finding["id"]: finding["message"] for finding in site.found()}["kwarg-refused"]


def test_every_finding_is_in_the_catalogue_and_planted_above():
    folder = PLUGINS / "plugin_utils" / "diagnosis"
    written = {name for path in folder.glob("*.py") for name in re.findall(r'Finding\(\s*"([a-z0-9-]+)"', path.read_text())} | {
        name for name in catalogue.CATALOGUE if name in (folder / "courses.py").read_text()
    }
    assert written <= set(catalogue.CATALOGUE)
    planted = {}
    for _, _, identifier, severity, _ in CASES.values():
        planted.setdefault(identifier, set()).add(severity)
    assert set(planted) == set(catalogue.CATALOGUE)
    for identifier, severities in planted.items():
        assert severities <= set(catalogue.CATALOGUE[identifier].severities)


def test_failed_course_is_reported_once(release):
    site = Site(release("teak"))
    failed(site)
    assert [finding["cause"] for finding in site.found()] == [f"{KEY} could not be generated: ValueError: broken"]


def test_many_courses_with_the_same_fault_are_one_finding(release):
    site = Site(release("teak"))
    site.survey["courses"] = [entry(**{**COLD, "row": False, "key": f"course-v1:X+{number}+1"}) for number in range(900)]
    (finding,) = site.found()
    assert len(finding["evidence"]) == 900
    assert "900 courses (course-v1:X+0+1, course-v1:X+1+1, course-v1:X+2+1 and 897 more)" in finding["cause"]


@pytest.mark.parametrize(
    ("name", "size", "item_size", "text"),
    [
        ("teak", 2 * MIB, 8 * MIB, "teak never caches 2m or more"),
        ("palm", MIB, None, "python-memcached refuses values over 1048576 bytes before asking the server"),
        ("sumac", MIB, MIB, "memcached refuses items over 1m (-I)"),
    ],
)
def test_first_limit_that_applies_is_named(release, name, size, item_size, text):
    assert refused_by(size, release(name), survey(), item_size)[1] == text
    assert refused_by(1000, release(name), survey(), item_size) is None


@pytest.mark.parametrize(
    ("timeout", "given", "reason"),
    [
        (None, {}, "not yet read since memcached started or was flushed (at most 100 s ago)"),
        (None, EVICTED, "evicted (5 evictions) or not yet read"),
        (60, EVICTED, "expired, evicted (4 evictions) or not yet read"),
        (None, {"live": {}, "error": "refused"}, "memcached at cache1:11211 does not answer"),
    ],
)
def test_only_evictions_that_may_be_structures_are_reported(release, timeout, given, reason):
    site = Site(release("teak"))
    site.course(cached=False, tier="storage")
    site.survey["row"]["cache_timeout_in_seconds"] = timeout
    cache(**given)(site)
    assert verdict.site(site.snapshot())["courses"][0]["reason"] == f"read from storage: {reason}"


def test_raised_client_limit_is_effective(release):
    raised = survey()
    raised["settings"]["cache"]["client_limit_bytes"] = 4 * MIB
    assert effective_release(release("palm"), raised).client_item_limit_bytes == 4 * MIB
    assert effective_release(release("teak"), raised).client_item_limit_bytes is None
    assert refused_by(2 * MIB, release("palm"), raised, None) is None


def test_costs_come_from_measured_times_only(release):
    site = Site(release("teak"))
    site.survey["courses"] = [
        entry(key="small", blocks=100, rebuild_ms=50.0, cache_ms=2.0, storage_ms=22.0),
        entry(**{**COLD, "row": False, "key": "large", "blocks": 2000, "storage_ms": None}),
    ]
    (finding,) = site.found()
    assert finding["cost_ms"] == 1000.0
    assert "0.50 ms per block, measured on other courses" in finding["cost"]
    site.survey["courses"][0]["rebuild_ms"] = None
    assert site.found()[0]["cost_ms"] is None
    assert "not measured" in site.found()[0]["cost"]
    assert site.snapshot().costs.fetch(site.survey["courses"]) == (
        20.5,
        "20 ms more per request of such a course (storage 22.0 ms, cache 1.5 ms)",
    )


def test_findings_are_ordered_by_severity_then_cost():
    made = [
        findings.Finding("a", "info", "", ""),
        findings.Finding("b", "warning", "", "", cost_ms=1),
        findings.Finding("c", "warning", "", "", cost_ms=9),
        findings.Finding("d", "error", "", ""),
    ]
    assert [finding.identifier for finding in findings.order(made)] == ["d", "c", "b", "a"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(CASES)), max_size=6))
def test_cure_variables_are_valid_for_any_faults(release, names):
    site = Site(release("palm"))
    for name in names:
        if CASES[name][0] in ("palm", "teak"):
            CASES[name][1](site)
    chosen = cure.variables(site.snapshot(), site.found())
    defaults = read("defaults/main.yml")
    table = read("vars/releases.yml")["__block_structure_releases"]
    wanted = desired.resolve({**defaults, **{row["name"]: row["value"] for row in chosen}}, table, known=list(defaults))
    assert wanted.errors == ()
    assert {"block_structure_release", "block_structure_storage_bucket"} <= {row["name"] for row in chosen}


@functools.cache
def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROLE / name).read_text()))


def test_cure_variables_name_their_findings(release):
    site = Site(release("teak"))
    row(num_versions_to_keep=0, cache_timeout_in_seconds=60)(site)
    chosen = {row["name"]: row for row in cure.variables(site.snapshot(), site.found())}
    assert chosen["block_structure_storage_bucket"]["value"] == "b-c"
    assert chosen["block_structure_storage_prefix"]["value"] == "courses/"
    assert chosen["block_structure_num_versions_to_keep"]["value"] == 5
    assert chosen["block_structure_num_versions_to_keep"]["findings"] == ["versions-below-one"]
    assert chosen["block_structure_cache_timeout_seconds"]["value"] is None


def test_what_the_inventory_has_is_not_to_be_set_again(release):
    """A site before its first deploy: the bucket is named, and nothing uses it yet."""
    site = Site(release("teak"))
    in_files()(site)
    row(cache_timeout_in_seconds=60)(site)
    for inventory, bucket in ((DESIRED, False), (None, True)):
        site.given["desired"] = inventory
        found = site.found()
        chosen = cure.variables(site.snapshot(), found)
        assert "block_structure_storage_bucket" in {one["name"] for one in chosen if one["findings"]}
        to_set = dict(summary.of({"courses": [], "findings": found, "cure": chosen}).to_set)
        assert ("block_structure_storage_bucket" in to_set) is bucket
        assert "block_structure_cache_timeout_seconds" in to_set


def test_both_choices_are_proposed_with_gain_and_cost_but_not_enabled(release):
    site = Site(release("teak"))
    SLOW(site)
    collector, keys = site.found()
    assert collector["cause"] == (
        f"Python's garbage collector runs while learners wait: outline of {KEY} (10 blocks) now 3510 ms, out of band 1900 ms "
        "of processor time."
    )
    assert collector["remedy"] == (
        "set block_structure_runtime_collector to out_of_band (docs/runtime.md). It then runs after the response: 90 ms after "
        "one read of each course; resident memory 405 -> 378 MiB. Compare two `benchmark` runs before you keep it."
    )
    assert (collector["cost_ms"], collector["cost"]) == (1610.0, f"1,610 ms (46 %) of each outline of {KEY}")
    assert keys["cause"] == (
        f"Hashes of opaque keys are computed at every look-up: outline of {KEY} (10 blocks) out of band 1900 ms, with both "
        "1130 ms of processor time."
    )
    assert keys["remedy"] == (
        "set block_structure_runtime_keys to hash_once (docs/runtime.md), and compare two `benchmark` runs."
    )
    assert (keys["cost_ms"], keys["cost"]) == (770.0, f"770 ms (40 %) of each outline of {KEY}")
    reported = report.of(site.snapshot(), platform="native", host="lms1", boots={"lms1": 1})
    assert reported["runtime"]["offer"] == {"collector": "out_of_band", "keys": "hash_once"}
    written = diagnose.group_vars(reported)
    for name, value in (("collector", "out_of_band"), ("keys", "hash_once")):
        assert f"\n# block_structure_runtime_{name}: {value}\n" in written
        assert f"block_structure_runtime_{name}" not in yaml.safe_load(written)


@pytest.mark.parametrize(
    ("asked", "proposed"),
    [
        ({"collector": "stock", "keys": "stock", "managed": True}, ["runtime-collector", "runtime-keys"]),
        ({"collector": "out_of_band", "keys": "stock", "managed": True}, ["runtime-keys"]),
        ({"collector": "stock", "keys": "hash_once", "managed": True}, ["runtime-collector"]),
        ({"collector": "out_of_band", "keys": "hash_once", "managed": True}, []),
        ({"collector": "stock", "keys": "stock", "managed": False}, []),
    ],
)
def test_what_is_chosen_or_unmanaged_is_not_proposed(release, asked, proposed):
    site = Site(release("teak"))
    SLOW(site)
    site.given["desired"] = {**DESIRED, "runtime": asked}
    assert [finding["id"] for finding in site.found()] == proposed


def test_only_the_keys_are_proposed_where_the_collector_costs_nothing(release):
    site = Site(release("teak"))
    measured(640.0, 630.0, 500.0, 495.0)(site)
    [finding] = site.found()
    assert (finding["id"], finding["cost"]) == ("runtime-keys", f"140 ms (22 %) of each read of {KEY}")
    assert "now 640 ms, hashed once 500 ms" in finding["cause"]


def test_why_hashes_cannot_be_kept_is_reported_where_nothing_is_gained(release):
    site = Site(release("teak"))
    measured(40.0, 30.0, page=(200.0, 190.0), keys_why="the installed edx-opaque-keys is not as expected")(site)
    [finding] = site.found()
    assert finding["id"] == "runtime-no-gain"
    assert finding["cause"].endswith("Hashes of keys cannot be kept here: the installed edx-opaque-keys is not as expected.")


@pytest.mark.parametrize(
    "plant",
    [
        measured(40.0, 30.0, 38.0, 28.0),  # no page was measured, and the read is but a part of it
        measured(40.0, 30.0, 38.0, 28.0, page=(200.0, 190.0, 185.0, 181.0), skipped=[{"key": "course-v1:X+Large+1"}]),
    ],
)
def test_nothing_is_said_of_a_site_whose_large_courses_were_not_measured(release, plant):
    site = Site(release("teak"))
    plant(site)
    assert site.found() == []


def test_no_proposal_without_a_large_course(release):
    site = Site(release("teak"))
    SLOW(site)
    site.given["runtime"]["courses"] = []
    assert site.found() == []


def test_diagnosis_needs_only_the_release(variables, table):
    del variables["block_structure_storage_bucket"]
    variables["block_structure_storage_bucket"] = None
    variables["block_structure_storage_prefix"] = "/x/"
    wanted = desired.resolve(variables, table).for_reading()
    assert (wanted.errors, wanted.desired.release.name, wanted.desired.content) == ((), "teak", None)
    variables["block_structure_release"] = "taek"
    refused = desired.resolve(variables, table).for_reading()
    assert [error.identifier for error in refused.errors] == ["release-unknown"]


def test_a_finding_about_the_variables_has_one_severity_everywhere(variables, table):
    """For a deploy, for verify and for diagnose."""
    found = desired.resolve(variables, table, plain_secrets=["block_structure_storage_secret_key"])
    severities = {finding.identifier: finding.severity for finding in found.findings}
    assert severities == {"secret-in-plain-inventory": "warning"}
    assert {finding.identifier: finding.severity for finding in found.for_reading().findings} == severities


def test_errors_of_the_inventory_are_reported_by_diagnosis(variables, table):
    variables["block_structure_storage_prefix"] = "/x/"
    wanted = desired.resolve(variables, table).for_reading()
    assert [finding.identifier for finding in wanted.findings] == ["prefix-leading-slash"]


def test_report_counts_findings_and_includes_servers_and_limits(release):
    site = Site(release("teak"))
    row(cache_timeout_in_seconds=60)(site)
    reported = report.of(site.snapshot(), platform="native", host="lms1", boots={"lms1": 1})
    assert reported["counts"] == {"error": 1, "warning": 1, "info": 0}
    assert reported["servers"][0]["hit_rate"] == 0.75
    assert reported["limits"] == {"cache_cap_bytes": 2 * MIB, "client_item_limit_bytes": None, "item_size_bytes": 3 * MIB}


def test_redis_is_reported_without_its_password(release):
    site = Site(release("teak"))
    redis(used_memory=MIB, keyspace_hits=3, keyspace_misses=1, uptime_in_seconds=60, version="7.4")(site)
    site.survey["settings"]["cache"]["locations"] = ["redis://:je7MtGbClwBF@redis:6379/1"]
    reported = report.of(site.snapshot(), platform="tutor_local", host="lms1", boots={})["redis"]
    assert (reported["server"], reported["hit_rate"], reported["maxmemory_bytes"]) == ("redis:6379", 0.75, 512 * MIB)
    redis(error={"type": "ConnectionError", "message": "refused"})(site)
    reported = report.of(site.snapshot(), platform="tutor_local", host="lms1", boots={})["redis"]
    assert reported == {"server": "redis:6379", "error": "ConnectionError: refused"}
    assert report.of(Site(release("teak")).snapshot(), platform="native", host="lms1", boots={})["redis"] is None


@pytest.mark.parametrize(
    ("plant", "identifier"),
    [
        (course(**COLD, object_error={"type": "ClientError", "code": "AccessDenied", "message": "m"}), "object-unreadable"),
        (asked(missing_object={"code": "403", "type": "ClientError", "message": "m"}), "iam-list-bucket-missing"),
        (asked(missing_object={"code": None, "type": "EndpointConnectionError", "message": "m"}), "storage-unusable"),
    ],
)
def test_failing_storage_means_a_rebuild_or_an_error_by_class(release, plant, identifier):
    costs = []
    for plants in ([plant], [plant, spooling()]):
        site = Site(release("teak"))
        for each in plants:
            each(site)
        costs.append(next(found["cost"] for found in site.found() if found["id"] == identifier))
    assert "HTTP 500" in costs[0]
    assert "rebuild" in costs[1]
    assert "500" not in costs[1]


def test_report_has_the_storage_state_of_each_host(release):
    site = Site(release("teak"))
    other_host(site)
    spooling(spool={"waiting": 2, "oldest": 0})(site)
    reported = report.of(site.snapshot(), platform="native", host="lms1", boots={"lms1": 1})
    assert {host: state["spool"]["waiting"] for host, state in reported["local_storage"].items()} == {"lms1": 2}
    assert report.of(Site(release("teak")).snapshot(), platform="native", host="lms1", boots={})["local_storage"] == {}


def test_table_shows_copies_spool_breaker_and_counters_of_each_host(release, capsys):
    site = Site(release("teak"))
    counters = {"counts": {"read_local": 9, "write_failed_timeout": 1, "spooled": 2}}
    spooling(
        spool={"waiting": 2, "oldest": 0},
        copies={"files": 7, "bytes": 3 * MIB},
        breaker={"open": True, "cause": "timeout"},
        counters=counters,
    )(site)
    diagnose.show(report.of(site.snapshot(), platform="native", host="lms1", boots={"lms1": 1}), everything=True)
    text = " ".join(capsys.readouterr().out.split())
    assert "Local copies and spool" in text
    assert "lms1 7 3.0 2 paused (timeout) read_local 9, spooled 2, write_failed_timeout 1" in text


def test_small_item_size_gets_the_value_of_the_deploy(release):
    site = Site(release("sumac"))  # without a plan the value would be 8m: Sumac has no cap
    site.course(bytes=2 * MIB, cached=False, tier="storage")
    site.given["servers"] = (server(live={"memory_mb": 128, "item_size_bytes": MIB}),)
    values = {finding["id"]: finding["value"] for finding in site.found()}
    assert values["item-size-small"] == PLAN["item_size_flag"]
    assert "memcached-small" not in values


def test_differing_settings_are_one_finding(release):
    site = Site(release("sumac"))
    site.survey["settings"]["block_structures"] = {"STORAGE_KWARGS": {}}
    (found,) = [finding for finding in site.found() if finding["id"] == "settings-differ"]
    assert "STORAGE_CLASS is unset, wanted is " in found["message"]
    assert found["evidence"]["STORAGE_KWARGS.bucket_name"] == [None, "b-c"]
    assert found["evidence"]["DIRECTORY_PREFIX"] == [None, "courses/"]


def test_table_is_readable_for_operators(release, capsys):
    site = Site(release("teak"))
    site.survey["courses"].append(entry(key="course-v1:ExampleX+Large+2026", bytes=2_500_000, cached=False, tier="storage"))
    servers = (server(), server("cache2:11211", live={}, stats={}, error="it does not answer"))
    reported = report.of(Snapshot(site.release, site.survey, servers), platform="native", host="lms1", boots={"lms1": 1})
    diagnose.show(reported, everything=True)
    shown = capsys.readouterr().out
    assert "course-v1:ExampleX+Large+2026" in shown
    assert "2,500,000" in shown
    assert "read from storage:" not in shown
    assert re.search(r"cache1:11211\W+default\W+128\W+3m\W", shown)
    assert re.search(r"cache2:11211\W+default\W+does not", shown)


def test_docs_page_has_every_finding():
    page = (Path(__file__).resolve().parents[2] / "docs" / "diagnose.md").read_text()
    assert [name for name in catalogue.CATALOGUE if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("plant", "remedy"),
    [
        (queues(sends=[STUDIO]), "set ALTERNATE_WORKER_QUEUES: lms in Studio's settings (studio.yml), restart"),
        (queues(studio_reads=[STUDIO, LMS_QUEUE]), "take edx.lms.core.default from the worker's --queues, and let"),
        (queues(eager=True), "remove CELERY_ALWAYS_EAGER from Studio's settings, restart"),
    ],
    ids=["no queue", "Studio reads it", "at once"],
)
def test_drafts_that_are_stored_already_are_one_finding_with_the_cause(release, plant, remedy):
    site = Site(release("teak"))
    plant(site)
    site.course(fresh=False, draft=True)
    found = [finding for finding in site.found() if "draft" in finding["id"]]
    assert [finding["id"] for finding in found] == ["drafts-served"]
    assert found[0]["remedy"].startswith(remedy)
    assert found[0]["remedy"].endswith("run openedx_operators.block_structure.deploy, which generates these courses.")


def test_queues_that_are_read_as_they_should_be_are_no_finding(release):
    site = Site(release("teak"))
    queues()(site)
    assert not {"queue-unread", "drafts-at-next-publish"} & {finding["id"] for finding in site.found()}


@pytest.mark.parametrize(
    ("listens", "password", "location", "severity"),
    [
        (["*", "-::*"], False, "redis://127.0.0.1:6379/1", "warning"),
        (["127.0.0.1", "192.0.2.7"], False, "redis://redis:6379/1", "info"),
        (["192.0.2.7"], False, "redis://[::1]:6379/1", "warning"),
        (["127.0.0.1", "-::1"], False, "redis://127.0.0.1:6379/1", None),
        ([], True, "redis://redis:6379/1", None),
        (None, False, "redis://redis:6379/1", None),
    ],
)
def test_a_redis_that_others_may_reach_without_a_password_is_a_finding(release, listens, password, location, severity):
    site = Site(release("teak"))
    redis(listens=listens, password=password)(site)
    site.survey["settings"]["cache"].update(locations=[location])
    found = [finding["severity"] for finding in site.found() if finding["id"] == "redis-open"]
    assert found == ([severity] if severity else [])


class RedisClient:
    """redis-py's client as far as the question goes; `bind` None refuses CONFIG, as hosted services do."""

    def __init__(self, bind: str | None, **given: Any) -> None:
        self.bind = bind
        self.connection_pool = types.SimpleNamespace(connection_kwargs=given)

    def config_get(self, name: str) -> dict[str, str]:
        if self.bind is None:
            raise RuntimeError("unknown command CONFIG")
        return {name: self.bind}


def test_redis_is_asked_where_it_listens():
    assert cache_server.reach(RedisClient("127.0.0.1 -::1")) == {"listens": ["127.0.0.1", "-::1"], "password": False}
    assert cache_server.reach(RedisClient("", password="x")) == {"listens": [], "password": True}
    assert cache_server.reach(RedisClient(None))["listens"] is None
